# Queues for a pool's objects: their tests, without a daemon and with one.

if HAVE_CHECK

libplain_la_SOURCES += tests/object-queue-plain.c tests/object-queue-plain.h

PURE_TESTS += test-object-queue
test_object_queue_CPPFLAGS = $(queue_cppflags)
test_object_queue_CFLAGS = $(harness_cflags)
test_object_queue_LDADD = $(queue_ldadd)
test_object_queue_SOURCES = tests/test-object-queue.c tests/suite.h

PURE_TESTS += test-object-queue-wreckage
test_object_queue_wreckage_CPPFLAGS = $(queue_cppflags)
test_object_queue_wreckage_CFLAGS = $(harness_cflags)
test_object_queue_wreckage_LDADD = $(queue_ldadd)
test_object_queue_wreckage_SOURCES = tests/test-object-queue-wreckage.c tests/suite.h

check_PROGRAMS += test-object-queue-threads
TESTS += test-object-queue-threads
test_object_queue_threads_CPPFLAGS = $(queue_cppflags)
test_object_queue_threads_CFLAGS = $(harness_cflags)
test_object_queue_threads_LDADD = $(queue_ldadd) -lpthread
test_object_queue_threads_SOURCES = tests/test-object-queue-threads.c tests/random.h tests/suite.h

check_PROGRAMS += test-object-queue-torture
TESTS += test-object-queue-torture
test_object_queue_torture_CPPFLAGS = $(queue_cppflags)
test_object_queue_torture_CFLAGS = $(harness_cflags)
test_object_queue_torture_LDADD = $(queue_ldadd)
test_object_queue_torture_SOURCES = tests/test-object-queue-torture.c \
	$(torture)

check_PROGRAMS += test-object-queue-daemon
TESTS += test-object-queue-daemon
test_object_queue_daemon_CPPFLAGS = $(harness_cppflags)
test_object_queue_daemon_CFLAGS = $(harness_cflags)
test_object_queue_daemon_LDADD = $(harness_ldadd)
test_object_queue_daemon_SOURCES = tests/test-object-queue-daemon.c

PURE_TESTS += test-object-queue-wait
test_object_queue_wait_CPPFLAGS = $(queue_cppflags)
test_object_queue_wait_CFLAGS = $(harness_cflags)
test_object_queue_wait_LDADD = $(queue_ldadd) -lpthread
test_object_queue_wait_SOURCES = tests/test-object-queue-wait.c tests/suite.h $(asleep)

endif
