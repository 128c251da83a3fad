# tests/: Check programs, one a stem, and scripts. Unit tests need nothing but their module;
# integration tests link libharness.la, which runs a private daemon from the build tree.

# Unit tests of pure modules: no daemon, no processes. Also run by check-valgrind.
PURE_TESTS =
check_PROGRAMS += $(PURE_TESTS)
TESTS += $(PURE_TESTS)

if HAVE_CHECK

# For all that uses Check.
check_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS) -include $(top_srcdir)/tests/points.h

check_LTLIBRARIES += libharness.la
libharness_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto \
	-DSHMREGD=\"$(abs_top_builddir)/shmregd\" \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
libharness_la_CFLAGS = $(check_cflags)
libharness_la_LIBADD = libshmreg.la $(CHECK_LIBS)
libharness_la_SOURCES = \
	tests/census.c \
	tests/census.h \
	tests/harness.c \
	tests/harness.h \
	tests/keeper.c \
	tests/keeper.h \
	tests/points.h \
	tests/process.c \
	tests/process.h \
	tests/send-fds.h

# For tests of waits: sources, since some link libplain.la and some libharness.la; and -lpthread.
asleep = tests/asleep.c tests/asleep.h
readers = tests/readers.c tests/readers.h
syscalls = tests/syscalls.c tests/syscalls.h

# For every integration test: _CPPFLAGS, _CFLAGS, _LDADD.
harness_cppflags = -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
harness_cflags = $(check_cflags)
harness_ldadd = libharness.la libshmreg.la $(CHECK_LIBS)

check_PROGRAMS += test-keeper
TESTS += test-keeper
test_keeper_CPPFLAGS = $(harness_cppflags)
test_keeper_CFLAGS = $(harness_cflags)
test_keeper_LDADD = $(harness_ldadd)
test_keeper_SOURCES = tests/test-keeper.c

PURE_TESTS += test-directory-reader test-name test-object test-packet test-packet-reply
test_directory_reader_SOURCES = tests/test-directory-reader.c tests/suite.h tests/random.h
test_directory_reader_CPPFLAGS = -I$(top_srcdir)/proto
test_directory_reader_CFLAGS = $(harness_cflags)
test_directory_reader_LDADD = libproto.la $(CHECK_LIBS)

test_name_SOURCES = tests/test-name.c tests/suite.h tests/random.h
test_name_CPPFLAGS = -I$(top_srcdir)/proto
test_name_CFLAGS = $(harness_cflags)
test_name_LDADD = libproto.la $(CHECK_LIBS)

test_object_SOURCES = tests/test-object.c tests/layouts.h tests/suite.h tests/random.h
test_object_CPPFLAGS = -I$(top_srcdir)/proto
test_object_CFLAGS = $(harness_cflags)
test_object_LDADD = libproto.la $(CHECK_LIBS)

test_packet_SOURCES = tests/test-packet.c tests/suite.h tests/random.h
test_packet_CPPFLAGS = -I$(top_srcdir)/proto
test_packet_CFLAGS = $(harness_cflags)
test_packet_LDADD = libproto.la $(CHECK_LIBS)

test_packet_reply_SOURCES = tests/test-packet-reply.c tests/suite.h tests/random.h
test_packet_reply_CPPFLAGS = -I$(top_srcdir)/proto
test_packet_reply_CFLAGS = $(harness_cflags)
test_packet_reply_LDADD = libproto.la $(CHECK_LIBS)

# The pure half of the daemon: one program a module.
core_cppflags = -I$(top_srcdir)/tests -I$(top_srcdir)/daemon -I$(top_srcdir)/proto
core_cflags = $(check_cflags)
core_ldadd = libshmregd-core.la $(CHECK_LIBS)
registry_fixture = tests/registry-fixture.c tests/registry-fixture.h

PURE_TESTS += test-bitmap test-extents test-hash test-memfd test-policy test-quota
test_bitmap_CPPFLAGS = $(core_cppflags)
test_bitmap_CFLAGS = $(core_cflags)
test_bitmap_LDADD = $(core_ldadd)
test_bitmap_SOURCES = tests/test-bitmap.c tests/random.h tests/suite.h

test_extents_CPPFLAGS = $(core_cppflags)
test_extents_CFLAGS = $(core_cflags)
test_extents_LDADD = $(core_ldadd)
test_extents_SOURCES = tests/test-extents.c tests/random.h tests/suite.h

test_hash_CPPFLAGS = $(core_cppflags)
test_hash_CFLAGS = $(core_cflags)
test_hash_LDADD = $(core_ldadd)
test_hash_SOURCES = tests/test-hash.c tests/random.h tests/suite.h

test_memfd_CPPFLAGS = $(core_cppflags)
test_memfd_CFLAGS = $(core_cflags)
test_memfd_LDADD = $(core_ldadd)
test_memfd_SOURCES = tests/test-memfd.c tests/random.h tests/suite.h

test_policy_CPPFLAGS = $(core_cppflags)
test_policy_CFLAGS = $(core_cflags)
test_policy_LDADD = $(core_ldadd)
test_policy_SOURCES = tests/test-policy.c tests/random.h tests/suite.h

test_quota_CPPFLAGS = $(core_cppflags)
test_quota_CFLAGS = $(core_cflags)
test_quota_LDADD = $(core_ldadd)
test_quota_SOURCES = tests/test-quota.c tests/random.h tests/suite.h

PURE_TESTS += test-segment-cost test-directory-size
test_segment_cost_CPPFLAGS = $(harness_cppflags)
test_segment_cost_CFLAGS = $(harness_cflags)
test_segment_cost_LDADD = libshmreg.la $(CHECK_LIBS)
test_segment_cost_SOURCES = tests/test-segment-cost.c tests/suite.h

test_directory_size_CPPFLAGS = $(core_cppflags)
test_directory_size_CFLAGS = $(core_cflags)
test_directory_size_LDADD = $(core_ldadd)
test_directory_size_SOURCES = tests/test-directory-size.c

# Not a test: prints what a look-up costs here.
check_PROGRAMS += lookup-cost
lookup_cost_CPPFLAGS = $(core_cppflags)
lookup_cost_LDADD = libshmregd-core.la
lookup_cost_SOURCES = tests/lookup-cost.c tests/random.h

PURE_TESTS += test-directory test-directory-random test-registry test-registry-admin \
	test-registry-life test-registry-limits test-registry-model test-registry-rest test-registry-restart \
	test-registry-transfer \
	test-registry-watch
test_directory_CPPFLAGS = $(core_cppflags)
test_directory_CFLAGS = $(core_cflags)
test_directory_LDADD = $(core_ldadd)
test_directory_SOURCES = tests/test-directory.c tests/suite.h $(registry_fixture)

test_registry_CPPFLAGS = $(core_cppflags)
test_registry_CFLAGS = $(core_cflags)
test_registry_LDADD = $(core_ldadd)
test_registry_SOURCES = tests/test-registry.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_admin_CPPFLAGS = $(core_cppflags)
test_registry_admin_CFLAGS = $(core_cflags)
test_registry_admin_LDADD = $(core_ldadd)
test_registry_admin_SOURCES = tests/test-registry-admin.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_life_CPPFLAGS = $(core_cppflags)
test_registry_life_CFLAGS = $(core_cflags)
test_registry_life_LDADD = $(core_ldadd)
test_registry_life_SOURCES = tests/test-registry-life.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_limits_CPPFLAGS = $(core_cppflags)
test_registry_limits_CFLAGS = $(core_cflags)
test_registry_limits_LDADD = $(core_ldadd)
test_registry_limits_SOURCES = tests/test-registry-limits.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_rest_CPPFLAGS = $(core_cppflags)
test_registry_rest_CFLAGS = $(core_cflags)
test_registry_rest_LDADD = $(core_ldadd)
test_registry_rest_SOURCES = tests/test-registry-rest.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_restart_CPPFLAGS = $(core_cppflags)
test_registry_restart_CFLAGS = $(core_cflags)
test_registry_restart_LDADD = $(core_ldadd)
test_registry_restart_SOURCES = tests/test-registry-restart.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_transfer_CPPFLAGS = $(core_cppflags)
test_registry_transfer_CFLAGS = $(core_cflags)
test_registry_transfer_LDADD = $(core_ldadd)
test_registry_transfer_SOURCES = tests/test-registry-transfer.c tests/registry-world.h tests/suite.h $(registry_fixture)

test_registry_watch_CPPFLAGS = $(core_cppflags)
test_registry_watch_CFLAGS = $(core_cflags)
test_registry_watch_LDADD = $(core_ldadd)
test_registry_watch_SOURCES = tests/test-registry-watch.c tests/layouts.h tests/registry-world.h tests/suite.h $(registry_fixture)

test_directory_random_CPPFLAGS = $(core_cppflags)
test_directory_random_CFLAGS = $(core_cflags)
test_directory_random_LDADD = $(core_ldadd)
test_directory_random_SOURCES = tests/test-directory-random.c tests/random.h tests/suite.h \
	$(registry_fixture)

# Kills the directory's writer at every store.
check_PROGRAMS += test-registry-kill
TESTS += test-registry-kill
test_registry_kill_CPPFLAGS = $(core_cppflags)
test_registry_kill_CFLAGS = $(core_cflags)
test_registry_kill_LDADD = $(core_ldadd)
test_registry_kill_SOURCES = tests/test-registry-kill.c tests/kill-operations.c \
	tests/kill-operations.h tests/stepper.c tests/stepper.h \
	$(registry_fixture)

test_registry_model_CPPFLAGS = $(core_cppflags)
test_registry_model_CFLAGS = $(core_cflags)
test_registry_model_LDADD = $(core_ldadd)
test_registry_model_SOURCES = tests/test-registry-model.c tests/suite.h tests/registry-model.c \
	tests/registry-model-object.c tests/registry-model-segment.c tests/registry-model.h tests/random.h $(registry_fixture)

endif

# libclient/: test-connection against a daemon that misbehaves on request, the others against ours.
if HAVE_CHECK
connection_tests = test-connection test-connection-answers test-connection-lost
check_PROGRAMS += $(connection_tests) test-segment test-segment-daemon test-handle test-array test-atomic test-fork test-epoch
TESTS += $(connection_tests) test-segment test-segment-daemon test-handle test-array test-atomic test-fork test-epoch
PURE_TESTS += test-arena test-params
test_arena_CPPFLAGS = $(harness_cppflags)
test_arena_CFLAGS = $(harness_cflags)
test_arena_LDADD = $(CHECK_LIBS)
test_arena_SOURCES = tests/test-arena.c tests/suite.h libclient/arena.c
test_params_CPPFLAGS = $(harness_cppflags)
test_params_CFLAGS = $(harness_cflags)
test_params_LDADD = libproto.la $(CHECK_LIBS)
test_params_SOURCES = tests/test-params.c tests/suite.h libclient/error.c libclient/params.c
script = tests/fake.c tests/fake.h tests/script.c tests/script.h tests/suite.h
test_connection_CPPFLAGS = $(harness_cppflags)
test_connection_CFLAGS = $(harness_cflags)
test_connection_LDADD = libshmreg.la libproto.la $(CHECK_LIBS)
test_connection_SOURCES = $(script) tests/test-connection.c
test_connection_answers_CPPFLAGS = $(harness_cppflags)
test_connection_answers_CFLAGS = $(harness_cflags)
test_connection_answers_LDADD = libshmreg.la libproto.la $(CHECK_LIBS)
test_connection_answers_SOURCES = $(script) tests/test-connection-answers.c
test_connection_lost_CPPFLAGS = $(harness_cppflags)
test_connection_lost_CFLAGS = $(harness_cflags)
test_connection_lost_LDADD = libshmreg.la libproto.la $(CHECK_LIBS)
test_connection_lost_SOURCES = $(script) tests/test-connection-lost.c
test_segment_CPPFLAGS = $(harness_cppflags)
test_segment_CFLAGS = $(harness_cflags)
test_segment_LDADD = $(harness_ldadd)
test_segment_SOURCES = tests/test-segment.c tests/segment-fixture.h

test_segment_daemon_CPPFLAGS = $(harness_cppflags)
test_segment_daemon_CFLAGS = $(harness_cflags)
test_segment_daemon_LDADD = $(harness_ldadd)
test_segment_daemon_SOURCES = tests/test-segment-daemon.c tests/segment-fixture.h
test_handle_CPPFLAGS = $(harness_cppflags)
test_handle_CFLAGS = $(harness_cflags)
test_handle_LDADD = $(harness_ldadd)
test_handle_SOURCES = tests/test-handle.c
test_array_CPPFLAGS = $(harness_cppflags)
test_array_CFLAGS = $(harness_cflags)
test_array_LDADD = $(harness_ldadd)
test_array_SOURCES = tests/test-array.c
test_atomic_CPPFLAGS = $(harness_cppflags)
test_atomic_CFLAGS = $(harness_cflags)
test_atomic_LDADD = $(harness_ldadd)
test_atomic_SOURCES = tests/test-atomic.c
PURE_TESTS += test-atomic-wait
test_atomic_wait_CPPFLAGS = $(queue_cppflags)
test_atomic_wait_CFLAGS = $(harness_cflags)
test_atomic_wait_LDADD = $(queue_ldadd) -lpthread
test_atomic_wait_SOURCES = tests/test-atomic-wait.c tests/suite.h $(asleep)
check_PROGRAMS += test-atomic-wait-daemon
TESTS += test-atomic-wait-daemon
test_atomic_wait_daemon_CPPFLAGS = $(harness_cppflags)
test_atomic_wait_daemon_CFLAGS = $(harness_cflags)
test_atomic_wait_daemon_LDADD = $(harness_ldadd) -lpthread
test_atomic_wait_daemon_SOURCES = tests/test-atomic-wait-daemon.c $(asleep)
test_fork_CPPFLAGS = $(harness_cppflags)
test_fork_CFLAGS = $(harness_cflags)
test_fork_LDADD = $(harness_ldadd)
test_fork_SOURCES = tests/test-fork.c
test_epoch_CPPFLAGS = $(harness_cppflags)
test_epoch_CFLAGS = $(harness_cflags)
test_epoch_LDADD = $(harness_ldadd)
test_epoch_SOURCES = tests/test-epoch.c
endif

include tests/queue.mk
include tests/wait.mk
include tests/ring.mk
include tests/topic.mk
include tests/pool.mk
include tests/object-queue.mk
include tests/cell.mk
include tests/watch.mk
include tests/original.mk

# The real shmreg-reaper on hand-made segments.
if HAVE_CHECK
reaper_tests = test-reaper test-reaper-objects test-reaper-process
check_PROGRAMS += $(reaper_tests)
TESTS += $(reaper_tests)
reaper_cppflags = -I$(top_srcdir)/proto -DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
reaper_sources = tests/random.h tests/reaper-world.c tests/reaper-world.h tests/suite.h
test_reaper_CPPFLAGS = $(reaper_cppflags)
test_reaper_CFLAGS = $(harness_cflags)
test_reaper_LDADD = libproto.la $(CHECK_LIBS)
test_reaper_SOURCES = $(reaper_sources) tests/test-reaper.c
test_reaper_objects_CPPFLAGS = $(reaper_cppflags)
test_reaper_objects_CFLAGS = $(harness_cflags)
test_reaper_objects_LDADD = libproto.la $(CHECK_LIBS)
test_reaper_objects_SOURCES = $(reaper_sources) tests/test-reaper-objects.c
test_reaper_process_CPPFLAGS = $(reaper_cppflags)
test_reaper_process_CFLAGS = $(harness_cflags)
test_reaper_process_LDADD = libproto.la $(CHECK_LIBS)
test_reaper_process_SOURCES = $(reaper_sources) tests/test-reaper-process.c
endif

include tests/ctl.mk

check_LTLIBRARIES += libslow.la
libslow_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
libslow_la_LIBADD = -ldl -lpthread
libslow_la_SOURCES = tests/slow.c

# CK_DEFAULT_TIMEOUT: Check's own of 4 s is too short for a busy machine; ours is for hangs.
# SHMREG_TEST_SLOW: see slow.c.
AM_TESTS_ENVIRONMENT = \
	if test -n "$${SHMREG_TEST_SLOW-}"; then \
		LD_PRELOAD='$(abs_top_builddir)/.libs/libslow.so'; \
		ASAN_OPTIONS="$${ASAN_OPTIONS-}:verify_asan_link_order=0"; \
		export LD_PRELOAD ASAN_OPTIONS SHMREG_TEST_SLOW; \
	fi; \
	top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' CC='$(CC)'; \
	CK_DEFAULT_TIMEOUT=$${CK_DEFAULT_TIMEOUT:-300}; \
	export top_srcdir top_builddir CC CK_DEFAULT_TIMEOUT ;
# What the library looks like from outside.
client_scripts = \
	tests/array-code.sh \
	tests/atomic-code.sh \
	tests/headers.sh \
	tests/libc-only.sh \
	tests/symbols.sh
TESTS += $(client_scripts)
EXTRA_DIST += $(client_scripts) tests/symbols.list

# CK_FORK=no: leaks are looked for in the process that has them. Random rounds
# are fewer because each takes fifty times as long.
check-valgrind: $(PURE_TESTS)
	@test -n "$(VALGRIND)" || { echo "check-valgrind: valgrind was not found by configure" >&2; exit 1; }
	@failed=; for t in $(PURE_TESTS); do \
		if CK_FORK=no CK_VERBOSITY=minimal SHMREG_TEST_ROUNDS=2000 \
		   $(LIBTOOL) --quiet --mode=execute $(VALGRIND) -q --leak-check=full \
			--show-leak-kinds=definite,indirect --errors-for-leak-kinds=definite,indirect \
			--error-exitcode=99 ./$$t; \
		then echo "PASS: valgrind $$t"; \
		else echo "FAIL: valgrind $$t"; failed="$$failed $$t"; fi; \
	done; test -z "$$failed" || { echo "check-valgrind: failed:$$failed" >&2; exit 1; }
.PHONY: check-valgrind

include tests/doctor.mk
include tests/integration.mk
include tests/metrics.mk
include tests/top.mk
include tests/exist.mk
include tests/models/local.mk
include tests/daemon.mk
include tests/system/local.mk
include tests/crash/local.mk
include tests/attack/local.mk
include tests/hostile/local.mk
include tests/soak/local.mk
include tests/mutants/local.mk
include tests/fuzz/local.mk
