# Waiting for what is not there yet, and for several things at once, through a real daemon.

if HAVE_CHECK

exist_tests = \
	test-object-wait
check_PROGRAMS += $(exist_tests)
TESTS += $(exist_tests)
exist_ldadd = $(integration_ldadd) -lpthread

test_object_wait_CPPFLAGS = $(harness_cppflags)
test_object_wait_CFLAGS = $(harness_cflags)
test_object_wait_LDADD = $(exist_ldadd)
test_object_wait_SOURCES = tests/test-object-wait.c $(asleep)

endif
