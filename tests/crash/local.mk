# tests/crash: killed at every instruction. `make check-crash` shows the tables, `make check` runs
# the same; `make check-crash-full` leaves nothing out and takes its time. See README.

# The engine: each crash-NAME adds its subject.
check_LTLIBRARIES += libcrash.la
crash_cppflags = -I$(top_srcdir)/tests/crash -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
libcrash_la_CPPFLAGS = $(crash_cppflags)
libcrash_la_SOURCES = \
	tests/crash/case.c \
	tests/crash/case.h \
	tests/crash/crash-main.c \
	tests/crash/image.c \
	tests/crash/image.h \
	tests/crash/inside.c \
	tests/crash/inside.h \
	tests/crash/item.h \
	tests/crash/rig.c \
	tests/crash/rig.h \
	tests/crash/subject.h \
	tests/crash/sweep-race.c \
	tests/crash/sweep.c \
	tests/crash/sweep.h \
	tests/crash/tally.c \
	tests/crash/tally.h \
	tests/crash/tracer.c \
	tests/crash/tracer.h
crash_ldadd = libcrash.la libstructures.la librepair.la libproto.la
# Symbols are bound before the first step.
crash_ldflags = $(AM_LDFLAGS) -Wl,-z,now

crash_programs = crash-array crash-atomic crash-cell crash-long-records crash-object-queue crash-queue \
	crash-records crash-ring crash-topic
check_PROGRAMS += $(crash_programs)

# What is inline but was not inlined is in the library.
crash_array_CPPFLAGS = $(crash_cppflags)
crash_array_LDFLAGS = $(crash_ldflags)
crash_array_LDADD = $(crash_ldadd) libshmreg.la
crash_array_SOURCES = tests/crash/array.c

crash_programs += crash-pool
crash_pool_CPPFLAGS = $(crash_cppflags)
crash_pool_LDFLAGS = $(crash_ldflags)
crash_pool_LDADD = $(crash_ldadd)
crash_pool_SOURCES = \
	tests/crash/pool-operations.c \
	tests/crash/pool-oracle.c \
	tests/crash/pool-rig.c \
	tests/crash/pool-rig.h

crash_atomic_CPPFLAGS = $(crash_cppflags)
crash_atomic_LDFLAGS = $(crash_ldflags)
crash_atomic_LDADD = $(crash_ldadd) libshmreg.la
crash_atomic_SOURCES = tests/crash/atomic.c

crash_cell_CPPFLAGS = $(crash_cppflags)
crash_cell_LDFLAGS = $(crash_ldflags)
crash_cell_LDADD = $(crash_ldadd)
crash_cell_SOURCES = \
	tests/crash/cell.c \
	tests/crash/cell-oracle.c \
	tests/crash/cell-rig.h

crash_object_queue_CPPFLAGS = $(crash_cppflags)
crash_object_queue_LDFLAGS = $(crash_ldflags)
crash_object_queue_LDADD = $(crash_ldadd)
crash_object_queue_SOURCES = \
	tests/crash/object-queue.c \
	tests/crash/object-queue-operations.c \
	tests/crash/object-queue-oracle.c \
	tests/crash/object-queue-rig.h \
	tests/crash/queue-start.h

crash_queue_CPPFLAGS = $(crash_cppflags)
# queue-sleep.c is the kernel.
crash_queue_LDFLAGS = $(crash_ldflags) -Wl,--wrap=futex_wait_any -Wl,--wrap=futex_wake \
	-Wl,--wrap=futex_clear_and_wake
crash_queue_LDADD = $(crash_ldadd)
crash_queue_SOURCES = \
	tests/crash/queue-operations.c \
	tests/crash/queue-oracle.c \
	tests/crash/queue-rig.c \
	tests/crash/queue-rig.h \
	tests/crash/queue-sleep.c \
	tests/crash/queue-start.h

crash_long_records_CPPFLAGS = $(crash_cppflags)
crash_long_records_LDFLAGS = $(crash_ldflags)
crash_long_records_LDADD = $(crash_ldadd)
crash_long_records_SOURCES = tests/crash/ring-account.h tests/crash/long-records.c

crash_records_CPPFLAGS = $(crash_cppflags)
crash_records_LDFLAGS = $(crash_ldflags)
crash_records_LDADD = $(crash_ldadd)
crash_records_SOURCES = tests/crash/ring-account.h tests/crash/records.c

crash_ring_CPPFLAGS = $(crash_cppflags)
crash_ring_LDFLAGS = $(crash_ldflags)
crash_ring_LDADD = $(crash_ldadd)
crash_ring_SOURCES = tests/crash/ring-account.h tests/crash/ring.c

crash_topic_CPPFLAGS = $(crash_cppflags)
crash_topic_LDFLAGS = $(crash_ldflags)
crash_topic_LDADD = $(crash_ldadd)
crash_topic_SOURCES = \
	tests/crash/topic-operations.c \
	tests/crash/topic-oracle.c \
	tests/crash/topic-rig.c \
	tests/crash/topic-rig.h

TESTS += tests/crash/crash.sh
EXTRA_DIST += tests/crash/README tests/crash/crash.sh

crash_needs = $(crash_programs) shmregd shmreg-reaper
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
	tests/crash/attach-ways.c \
	tests/crash/attach.h \
	tests/crash/crash-attach.c \
	tests/crash/tally.c \
	tests/crash/tally.h \
	tests/crash/tracer.c \
	tests/crash/tracer.h
endif
