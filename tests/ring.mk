# The ring: its tests, without a daemon and with one.

if HAVE_CHECK

PURE_TESTS += test-ring
test_ring_CPPFLAGS = $(queue_cppflags)
test_ring_CFLAGS = $(harness_cflags)
test_ring_LDADD = $(queue_ldadd)
test_ring_SOURCES = tests/test-ring.c tests/ring-plain.h tests/suite.h

PURE_TESTS += test-ring-stream
test_ring_stream_CPPFLAGS = $(queue_cppflags)
test_ring_stream_CFLAGS = $(harness_cflags)
test_ring_stream_LDADD = $(queue_ldadd)
test_ring_stream_SOURCES = tests/test-ring-stream.c tests/ring-plain.h tests/suite.h

PURE_TESTS += test-records
test_records_CPPFLAGS = $(queue_cppflags)
test_records_CFLAGS = $(harness_cflags)
test_records_LDADD = $(queue_ldadd)
test_records_SOURCES = tests/test-records.c tests/ring-plain.h tests/suite.h

check_PROGRAMS += test-records-long
TESTS += test-records-long
test_records_long_CPPFLAGS = $(queue_cppflags)
test_records_long_CFLAGS = $(harness_cflags)
test_records_long_LDADD = $(queue_ldadd) -lpthread
test_records_long_SOURCES = tests/test-records-long.c tests/random.h tests/ring-plain.h tests/suite.h

PURE_TESTS += test-ring-wreckage
test_ring_wreckage_CPPFLAGS = $(queue_cppflags)
test_ring_wreckage_CFLAGS = $(harness_cflags)
test_ring_wreckage_LDADD = $(queue_ldadd)
test_ring_wreckage_SOURCES = tests/test-ring-wreckage.c tests/ring-plain.h tests/suite.h

check_PROGRAMS += test-ring-wait
TESTS += test-ring-wait
test_ring_wait_CPPFLAGS = $(queue_cppflags)
test_ring_wait_CFLAGS = $(harness_cflags)
test_ring_wait_LDADD = $(queue_ldadd) -lpthread
test_ring_wait_SOURCES = tests/test-ring-wait.c tests/ring-plain.h $(ring_waits)
ring_waits = tests/ring-waits.c tests/ring-waits.h tests/suite.h tests/waits.h $(asleep)

check_PROGRAMS += test-records-wait
TESTS += test-records-wait
test_records_wait_CPPFLAGS = $(queue_cppflags)
test_records_wait_CFLAGS = $(harness_cflags)
test_records_wait_LDADD = $(queue_ldadd) -lpthread
test_records_wait_SOURCES = tests/test-records-wait.c tests/ring-plain.h $(ring_waits)

check_PROGRAMS += test-ring-threads
TESTS += test-ring-threads
test_ring_threads_CPPFLAGS = $(queue_cppflags)
test_ring_threads_CFLAGS = $(harness_cflags)
test_ring_threads_LDADD = $(queue_ldadd) -lpthread
test_ring_threads_SOURCES = tests/test-ring-threads.c tests/random.h tests/ring-plain.h \
	tests/suite.h

check_PROGRAMS += test-ring-hostile
TESTS += test-ring-hostile
test_ring_hostile_CPPFLAGS = $(queue_cppflags)
test_ring_hostile_CFLAGS = $(harness_cflags)
test_ring_hostile_LDADD = $(queue_ldadd)
test_ring_hostile_SOURCES = tests/test-ring-hostile.c tests/hostile.h tests/random.h \
	tests/ring-plain.h tests/suite.h

check_PROGRAMS += test-ring-torture
TESTS += test-ring-torture
test_ring_torture_CPPFLAGS = $(queue_cppflags)
test_ring_torture_CFLAGS = $(harness_cflags)
test_ring_torture_LDADD = $(queue_ldadd)
test_ring_torture_SOURCES = tests/test-ring-torture.c tests/ring-torture.c tests/ring-torture.h \
	tests/ring-plain.h \
	$(torture)

check_PROGRAMS += test-ring-daemon
TESTS += test-ring-daemon
test_ring_daemon_CPPFLAGS = $(harness_cppflags)
test_ring_daemon_CFLAGS = $(harness_cflags)
test_ring_daemon_LDADD = $(harness_ldadd)
test_ring_daemon_SOURCES = $(asleep) tests/test-ring-daemon.c

check_PROGRAMS += test-ring-wait-daemon
TESTS += test-ring-wait-daemon
test_ring_wait_daemon_CPPFLAGS = $(harness_cppflags)
test_ring_wait_daemon_CFLAGS = $(harness_cflags)
test_ring_wait_daemon_LDADD = $(harness_ldadd) -lpthread
test_ring_wait_daemon_SOURCES = tests/test-ring-wait-daemon.c $(asleep)

endif
