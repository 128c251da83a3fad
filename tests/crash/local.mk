# tests/crash: killed at every instruction. `make check-crash` shows the table, `make check` runs
# the same; `make check-crash-full` leaves nothing out and takes its time.

check_PROGRAMS += crash-queue
crash_cppflags = -I$(top_srcdir)/tests/crash -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
crash_queue_CPPFLAGS = $(crash_cppflags)
# Symbols are bound before the first step.
crash_queue_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,now
crash_queue_LDADD = libstructures.la librepair.la libproto.la
crash_queue_SOURCES = \
	tests/crash/crash-queue.c \
	tests/crash/queue-operations.c \
	tests/crash/queue-operations.h \
	tests/crash/queue-oracle.c \
	tests/crash/queue-oracle.h \
	tests/crash/queue-rig.c \
	tests/crash/queue-rig.h \
	tests/crash/queue-sweep.c \
	tests/crash/queue-sweep.h \
	tests/crash/tally.c \
	tests/crash/tally.h \
	tests/crash/tracer.c \
	tests/crash/tracer.h

TESTS += tests/crash/crash.sh
EXTRA_DIST += tests/crash/crash.sh

crash_needs = crash-queue shmregd shmreg-reaper
if HAVE_CHECK
crash_needs += crash-attach
endif
.PHONY: check-crash check-crash-full
check-crash: $(crash_needs)
	@top_builddir=$(top_builddir) $(SHELL) $(srcdir)/tests/crash/crash.sh || \
		{ status=$$?; test $$status = 77 || exit $$status; }
check-crash-full: $(crash_needs)
	@SHMREG_CRASH_FULL=1 top_builddir=$(top_builddir) $(SHELL) $(srcdir)/tests/crash/crash.sh || \
		{ status=$$?; test $$status = 77 || exit $$status; }

if HAVE_CHECK
check_PROGRAMS += crash-attach
crash_attach_CPPFLAGS = $(harness_cppflags) -I$(top_srcdir)/tests/crash
crash_attach_CFLAGS = $(harness_cflags)
crash_attach_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,now
crash_attach_LDADD = $(harness_ldadd)
crash_attach_SOURCES = \
	tests/crash/crash-attach.c \
	tests/crash/tally.c \
	tests/crash/tally.h \
	tests/crash/tracer.c \
	tests/crash/tracer.h
endif
