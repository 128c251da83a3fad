# libclient/: libshmreg. Includes proto/ only; needs libc only.

lib_LTLIBRARIES += libshmreg.la
libshmreg_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
libshmreg_la_LDFLAGS = $(AM_LDFLAGS) -version-info 0:0:0 \
	-Wl,--version-script=$(top_srcdir)/libclient/shmreg.map
libshmreg_la_LIBADD = libsnapshot.la libstructures.la libproto.la
libshmreg_la_DEPENDENCIES = libsnapshot.la libstructures.la libproto.la libclient/shmreg.map
libshmreg_la_SOURCES = \
	libclient/admin.c \
	libclient/arena.c \
	libclient/arena.h \
	libclient/array.c \
	libclient/atomic.c \
	libclient/bells.c \
	libclient/bells.h \
	libclient/own-bell.c \
	libclient/own-bell.h \
	libclient/cell.c \
	libclient/connection.c \
	libclient/connection.h \
	libclient/connection-session.c \
	libclient/error.c \
	libclient/error.h \
	libclient/event.c \
	libclient/line.c \
	libclient/line.h \
	libclient/object.c \
	libclient/object.h \
	libclient/object-handle.c \
	libclient/object-queue.c \
	libclient/object-wait.c \
	libclient/params.c \
	libclient/params.h \
	libclient/place.c \
	libclient/place.h \
	libclient/pool.c \
	libclient/queue.c \
	libclient/records.c \
	libclient/reserve.c \
	libclient/reserve.h \
	libclient/ring-open.c \
	libclient/ring-open.h \
	libclient/ring.c \
	libclient/role.c \
	libclient/root.c \
	libclient/root.h \
	libclient/segment-apart.c \
	libclient/segment-cost.c \
	libclient/segment-create.c \
	libclient/segment-wait.c \
	libclient/segment.c \
	libclient/segment.h \
	libclient/snapshot-open.c \
	libclient/snapshot-take.c \
	libclient/topic.c \
	libclient/transport.c \
	libclient/transport.h \
	libclient/wait-any.c \
	libclient/wait-check.h \
	libclient/wait.c \
	libclient/watch.c

# The structures' operations, apart so that tests link them without a segment and a daemon.
noinst_LTLIBRARIES += libstructures.la
libstructures_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto $(USDT_CPPFLAGS)
libstructures_la_SOURCES = \
	libclient/again.h \
	libclient/atomic-wait.c \
	libclient/copy-long.c \
	libclient/copy-long.h \
	libclient/deadline.h \
	libclient/futex.c \
	libclient/futex.h \
	libclient/cell-bind.c \
	libclient/cell-bind.h \
	libclient/cell-read.c \
	libclient/cell-stat.c \
	libclient/cell-wait.c \
	libclient/object-queue-bind.c \
	libclient/object-queue-bind.h \
	libclient/object-queue-claim.c \
	libclient/object-queue-wait.c \
	libclient/pool-bind.c \
	libclient/pool-bind.h \
	libclient/pool-claim.c \
	libclient/pool-hints.h \
	libclient/pool-keep.c \
	libclient/pool-keep.h \
	libclient/pool-release.c \
	libclient/pool-stat.c \
	libclient/pool-wait.c \
	libclient/queue-bind.c \
	libclient/queue-bind.h \
	libclient/queue-claim.c \
	libclient/queue-manners.h \
	libclient/queue-stat.c \
	libclient/queue-wait.c \
	libclient/ready.c \
	libclient/ready.h \
	libclient/relax.h \
	libclient/records-long.c \
	libclient/records-long.h \
	libclient/records-look.c \
	libclient/records-wait.c \
	libclient/ring-bind.c \
	libclient/ring-bind.h \
	libclient/ring-look.c \
	libclient/ring-look.h \
	libclient/ring-stat.c \
	libclient/ring-wait.c \
	libclient/ring-wait.h \
	libclient/role.h \
	libclient/topic-bind.c \
	libclient/topic-bind.h \
	libclient/topic-publish.c \
	libclient/topic-read.c \
	libclient/topic-stat.c \
	libclient/topic-wait.c \
	libclient/waiter.c \
	libclient/waiter.h \
	libclient/wake.c

# Copies of segments, which shmreg-snapshot links, too (with libproto.la).
noinst_LTLIBRARIES += libsnapshot.la
libsnapshot_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
libsnapshot_la_SOURCES = \
	libclient/snapshot-cell.c \
	libclient/snapshot-copy.c \
	libclient/snapshot-copy.h \
	libclient/snapshot-pool.c \
	libclient/snapshot-queue.c \
	libclient/snapshot-ring.c \
	libclient/snapshot-topic.c \
	libclient/snapshot-write.c

# Recovery, which shmreg-reaper links (with libproto.la).
noinst_LTLIBRARIES += librepair.la
librepair_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
librepair_la_SOURCES = \
	libclient/cell-repair.c \
	libclient/cell-repair.h \
	libclient/pool-hints.h \
	libclient/pool-repair.c \
	libclient/pool-repair.h \
	libclient/queue-repair.c \
	libclient/queue-repair.h \
	libclient/repair-memory.c \
	libclient/repair-memory.h \
	libclient/repair-report.h \
	libclient/repair.c \
	libclient/repair.h \
	libclient/ring-repair.c \
	libclient/ring-repair.h \
	libclient/topic-repair.c \
	libclient/topic-repair.h

EXTRA_DIST += libclient/shmreg.map libclient/shmreg.pc.in

include_HEADERS = libclient/shmreg.h
shmreginclude_HEADERS += \
	libclient/shmreg/array.h \
	libclient/shmreg/atomic.h \
	libclient/shmreg/cell.h \
	libclient/shmreg/cell-inline.h \
	libclient/shmreg/cell-typed.h \
	libclient/shmreg/connection.h \
	libclient/shmreg/copy.h \
	libclient/shmreg/handle.h \
	libclient/shmreg/pool.h \
	libclient/shmreg/pool-inline.h \
	libclient/shmreg/pool-typed.h \
	libclient/shmreg/object-queue.h \
	libclient/shmreg/object-queue-inline.h \
	libclient/shmreg/object-queue-typed.h \
	libclient/shmreg/queue.h \
	libclient/shmreg/queue-batch-inline.h \
	libclient/shmreg/queue-inline.h \
	libclient/shmreg/queue-typed.h \
	libclient/shmreg/records-inline.h \
	libclient/shmreg/records.h \
	libclient/shmreg/ring-inline.h \
	libclient/shmreg/ring-typed.h \
	libclient/shmreg/ring.h \
	libclient/shmreg/segment.h \
	libclient/shmreg/snapshot.h \
	libclient/shmreg/topic-inline.h \
	libclient/shmreg/topic-look.h \
	libclient/shmreg/topic-publisher-inline.h \
	libclient/shmreg/topic-subscriber-inline.h \
	libclient/shmreg/topic-typed.h \
	libclient/shmreg/topic.h \
	libclient/shmreg/wait.h \
	libclient/shmreg/wake.h \
	libclient/shmreg/watch.h

pkgconfig_DATA += libclient/shmreg.pc
CLEANFILES += libclient/shmreg.pc
libclient/shmreg.pc: $(top_srcdir)/libclient/shmreg.pc.in Makefile
	$(AM_V_GEN)$(MKDIR_P) libclient && $(substitute) $(top_srcdir)/libclient/shmreg.pc.in >$@
