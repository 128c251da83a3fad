# The pool: its tests, without a daemon and with one.

if HAVE_CHECK

libplain_la_SOURCES += tests/pool-plain.c tests/pool-plain.h

PURE_TESTS += test-pool test-pool-wreckage
test_pool_CPPFLAGS = $(queue_cppflags)
test_pool_CFLAGS = $(harness_cflags)
test_pool_LDADD = $(queue_ldadd)
test_pool_SOURCES = tests/test-pool.c

test_pool_wreckage_CPPFLAGS = $(queue_cppflags)
test_pool_wreckage_CFLAGS = $(harness_cflags)
test_pool_wreckage_LDADD = $(queue_ldadd)
test_pool_wreckage_SOURCES = tests/test-pool-wreckage.c tests/suite.h

endif
