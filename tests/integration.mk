# Integration tests: the daemon, reaper and library of the build tree together, see harness.h.

if HAVE_CHECK

# Clients that act on cue.
check_LTLIBRARIES += libactor.la
libactor_la_CPPFLAGS = $(harness_cppflags) \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\" \
	-DFAILING_REAPER=\"$(abs_top_builddir)/failing-reaper\"
libactor_la_CFLAGS = $(harness_cflags)
libactor_la_LIBADD = libharness.la
libactor_la_SOURCES = \
	tests/actor.c \
	tests/actor.h \
	tests/failing.c \
	tests/failing.h

integration_tests = \
	test-access \
	test-access-matrix \
	test-access-read-only \
	test-access-silence \
	test-death \
	test-fork-queue \
	test-lifetimes \
	test-limits \
	test-many-objects \
	test-restart \
	test-snapshot \
	test-snapshot-death
check_PROGRAMS += $(integration_tests)
TESTS += $(integration_tests)
integration_ldadd = libactor.la libharness.la libproto.la libshmreg.la $(CHECK_LIBS)

own_uid_cppflags = \
	-DSHMREGD=\"$(abs_top_builddir)/shmregd\" \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
test_snapshot_CPPFLAGS = $(harness_cppflags)
test_snapshot_CFLAGS = $(harness_cflags)
test_snapshot_LDADD = $(integration_ldadd)
test_snapshot_SOURCES = \
	tests/random.h \
	tests/snapshot-crowd.c \
	tests/snapshot-crowd.h \
	tests/test-snapshot.c

test_snapshot_death_CPPFLAGS = $(harness_cppflags) \
	-DSHMREG_SNAPSHOT=\"$(abs_top_builddir)/shmreg-snapshot\"
test_snapshot_death_CFLAGS = $(harness_cflags)
test_snapshot_death_LDADD = $(integration_ldadd)
test_snapshot_death_SOURCES = \
	tests/snapshot-crowd.c \
	tests/snapshot-crowd.h \
	tests/test-snapshot-death.c

test_access_CPPFLAGS = $(harness_cppflags)
test_access_CFLAGS = $(harness_cflags)
test_access_LDADD = $(integration_ldadd)
test_access_SOURCES = tests/raw.c tests/raw.h tests/test-access.c

test_access_matrix_CPPFLAGS = $(harness_cppflags) $(own_uid_cppflags)
test_access_matrix_CFLAGS = $(harness_cflags)
test_access_matrix_LDADD = $(integration_ldadd)
test_access_matrix_SOURCES = \
	tests/access-visit.c \
	tests/access-visit.h \
	tests/own-uid.c \
	tests/own-uid.h \
	tests/raw.c \
	tests/raw.h \
	tests/test-access-matrix.c

test_access_read_only_CPPFLAGS = $(harness_cppflags) $(own_uid_cppflags)
test_access_read_only_CFLAGS = $(harness_cflags)
test_access_read_only_LDADD = $(integration_ldadd)
test_access_read_only_SOURCES = \
	tests/own-uid.c \
	tests/own-uid.h \
	tests/raw.c \
	tests/raw.h \
	tests/test-access-read-only.c

test_access_silence_CPPFLAGS = $(harness_cppflags) -DSHMREGCTL=\"$(abs_top_builddir)/shmregctl\"
test_access_silence_CFLAGS = $(harness_cflags)
test_access_silence_LDADD = $(integration_ldadd)
test_access_silence_SOURCES = tests/raw.c tests/raw.h tests/test-access-silence.c

test_many_objects_CPPFLAGS = $(harness_cppflags)
test_many_objects_CFLAGS = $(harness_cflags)
test_many_objects_LDADD = $(integration_ldadd)
test_many_objects_SOURCES = tests/test-many-objects.c

test_death_CPPFLAGS = $(harness_cppflags)
test_death_CFLAGS = $(harness_cflags)
test_death_LDADD = $(integration_ldadd)
test_death_SOURCES = tests/test-death.c

check_PROGRAMS += failing-reaper
failing_reaper_CPPFLAGS = -I$(top_srcdir)/proto
failing_reaper_SOURCES = tests/failing-reaper.c

test_fork_queue_CPPFLAGS = $(harness_cppflags)
test_fork_queue_CFLAGS = $(harness_cflags)
test_fork_queue_LDADD = $(integration_ldadd)
test_fork_queue_SOURCES = tests/test-fork-queue.c

test_lifetimes_CPPFLAGS = $(harness_cppflags)
test_lifetimes_CFLAGS = $(harness_cflags)
test_lifetimes_LDADD = $(integration_ldadd)
test_lifetimes_SOURCES = tests/test-lifetimes.c

test_limits_CPPFLAGS = $(harness_cppflags)
test_limits_CFLAGS = $(harness_cflags)
test_limits_LDADD = $(integration_ldadd)
test_limits_SOURCES = tests/test-limits.c

test_restart_CPPFLAGS = $(harness_cppflags)
test_restart_CFLAGS = $(harness_cflags)
test_restart_LDADD = $(integration_ldadd)
test_restart_SOURCES = tests/test-restart.c

endif


check_PROGRAMS += forbidding
forbidding_CFLAGS = $(AM_CFLAGS) $(LIBSECCOMP_CFLAGS)
forbidding_LDADD = $(LIBSECCOMP_LIBS)
forbidding_SOURCES = tests/forbidding.c

integration_scripts = \
	tests/test-events \
	tests/test-forbidden \
	tests/test-frames \
	tests/test-install \
	tests/test-service \
	tests/test-wordcount
TESTS += $(integration_scripts)
EXTRA_DIST += $(integration_scripts) tests/summary tests/user-session.sh tests/with-systemd
