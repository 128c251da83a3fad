# Waiting for what is not there yet, and for several things at once, through a real daemon.

if HAVE_CHECK

exist_tests = \
	test-event \
	test-janitor \
	test-many-sleepers \
	test-object-wait \
	test-object-wait-daemon \
	test-placement \
	test-placement-nodes \
	test-placement-pool \
	test-reserve \
	test-segment-wait \
	test-wait-any \
	test-wait-any-kinds \
	test-wait-any-trouble
check_PROGRAMS += $(exist_tests)
TESTS += $(exist_tests)
exist_ldadd = $(integration_ldadd) -lpthread

test_event_CPPFLAGS = $(harness_cppflags)
test_event_CFLAGS = $(harness_cflags)
test_event_LDADD = $(exist_ldadd)
test_event_SOURCES = tests/test-event.c

test_janitor_CPPFLAGS = $(harness_cppflags)
test_janitor_CFLAGS = $(harness_cflags)
test_janitor_LDADD = $(exist_ldadd)
test_janitor_SOURCES = $(watch_fixture) tests/file-lock.c tests/file-lock.h tests/daemon-child.h tests/test-janitor.c

test_many_sleepers_CPPFLAGS = $(harness_cppflags)
test_many_sleepers_CFLAGS = $(harness_cflags)
test_many_sleepers_LDADD = $(exist_ldadd)
test_many_sleepers_SOURCES = tests/test-many-sleepers.c $(asleep)

test_object_wait_CPPFLAGS = $(harness_cppflags)
test_object_wait_CFLAGS = $(harness_cflags)
test_object_wait_LDADD = $(exist_ldadd)
test_object_wait_SOURCES = tests/test-object-wait.c tests/exist-fixture.h tests/object-wait-fixture.h \
	$(asleep)

test_object_wait_daemon_CPPFLAGS = $(harness_cppflags)
test_object_wait_daemon_CFLAGS = $(harness_cflags)
test_object_wait_daemon_LDADD = $(exist_ldadd)
test_object_wait_daemon_SOURCES = tests/test-object-wait-daemon.c tests/exist-fixture.h \
	tests/object-wait-fixture.h $(asleep)

test_placement_CPPFLAGS = $(harness_cppflags)
test_placement_CFLAGS = $(harness_cflags)
test_placement_LDADD = $(exist_ldadd)
test_placement_SOURCES = tests/test-placement.c tests/placement-deeds.h tests/placement-fixture.h

test_placement_pool_CPPFLAGS = $(harness_cppflags)
test_placement_pool_CFLAGS = $(harness_cflags)
test_placement_pool_LDADD = $(exist_ldadd)
test_placement_pool_SOURCES = tests/test-placement-pool.c tests/placement-deeds.h tests/placement-fixture.h

test_placement_nodes_CPPFLAGS = $(harness_cppflags)
test_placement_nodes_CFLAGS = $(harness_cflags)
test_placement_nodes_LDADD = $(exist_ldadd)
test_placement_nodes_SOURCES = tests/test-placement-nodes.c tests/placement-fixture.h

test_reserve_CPPFLAGS = $(harness_cppflags)
test_reserve_CFLAGS = $(harness_cflags)
test_reserve_LDADD = $(exist_ldadd)
test_reserve_SOURCES = tests/test-reserve.c

test_segment_wait_CPPFLAGS = $(harness_cppflags)
test_segment_wait_CFLAGS = $(harness_cflags)
test_segment_wait_LDADD = $(exist_ldadd)
test_segment_wait_SOURCES = tests/test-segment-wait.c tests/exist-fixture.h $(asleep)

test_wait_any_CPPFLAGS = $(harness_cppflags)
test_wait_any_CFLAGS = $(harness_cflags)
test_wait_any_LDADD = $(exist_ldadd)
test_wait_any_SOURCES = tests/test-wait-any.c tests/wait-any-fixture.h $(asleep)

test_wait_any_trouble_CPPFLAGS = $(harness_cppflags) \
	-DSHMREGD=\"$(abs_top_builddir)/shmregd\" \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
test_wait_any_trouble_CFLAGS = $(harness_cflags)
test_wait_any_trouble_LDADD = $(exist_ldadd)
test_wait_any_trouble_SOURCES = \
	tests/alone.c \
	tests/alone.h \
	tests/test-wait-any-trouble.c \
	tests/wait-any-fixture.h \
	$(asleep)

test_wait_any_kinds_CPPFLAGS = $(harness_cppflags)
test_wait_any_kinds_CFLAGS = $(harness_cflags)
test_wait_any_kinds_LDADD = $(exist_ldadd)
test_wait_any_kinds_SOURCES = tests/test-wait-any-kinds.c $(asleep)

check_PROGRAMS += sleep-through
sleep_through_CPPFLAGS = $(harness_cppflags)
sleep_through_CFLAGS = $(harness_cflags)
sleep_through_LDADD = $(exist_ldadd)
sleep_through_SOURCES = tests/sleep-through.c tests/suite.h $(asleep)
TESTS += tests/test-sleep-through

endif

TESTS += tests/test-sleeper
EXTRA_DIST += tests/test-sleep-through tests/test-sleeper
