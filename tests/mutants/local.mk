# Tests the tests: each seeded bug must turn its test red. Not in make check: it compiles each of them.
#	make check-mutants [LISTS="queue ring"] [MUTANTS="NAME ..."]

TESTS += tests/mutants/there.sh
EXTRA_DIST += tests/mutants/run.sh tests/mutants/there.sh $(wildcard $(srcdir)/tests/mutants/*.list)
check-mutants: libshmreg.la shmregctl$(EXEEXT) shmregd$(EXEEXT) shmreg-reaper$(EXEEXT) \
		ctl-peer$(EXEEXT) failing-reaper$(EXEEXT)
	@top_srcdir='$(abs_top_srcdir)' top_builddir='$(abs_top_builddir)' CC='$(CC)' \
	CHECK_CFLAGS='$(CHECK_CFLAGS)' CHECK_LIBS='$(CHECK_LIBS)' LISTS='$(LISTS)' \
	sh $(top_srcdir)/tests/mutants/run.sh $(MUTANTS)
.PHONY: check-mutants
