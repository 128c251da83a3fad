# The daemon's shell: its options, and the daemon itself by hand-made packets.
if HAVE_CHECK
PURE_TESTS += test-log test-options test-token
test_log_CPPFLAGS = -I$(top_srcdir)/daemon -I$(top_srcdir)/tests
test_log_CFLAGS = $(harness_cflags)
test_log_LDADD = $(CHECK_LIBS)
test_log_SOURCES = daemon/log.c tests/suite.h tests/test-log.c
test_token_CPPFLAGS = $(core_cppflags)
test_token_CFLAGS = $(core_cflags)
test_token_LDADD = $(core_ldadd)
test_token_SOURCES = daemon/token.c daemon/token.h tests/suite.h tests/test-token.c
test_options_CPPFLAGS = -I$(top_srcdir)/daemon -I$(top_srcdir)/proto $(shmregd_paths)
test_options_CFLAGS = $(check_cflags) $(LIBINIH_CFLAGS)
test_options_LDADD = $(LIBINIH_LIBS) $(CHECK_LIBS)
test_options_SOURCES = \
	daemon/log.c \
	daemon/options-parse.c \
	daemon/options-uid.c \
	daemon/options.c \
	daemon/uid-limits.c \
	tests/suite.h \
	tests/test-options.c

PURE_TESTS += test-bus-args
test_bus_args_CPPFLAGS = $(core_cppflags)
test_bus_args_CFLAGS = $(core_cflags)
test_bus_args_LDADD = $(core_ldadd)
test_bus_args_SOURCES = \
	daemon/bus-address.c \
	daemon/bus-args.c \
	tests/suite.h \
	tests/test-bus-args.c

daemon_tests = test-daemon-protocol test-daemon-life test-daemon-restart test-daemon-watch \
	test-daemon-bell test-daemon-root test-daemon-version \
	test-daemon-store test-daemon-exec test-daemon-reaper test-daemon-rest test-daemon-spares test-daemon-descriptors
check_PROGRAMS += $(daemon_tests)
TESTS += $(daemon_tests)
daemon_test_ldadd = $(harness_ldadd) libproto.la
test_daemon_protocol_CPPFLAGS = $(harness_cppflags)
test_daemon_protocol_CFLAGS = $(harness_cflags)
test_daemon_protocol_LDADD = $(daemon_test_ldadd)
test_daemon_protocol_SOURCES = tests/random.h tests/raw.c tests/raw.h tests/test-daemon-protocol.c
restart_fixture = tests/raw.c tests/raw.h tests/restart-fixture.c tests/restart-fixture.h
test_daemon_restart_CPPFLAGS = $(harness_cppflags)
test_daemon_restart_CFLAGS = $(harness_cflags)
test_daemon_restart_LDADD = $(daemon_test_ldadd)
test_daemon_restart_SOURCES = $(restart_fixture) tests/test-daemon-restart.c
test_daemon_store_CPPFLAGS = $(harness_cppflags)
test_daemon_store_CFLAGS = $(harness_cflags)
test_daemon_store_LDADD = $(daemon_test_ldadd)
test_daemon_store_SOURCES = $(restart_fixture) tests/test-daemon-store.c
test_daemon_exec_CPPFLAGS = $(harness_cppflags)
test_daemon_exec_CFLAGS = $(harness_cflags)
test_daemon_exec_LDADD = $(daemon_test_ldadd)
test_daemon_exec_SOURCES = $(restart_fixture) tests/test-daemon-exec.c
test_daemon_reaper_CPPFLAGS = $(harness_cppflags) \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
test_daemon_reaper_CFLAGS = $(harness_cflags)
test_daemon_reaper_LDADD = $(daemon_test_ldadd)
test_daemon_reaper_SOURCES = $(restart_fixture) tests/test-daemon-reaper.c
test_daemon_descriptors_CPPFLAGS = $(harness_cppflags)
test_daemon_descriptors_CFLAGS = $(harness_cflags)
test_daemon_descriptors_LDADD = $(daemon_test_ldadd)
test_daemon_descriptors_SOURCES = $(restart_fixture) tests/test-daemon-descriptors.c
test_daemon_rest_CPPFLAGS = $(harness_cppflags)
test_daemon_rest_CFLAGS = $(harness_cflags)
test_daemon_rest_LDADD = $(daemon_test_ldadd)
test_daemon_rest_SOURCES = $(restart_fixture) tests/test-daemon-rest.c

test_daemon_spares_CPPFLAGS = $(harness_cppflags)
test_daemon_spares_CFLAGS = $(harness_cflags)
test_daemon_spares_LDADD = $(daemon_test_ldadd)
test_daemon_spares_SOURCES = $(restart_fixture) tests/test-daemon-spares.c
watch_fixture = tests/raw-watch.c tests/layouts.h tests/raw-watch.h tests/raw.c tests/raw.h \
	tests/watch-fixture.c tests/watch-fixture.h
test_daemon_watch_CPPFLAGS = $(harness_cppflags)
test_daemon_watch_CFLAGS = $(harness_cflags)
test_daemon_watch_LDADD = $(daemon_test_ldadd)
test_daemon_watch_SOURCES = $(watch_fixture) tests/test-daemon-watch.c
check_PROGRAMS += test-bus-callers
TESTS += test-bus-callers
test_bus_callers_CPPFLAGS = $(harness_cppflags)
test_bus_callers_CFLAGS = $(harness_cflags) $(LIBSYSTEMD_CFLAGS)
test_bus_callers_LDADD = $(harness_ldadd) $(LIBSYSTEMD_LIBS)
test_bus_callers_SOURCES = tests/fake-bus.c tests/fake-bus.h tests/test-bus-callers.c
test_daemon_bell_CPPFLAGS = $(harness_cppflags)
test_daemon_bell_CFLAGS = $(harness_cflags)
test_daemon_bell_LDADD = libactor.la $(daemon_test_ldadd)
test_daemon_bell_SOURCES = $(watch_fixture) tests/test-daemon-bell.c
test_daemon_root_CPPFLAGS = $(harness_cppflags)
test_daemon_root_CFLAGS = $(harness_cflags)
test_daemon_root_LDADD = $(daemon_test_ldadd)
test_daemon_root_SOURCES = $(asleep) tests/raw.c tests/raw.h tests/test-daemon-root.c
test_daemon_version_CPPFLAGS = $(harness_cppflags)
test_daemon_version_CFLAGS = $(harness_cflags)
test_daemon_version_LDADD = $(daemon_test_ldadd)
test_daemon_version_SOURCES = $(asleep) tests/raw.c tests/raw.h tests/test-daemon-version.c
test_daemon_life_CPPFLAGS = $(harness_cppflags) \
	-DSHMREGD=\"$(abs_top_builddir)/shmregd\" \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
test_daemon_life_CFLAGS = $(harness_cflags)
test_daemon_life_LDADD = $(daemon_test_ldadd)
test_daemon_life_SOURCES = \
	tests/alone.c \
	tests/alone.h \
	tests/raw.c \
	tests/raw.h \
	tests/test-daemon-life.c
endif
