# The pool: its tests, without a daemon and with one.

if HAVE_CHECK

libplain_la_SOURCES += tests/pool-plain.c tests/pool-plain.h

PURE_TESTS += test-pool test-pool-keep test-pool-recall test-pool-stat test-pool-wreckage
test_pool_CPPFLAGS = $(queue_cppflags)
test_pool_CFLAGS = $(harness_cflags)
test_pool_LDADD = $(queue_ldadd)
test_pool_SOURCES = tests/test-pool.c tests/pool-fixture.h tests/suite.h

test_pool_keep_CPPFLAGS = $(queue_cppflags)
test_pool_keep_CFLAGS = $(harness_cflags)
test_pool_keep_LDADD = $(queue_ldadd)
test_pool_keep_SOURCES = tests/test-pool-keep.c tests/pool-keep-fixture.h tests/pool-fixture.h \
	tests/suite.h

test_pool_recall_CPPFLAGS = $(queue_cppflags)
test_pool_recall_CFLAGS = $(harness_cflags)
test_pool_recall_LDADD = $(queue_ldadd)
test_pool_recall_SOURCES = tests/test-pool-recall.c tests/crash/inside.c tests/crash/inside.h \
	tests/pool-keep-fixture.h tests/pool-fixture.h tests/random.h tests/suite.h $(syscalls)

test_pool_stat_CPPFLAGS = $(queue_cppflags)
test_pool_stat_CFLAGS = $(harness_cflags)
test_pool_stat_LDADD = $(queue_ldadd)
test_pool_stat_SOURCES = tests/test-pool-stat.c tests/pool-fixture.h tests/suite.h

test_pool_wreckage_CPPFLAGS = $(queue_cppflags)
test_pool_wreckage_CFLAGS = $(harness_cflags)
test_pool_wreckage_LDADD = $(queue_ldadd)
test_pool_wreckage_SOURCES = tests/test-pool-wreckage.c tests/suite.h

check_PROGRAMS += test-pool-threads
TESTS += test-pool-threads
test_pool_threads_CPPFLAGS = $(queue_cppflags)
test_pool_threads_CFLAGS = $(harness_cflags)
test_pool_threads_LDADD = $(queue_ldadd) -lpthread
test_pool_threads_SOURCES = tests/test-pool-threads.c tests/random.h tests/suite.h

check_PROGRAMS += test-pool-torture
TESTS += test-pool-torture
test_pool_torture_CPPFLAGS = $(queue_cppflags)
test_pool_torture_CFLAGS = $(harness_cflags)
test_pool_torture_LDADD = $(queue_ldadd)
test_pool_torture_SOURCES = tests/test-pool-torture.c \
	$(torture)

check_PROGRAMS += test-pool-daemon
TESTS += test-pool-daemon
test_pool_daemon_CPPFLAGS = $(harness_cppflags)
test_pool_daemon_CFLAGS = $(harness_cflags)
test_pool_daemon_LDADD = $(harness_ldadd)
test_pool_daemon_SOURCES = tests/test-pool-daemon.c

PURE_TESTS += test-pool-wait
test_pool_wait_CPPFLAGS = $(queue_cppflags)
test_pool_wait_CFLAGS = $(harness_cflags)
test_pool_wait_LDADD = $(queue_ldadd) -lpthread
test_pool_wait_SOURCES = tests/test-pool-wait.c tests/pool-fixture.h tests/suite.h $(asleep)

check_PROGRAMS += test-pool-wait-daemon
TESTS += test-pool-wait-daemon
test_pool_wait_daemon_CPPFLAGS = $(harness_cppflags)
test_pool_wait_daemon_CFLAGS = $(harness_cflags)
test_pool_wait_daemon_LDADD = $(harness_ldadd) -lpthread
test_pool_wait_daemon_SOURCES = tests/test-pool-wait-daemon.c $(asleep)

check_PROGRAMS += test-pool-wait-threads
TESTS += test-pool-wait-threads
test_pool_wait_threads_CPPFLAGS = $(queue_cppflags)
test_pool_wait_threads_CFLAGS = $(harness_cflags)
test_pool_wait_threads_LDADD = $(queue_ldadd) -lpthread
test_pool_wait_threads_SOURCES = tests/test-pool-wait-threads.c tests/random.h tests/suite.h

check_PROGRAMS += test-pool-wait-torture
TESTS += test-pool-wait-torture
test_pool_wait_torture_CPPFLAGS = $(queue_cppflags)
test_pool_wait_torture_CFLAGS = $(harness_cflags)
test_pool_wait_torture_LDADD = $(queue_ldadd)
test_pool_wait_torture_SOURCES = tests/test-pool-wait-torture.c \
	$(torture)

check_PROGRAMS += test-pool-wait-steps
TESTS += test-pool-wait-steps
test_pool_wait_steps_CPPFLAGS = $(queue_cppflags)
test_pool_wait_steps_CFLAGS = $(harness_cflags)
test_pool_wait_steps_LDADD = $(queue_ldadd) -lpthread
test_pool_wait_steps_SOURCES = tests/test-pool-wait-steps.c tests/crash/inside.c \
	tests/crash/inside.h tests/suite.h $(asleep)

endif
