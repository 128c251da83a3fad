# daemon/: shmregd (includes proto/ only) and shmreg-reaper (libclient's recovery and proto/).

# What decides: knows no loop, no socket, no systemd. Linked by shmregd and by unit tests.
noinst_LTLIBRARIES += libshmregd-core.la
libshmregd_core_la_CPPFLAGS = -I$(top_srcdir)/proto $(USDT_CPPFLAGS)
libshmregd_core_la_LIBADD = libproto.la
libshmregd_core_la_SOURCES = \
	daemon/bitmap.c \
	daemon/bitmap.h \
	daemon/directory-internal.h \
	daemon/directory-recover.c \
	daemon/directory.c \
	daemon/directory.h \
	daemon/extents.c \
	daemon/extents.h \
	daemon/hash.c \
	daemon/hash.h \
	daemon/memfd.c \
	daemon/memfd.h \
	daemon/placement.c \
	daemon/placement.h \
	daemon/policy.c \
	daemon/policy.h \
	daemon/quota.c \
	daemon/quota.h \
	daemon/refuse.c \
	daemon/refuse.h \
	daemon/registry-admin.c \
	daemon/registry-attach.c \
	daemon/registry-create.c \
	daemon/registry-event.c \
	daemon/registry-internal.h \
	daemon/registry-life.c \
	daemon/registry-object.c \
	daemon/registry-restore.c \
	daemon/registry-seat.c \
	daemon/registry-verify.c \
	daemon/registry-watch.c \
	daemon/registry.c \
	daemon/registry.h \
	daemon/root.c \
	daemon/root.h \
	daemon/segment-ro.c \
	daemon/segment-verify.c \
	daemon/segment-watch.c \
	daemon/segment.c \
	daemon/segment.h \
	daemon/uid-limits.c \
	daemon/uid-limits.h

# What both of the next two receive.
job_sources = daemon/job.c daemon/job.h

# Repairs after a death: the library's recovery in a sandbox. Not libshmreg itself.
pkglibexec_PROGRAMS += shmreg-reaper
shmreg_reaper_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
shmreg_reaper_CFLAGS = $(AM_CFLAGS) $(LIBSECCOMP_CFLAGS)
shmreg_reaper_LDADD = librepair.la libproto.la $(LIBSECCOMP_LIBS)
shmreg_reaper_SOURCES = \
	$(job_sources) \
	daemon/reaper-sandbox.c \
	daemon/reaper-sandbox.h \
	daemon/reaper.c

# Copies of segments at a death, in a sandbox, too.
pkglibexec_PROGRAMS += shmreg-snapshot
shmreg_snapshot_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
shmreg_snapshot_CFLAGS = $(AM_CFLAGS) $(LIBSECCOMP_CFLAGS)
shmreg_snapshot_LDADD = libsnapshot.la libproto.la $(LIBSECCOMP_LIBS)
shmreg_snapshot_SOURCES = \
	$(job_sources) \
	daemon/snapshot-sandbox.c \
	daemon/snapshot-sandbox.h \
	daemon/snapshot.c

# The rest: what the daemon does with loop, sockets, processes and service manager.
bin_PROGRAMS += shmregd
shmregd_CPPFLAGS = -I$(top_srcdir)/proto $(shmregd_paths)
shmregd_paths = -DPKGLIBEXECDIR=\"$(pkglibexecdir)\" -DSYSCONFDIR=\"$(sysconfdir)\"
shmregd_CFLAGS = $(AM_CFLAGS) $(LIBSYSTEMD_CFLAGS) $(LIBINIH_CFLAGS)
shmregd_LDADD = libshmregd-core.la libproto.la $(LIBSYSTEMD_LIBS) $(LIBINIH_LIBS) $(LIBEV_LIBS)
shmregd_SOURCES = \
	daemon/bus-address.c \
	daemon/bus-address.h \
	daemon/bus-args.c \
	daemon/bus-args.h \
	daemon/bus-calls.c \
	daemon/bus-events.c \
	daemon/bus-internal.h \
	daemon/bus-methods.c \
	daemon/bus-stats.c \
	daemon/bus-vtable.c \
	daemon/bus.c \
	daemon/bus.h \
	daemon/chores.c \
	daemon/chores.h \
	daemon/clients.c \
	daemon/clients.h \
	daemon/dispatch.c \
	daemon/dispatch.h \
	daemon/janitor.c \
	daemon/janitor.h \
	daemon/kept-limits.c \
	daemon/kept-limits.h \
	daemon/listener.c \
	daemon/listener.h \
	daemon/lock.c \
	daemon/lock.h \
	daemon/lock-wait.c \
	daemon/lock-wait.h \
	daemon/log.c \
	daemon/log.h \
	daemon/main.c \
	daemon/message-ids.h \
	daemon/notify.c \
	daemon/notify.h \
	daemon/options-internal.h \
	daemon/options-parse.c \
	daemon/options-uid.c \
	daemon/options.c \
	daemon/options.h \
	daemon/parking.c \
	daemon/parking.h \
	daemon/peer-greet.c \
	daemon/peer.c \
	daemon/peer.h \
	daemon/reapers-internal.h \
	daemon/reapers-process.c \
	daemon/reapers.c \
	daemon/reapers.h \
	daemon/restore.c \
	daemon/restore.h \
	daemon/rights.c \
	daemon/rights.h \
	daemon/server-internal.h \
	daemon/server-limits.c \
	daemon/server-ops.c \
	daemon/server-watch.c \
	daemon/server.c \
	daemon/server.h \
	daemon/snapshots.c \
	daemon/snapshots.h \
	daemon/spawn.c \
	daemon/spawn.h \
	daemon/status.c \
	daemon/status.h \
	daemon/store.c \
	daemon/store.h \
	daemon/subscribers.c \
	daemon/subscribers.h \
	daemon/token.c \
	daemon/token.h \
	daemon/watchers.c \
	daemon/watchers.h
