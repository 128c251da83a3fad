# The cell: its tests, without a daemon and with one.

if HAVE_CHECK

PURE_TESTS += test-cell
test_cell_CPPFLAGS = $(queue_cppflags)
test_cell_CFLAGS = $(harness_cflags)
test_cell_LDADD = $(queue_ldadd)
test_cell_SOURCES = tests/test-cell.c tests/suite.h

PURE_TESTS += test-cell-wreckage
test_cell_wreckage_CPPFLAGS = $(queue_cppflags)
test_cell_wreckage_CFLAGS = $(harness_cflags)
test_cell_wreckage_LDADD = $(queue_ldadd)
test_cell_wreckage_SOURCES = tests/test-cell-wreckage.c tests/suite.h

check_PROGRAMS += test-cell-wait
TESTS += test-cell-wait
test_cell_wait_CPPFLAGS = $(queue_cppflags)
test_cell_wait_CFLAGS = $(harness_cflags)
test_cell_wait_LDADD = $(queue_ldadd) -lpthread
test_cell_wait_SOURCES = tests/test-cell-wait.c tests/suite.h tests/waits.h $(asleep)

check_PROGRAMS += test-cell-wait-daemon
TESTS += test-cell-wait-daemon
test_cell_wait_daemon_CPPFLAGS = $(harness_cppflags)
test_cell_wait_daemon_CFLAGS = $(harness_cflags)
test_cell_wait_daemon_LDADD = $(harness_ldadd) -lpthread
test_cell_wait_daemon_SOURCES = $(readers) tests/test-cell-wait-daemon.c $(asleep)

check_PROGRAMS += test-cell-hostile
TESTS += test-cell-hostile
test_cell_hostile_CPPFLAGS = $(queue_cppflags)
test_cell_hostile_CFLAGS = $(harness_cflags)
test_cell_hostile_LDADD = $(queue_ldadd) -lpthread
test_cell_hostile_SOURCES = tests/test-cell-hostile.c tests/random.h tests/suite.h

check_PROGRAMS += test-cell-threads
TESTS += test-cell-threads
test_cell_threads_CPPFLAGS = $(queue_cppflags)
test_cell_threads_CFLAGS = $(harness_cflags)
test_cell_threads_LDADD = $(queue_ldadd) -lpthread
test_cell_threads_SOURCES = tests/test-cell-threads.c tests/random.h tests/suite.h

check_PROGRAMS += test-cell-torture
TESTS += test-cell-torture
test_cell_torture_CPPFLAGS = $(queue_cppflags)
test_cell_torture_CFLAGS = $(harness_cflags)
test_cell_torture_LDADD = $(queue_ldadd)
test_cell_torture_SOURCES = tests/test-cell-torture.c \
	$(torture)

check_PROGRAMS += test-cell-daemon
TESTS += test-cell-daemon
test_cell_daemon_CPPFLAGS = $(harness_cppflags)
test_cell_daemon_CFLAGS = $(harness_cflags)
test_cell_daemon_LDADD = libactor.la libharness.la libproto.la libshmreg.la $(CHECK_LIBS)
test_cell_daemon_SOURCES = tests/test-cell-daemon.c

endif
