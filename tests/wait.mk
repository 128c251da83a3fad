# The engine of waiting, without a daemon: the sleeper's loop, the waker, what watches them.

if HAVE_CHECK

check_PROGRAMS += test-asleep
TESTS += test-asleep
test_asleep_CPPFLAGS = $(queue_cppflags)
test_asleep_CFLAGS = $(harness_cflags)
test_asleep_LDADD = $(CHECK_LIBS) -lpthread
test_asleep_SOURCES = tests/test-asleep.c tests/suite.h $(asleep)

# Not pure: valgrind knows no futex_waitv and reports deadlines as it pleases.
wait_sources = tests/wait-fixture.h tests/queue-fixture.h tests/suite.h $(asleep)
check_PROGRAMS += test-waiter
TESTS += test-waiter
test_waiter_CPPFLAGS = $(queue_cppflags)
test_waiter_CFLAGS = $(harness_cflags)
test_waiter_LDADD = $(queue_ldadd) -lpthread
test_waiter_SOURCES = tests/test-waiter.c $(wait_sources)

check_PROGRAMS += test-wake
TESTS += test-wake
test_wake_CPPFLAGS = $(queue_cppflags)
test_wake_CFLAGS = $(harness_cflags)
test_wake_LDADD = $(queue_ldadd) -lpthread
test_wake_SOURCES = tests/test-wake.c tests/wake-fixture.h $(wait_sources)

check_PROGRAMS += test-wake-late
TESTS += test-wake-late
test_wake_late_CPPFLAGS = $(queue_cppflags)
test_wake_late_CFLAGS = $(harness_cflags)
test_wake_late_LDADD = $(queue_ldadd) -lpthread
test_wake_late_SOURCES = tests/test-wake-late.c tests/wake-fixture.h $(wait_sources)

check_PROGRAMS += test-wake-order
TESTS += test-wake-order
test_wake_order_CPPFLAGS = $(queue_cppflags)
test_wake_order_CFLAGS = $(harness_cflags)
test_wake_order_LDADD = $(queue_ldadd) -lpthread
test_wake_order_SOURCES = tests/test-wake-order.c tests/crash/inside.c tests/crash/inside.h \
	$(wait_sources) $(torture) $(syscalls)

check_PROGRAMS += test-wait-stress
TESTS += test-wait-stress
test_wait_stress_CPPFLAGS = $(queue_cppflags)
test_wait_stress_CFLAGS = $(harness_cflags)
test_wait_stress_LDADD = $(queue_ldadd) -lpthread
test_wait_stress_SOURCES = tests/test-wait-stress.c $(wait_sources) $(torture) $(syscalls)

check_PROGRAMS += test-queue-wait
TESTS += test-queue-wait
test_queue_wait_CPPFLAGS = $(harness_cppflags)
test_queue_wait_CFLAGS = $(harness_cflags)
test_queue_wait_LDADD = libactor.la libharness.la libproto.la libshmreg.la $(CHECK_LIBS) -lpthread
test_queue_wait_SOURCES = tests/test-queue-wait.c $(asleep)

check_PROGRAMS += test-wake-kill
TESTS += test-wake-kill
test_wake_kill_CPPFLAGS = $(harness_cppflags)
test_wake_kill_CFLAGS = $(harness_cflags)
# Symbols are bound before the first step.
test_wake_kill_LDFLAGS = $(AM_LDFLAGS) -Wl,-z,now
test_wake_kill_LDADD = $(integration_ldadd) -lpthread
test_wake_kill_SOURCES = tests/test-wake-kill.c tests/watcher.h $(asleep)

check_PROGRAMS += test-wake-cost
TESTS += test-wake-cost
test_wake_cost_CPPFLAGS = $(queue_cppflags)
test_wake_cost_CFLAGS = $(harness_cflags)
test_wake_cost_LDADD = $(queue_ldadd) -lpthread
test_wake_cost_SOURCES = tests/test-wake-cost.c tests/wake-cost-with.c tests/wake-cost-without.c \
	tests/wake-cost.h tests/stepper.c tests/stepper.h $(wait_sources)

check_PROGRAMS += test-queue-wait-threads
TESTS += test-queue-wait-threads
test_queue_wait_threads_CPPFLAGS = $(queue_cppflags)
test_queue_wait_threads_CFLAGS = $(harness_cflags)
test_queue_wait_threads_LDADD = $(queue_ldadd) -lpthread
test_queue_wait_threads_SOURCES = tests/test-queue-wait-threads.c tests/random.h tests/suite.h

check_PROGRAMS += test-queue-wait-torture
TESTS += test-queue-wait-torture
test_queue_wait_torture_CPPFLAGS = $(queue_cppflags)
test_queue_wait_torture_CFLAGS = $(harness_cflags)
test_queue_wait_torture_LDADD = $(queue_ldadd) -lpthread
test_queue_wait_torture_SOURCES = tests/test-queue-wait-torture.c $(torture) $(wait_sources)

endif
