# The engine of waiting, without a daemon: the sleeper's loop, the waker, what watches them.

if HAVE_CHECK

check_PROGRAMS += test-asleep
TESTS += test-asleep
test_asleep_CPPFLAGS = $(queue_cppflags)
test_asleep_CFLAGS = $(harness_cflags)
test_asleep_LDADD = $(CHECK_LIBS) -lpthread
test_asleep_SOURCES = tests/test-asleep.c tests/suite.h $(asleep)

endif
