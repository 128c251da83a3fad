# Queues for a pool's objects: their tests, without a daemon and with one.

if HAVE_CHECK

libplain_la_SOURCES += tests/object-queue-plain.c tests/object-queue-plain.h

PURE_TESTS += test-object-queue
test_object_queue_CPPFLAGS = $(queue_cppflags)
test_object_queue_CFLAGS = $(harness_cflags)
test_object_queue_LDADD = $(queue_ldadd)
test_object_queue_SOURCES = tests/test-object-queue.c tests/suite.h

endif
