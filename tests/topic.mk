# The topic: its tests, without a daemon and with one.

if HAVE_CHECK

PURE_TESTS += test-topic
test_topic_CPPFLAGS = $(queue_cppflags)
test_topic_CFLAGS = $(harness_cflags)
test_topic_LDADD = $(queue_ldadd)
test_topic_SOURCES = tests/test-topic.c tests/topic-fixture.h tests/suite.h

PURE_TESTS += test-topic-reliable
test_topic_reliable_CPPFLAGS = $(queue_cppflags)
test_topic_reliable_CFLAGS = $(harness_cflags)
test_topic_reliable_LDADD = $(queue_ldadd)
test_topic_reliable_SOURCES = tests/test-topic-reliable.c tests/topic-fixture.h tests/suite.h

PURE_TESTS += test-topic-misuse
test_topic_misuse_CPPFLAGS = $(queue_cppflags)
test_topic_misuse_CFLAGS = $(harness_cflags)
test_topic_misuse_LDADD = $(queue_ldadd)
test_topic_misuse_SOURCES = tests/test-topic-misuse.c tests/topic-fixture.h tests/suite.h

PURE_TESTS += test-topic-wreckage
test_topic_wreckage_CPPFLAGS = $(queue_cppflags)
test_topic_wreckage_CFLAGS = $(harness_cflags)
test_topic_wreckage_LDADD = $(queue_ldadd)
test_topic_wreckage_SOURCES = tests/test-topic-wreckage.c tests/suite.h

PURE_TESTS += test-topic-wakes
test_topic_wakes_CPPFLAGS = $(queue_cppflags)
test_topic_wakes_CFLAGS = $(harness_cflags)
test_topic_wakes_LDADD = $(queue_ldadd)
test_topic_wakes_SOURCES = tests/test-topic-wakes.c tests/topic-fixture.h tests/suite.h

check_PROGRAMS += test-topic-wait
TESTS += test-topic-wait
test_topic_wait_CPPFLAGS = $(queue_cppflags)
test_topic_wait_CFLAGS = $(harness_cflags)
test_topic_wait_LDADD = $(queue_ldadd) -lpthread
test_topic_wait_SOURCES = tests/test-topic-wait.c tests/waits.h tests/topic-fixture.h tests/topic-half.h \
	tests/suite.h $(asleep)

check_PROGRAMS += test-topic-wait-daemon
TESTS += test-topic-wait-daemon
test_topic_wait_daemon_CPPFLAGS = $(harness_cppflags)
test_topic_wait_daemon_CFLAGS = $(harness_cflags)
test_topic_wait_daemon_LDADD = $(harness_ldadd) -lpthread
test_topic_wait_daemon_SOURCES = $(readers) tests/test-topic-wait-daemon.c tests/topic-half.h $(asleep)

check_PROGRAMS += test-topic-threads
TESTS += test-topic-threads
test_topic_threads_CPPFLAGS = $(queue_cppflags)
test_topic_threads_CFLAGS = $(harness_cflags)
test_topic_threads_LDADD = $(queue_ldadd) -lpthread
test_topic_threads_SOURCES = tests/test-topic-threads.c tests/random.h tests/suite.h

check_PROGRAMS += test-topic-torture
TESTS += test-topic-torture
test_topic_torture_CPPFLAGS = $(queue_cppflags)
test_topic_torture_CFLAGS = $(harness_cflags)
test_topic_torture_LDADD = $(queue_ldadd)
test_topic_torture_SOURCES = tests/test-topic-torture.c \
	$(torture)

check_PROGRAMS += test-topic-daemon
TESTS += test-topic-daemon
test_topic_daemon_CPPFLAGS = $(harness_cppflags)
test_topic_daemon_CFLAGS = $(harness_cflags)
test_topic_daemon_LDADD = $(harness_ldadd)
test_topic_daemon_SOURCES = tests/test-topic-daemon.c

endif
