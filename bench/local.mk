# bench/: ours and others' structures, measured side by side. Sees the installed headers only.

check_PROGRAMS += shmreg-bench
EXTRA_DIST += bench/README bench/bundle bench/plot
bench_cppflags = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -I$(top_srcdir)/ctl
shmreg_bench_CPPFLAGS = $(bench_cppflags)
# Loops of a few instructions take one cycle or two depending on where they lie: nobody is to be lucky.
bench_cflags = -falign-functions=64 -falign-loops=32
# As applications are built: the headers are written for strict aliasing, too.
shmreg_bench_CFLAGS = $(AM_CFLAGS) -fstrict-aliasing $(bench_cflags)
shmreg_bench_LDADD = $(bench_peers) libshmreg.la -lm -lrt
shmreg_bench_DEPENDENCIES = $(bench_peers) libshmreg.la
shmreg_bench_SOURCES = \
	bench/arena.h \
	bench/bare-lines.c \
	bench/bare-rings.c \
	bench/bare-values.c \
	bench/bare-vyukov.c \
	bench/bench.h \
	bench/control.c \
	bench/control.h \
	bench/crew.c \
	bench/crew.h \
	bench/death.c \
	bench/death.h \
	bench/families.h \
	bench/huge.c \
	bench/loops.h \
	bench/main.c \
	bench/memory.c \
	bench/messages.c \
	bench/messages.h \
	bench/peer-posix.c \
	bench/place.c \
	bench/place.h \
	bench/plane.c \
	bench/plane-daemon.c \
	bench/plane-daemon.h \
	bench/pool.c \
	bench/queue.c \
	bench/report.c \
	bench/report.h \
	bench/result.c \
	bench/result.h \
	bench/ring.c \
	bench/rows.c \
	bench/run.c \
	bench/run.h \
	bench/support.c \
	bench/values.c \
	ctl/json.c

# Who is killed. Not through a script of libtool: its pid is the one that is waited for.
check_PROGRAMS += shmreg-bench-victim
shmreg_bench_victim_CPPFLAGS = $(bench_cppflags)
shmreg_bench_victim_LDFLAGS = $(AM_LDFLAGS) -no-install
shmreg_bench_victim_LDADD = libshmreg.la
shmreg_bench_victim_SOURCES = bench/victim.c

# What others have made, each with the flags that it wants. The measuring loops are in its file.
bench_peers =
if HAVE_BENCH_CK
shmreg_bench_SOURCES += bench/peer-ck.c
endif
if HAVE_BENCH_RTE
check_LTLIBRARIES += libbenchrte.la
bench_peers += libbenchrte.la
libbenchrte_la_CPPFLAGS = $(bench_cppflags)
libbenchrte_la_CFLAGS = $(shmreg_bench_CFLAGS) $(BENCH_RTE_CFLAGS)
libbenchrte_la_SOURCES = bench/peer-rte.c
endif
if HAVE_BENCH_ZMQ
shmreg_bench_SOURCES += bench/peer-zmq.c
shmreg_bench_CFLAGS += $(BENCH_ZMQ_CFLAGS)
shmreg_bench_LDADD += $(BENCH_ZMQ_LIBS)
endif
if HAVE_BENCH_ICEORYX
check_LTLIBRARIES += libbenchiceoryx.la
bench_peers += libbenchiceoryx.la
libbenchiceoryx_la_CPPFLAGS = $(bench_cppflags) $(BENCH_ICEORYX_CFLAGS)
libbenchiceoryx_la_CFLAGS = $(shmreg_bench_CFLAGS) -Wno-strict-prototypes -Wno-error
libbenchiceoryx_la_LIBADD = -liceoryx_binding_c
libbenchiceoryx_la_SOURCES = bench/peer-iceoryx.c
endif

# The C++ ones by a rule of their own, so that C++ is wanted for nothing else.
bench_cxx = $(TEST_CXX) -std=gnu++17 -O2 -g -Wall -Wextra $(bench_cflags) \
	$(bench_cppflags) -I.
bench_cxx_headers = $(top_srcdir)/bench/bench.h $(top_srcdir)/bench/families.h \
	$(top_srcdir)/bench/loops.h $(top_srcdir)/bench/messages.h
bench_cxx_objects =
if HAVE_BENCH_BOOST
bench_cxx_objects += bench/peer-boost.$(OBJEXT)
endif
if HAVE_BENCH_INTERPROCESS
bench_cxx_objects += bench/peer-interprocess.$(OBJEXT)
endif
if HAVE_BENCH_CONCURRENTQUEUE
bench_cxx_objects += bench/peer-concurrentqueue.$(OBJEXT)
endif
if HAVE_BENCH_READERWRITERQUEUE
bench_cxx_objects += bench/peer-readerwriterqueue.$(OBJEXT)
endif
bench_peers += $(bench_cxx_objects)
shmreg_bench_LDADD += $(if $(strip $(bench_cxx_objects)),-lstdc++ -lpthread)
$(bench_cxx_objects): bench/%.$(OBJEXT): $(top_srcdir)/bench/%.cc $(bench_cxx_headers)
	@$(MKDIR_P) bench
	$(AM_V_CXX)$(bench_cxx) -c -o $@ $<
AM_V_CXX = $(am__v_CXX_$(V))
am__v_CXX_ = $(am__v_CXX_$(AM_DEFAULT_VERBOSITY))
am__v_CXX_0 = @echo "  CXX     " $@;
am__v_CXX_1 =
CLEANFILES += $(bench_cxx_objects)
EXTRA_DIST += bench/peer-boost.cc bench/peer-ck.c bench/peer-concurrentqueue.cc \
	bench/peer-iceoryx.c bench/peer-interprocess.cc bench/peer-readerwriterqueue.cc \
	bench/peer-rte.c bench/peer-zmq.c

# Under a private daemon; the table on standard output, the rest beside it in bench-results/.
bench_programs = shmreg-bench$(EXEEXT) shmreg-bench-victim$(EXEEXT) \
	shmregctl$(EXEEXT) shmregd$(EXEEXT) shmreg-reaper$(EXEEXT)
.PHONY: bench bench-full bench-bundle
bench bench-full: $(bench_programs)
	@mkdir -p bench-results
	@case $@ in *-full) full=--full ;; esac; \
	./shmregctl run --daemon ./shmregd --reaper ./shmreg-reaper -- \
		./shmreg-bench $$full $(BENCH_ARGS) --json bench-results/$@.json
	@$(top_srcdir)/bench/plot bench-results/$@.json || test $$? = 77
# For a machine without any of this.
bench-bundle: $(bench_programs)
	@$(top_srcdir)/bench/bundle bench-bundle
clean-local: clean-bench
.PHONY: clean-bench
clean-bench:
	rm -rf bench-results bench-bundle

TESTS += tests/test-bench
EXTRA_DIST += tests/test-bench
