# bench/: ours and others' structures, measured side by side. Sees the installed headers only.

check_PROGRAMS += shmreg-bench
EXTRA_DIST += bench/README
shmreg_bench_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -I$(top_srcdir)/ctl
shmreg_bench_LDADD = libshmreg.la -lm
shmreg_bench_SOURCES = \
	bench/arena.h \
	bench/bare-vyukov.c \
	bench/bench.h \
	bench/crew.c \
	bench/crew.h \
	bench/families.h \
	bench/loops.h \
	bench/main.c \
	bench/place.c \
	bench/place.h \
	bench/queue.c \
	bench/report.c \
	bench/report.h \
	bench/result.c \
	bench/result.h \
	bench/rows.c \
	bench/run.c \
	bench/run.h \
	bench/support.c \
	ctl/json.c

# Under a private daemon; the table on standard output, the rest beside it in bench-results/.
bench_daemon = ./shmregctl run --daemon ./shmregd --reaper ./shmreg-reaper --
.PHONY: bench bench-full
bench bench-full: shmreg-bench$(EXEEXT) shmregctl$(EXEEXT) shmregd$(EXEEXT) shmreg-reaper$(EXEEXT)
	@mkdir -p bench-results
	@case $@ in *-full) full=--full ;; esac; \
	$(bench_daemon) ./shmreg-bench $$full $(BENCH_ARGS) --json bench-results/$@.json
clean-local: clean-bench
.PHONY: clean-bench
clean-bench:
	rm -rf bench-results

TESTS += tests/test-bench
EXTRA_DIST += tests/test-bench
