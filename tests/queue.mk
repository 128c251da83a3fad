# The queue without a daemon: its operations and its repair on plain memory.

if HAVE_CHECK

check_LTLIBRARIES += libplain.la
libplain_la_CPPFLAGS = -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
libplain_la_SOURCES = \
	tests/cell-plain.c \
	tests/cell-plain.h \
	tests/plain.c \
	tests/plain.h \
	tests/queue-plain.c \
	tests/queue-plain.h \
	tests/topic-plain.c \
	tests/topic-plain.h
libplain_la_LIBADD = libstructures.la librepair.la libproto.la
queue_cppflags = -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
queue_ldadd = libplain.la libshmreg.la $(CHECK_LIBS)
torture = tests/torture.c tests/torture.h tests/random.h tests/suite.h

PURE_TESTS += test-queue
test_queue_CPPFLAGS = $(queue_cppflags)
test_queue_CFLAGS = $(harness_cflags)
test_queue_LDADD = $(queue_ldadd)
test_queue_SOURCES = tests/test-queue.c tests/suite.h tests/queue-fixture.h

PURE_TESTS += test-queue-lease
test_queue_lease_CPPFLAGS = $(queue_cppflags)
test_queue_lease_CFLAGS = $(harness_cflags)
test_queue_lease_LDADD = $(queue_ldadd)
test_queue_lease_SOURCES = tests/test-queue-lease.c tests/suite.h tests/queue-fixture.h

PURE_TESTS += test-queue-manners
test_queue_manners_CPPFLAGS = $(queue_cppflags)
test_queue_manners_CFLAGS = $(harness_cflags)
test_queue_manners_LDADD = $(queue_ldadd)
test_queue_manners_SOURCES = tests/test-queue-manners.c tests/suite.h

PURE_TESTS += test-queue-wreckage
test_queue_wreckage_CPPFLAGS = $(queue_cppflags)
test_queue_wreckage_CFLAGS = $(harness_cflags)
test_queue_wreckage_LDADD = $(queue_ldadd)
test_queue_wreckage_SOURCES = tests/test-queue-wreckage.c tests/suite.h tests/queue-wreck.c tests/queue-wreck.h

PURE_TESTS += test-queue-wreckage-pop
test_queue_wreckage_pop_CPPFLAGS = $(queue_cppflags)
test_queue_wreckage_pop_CFLAGS = $(harness_cflags)
test_queue_wreckage_pop_LDADD = $(queue_ldadd)
test_queue_wreckage_pop_SOURCES = tests/test-queue-wreckage-pop.c tests/suite.h tests/queue-wreck.c tests/queue-wreck.h

check_PROGRAMS += test-queue-redeliver
TESTS += test-queue-redeliver
test_queue_redeliver_CPPFLAGS = $(queue_cppflags)
test_queue_redeliver_CFLAGS = $(harness_cflags)
test_queue_redeliver_LDADD = $(queue_ldadd)
test_queue_redeliver_SOURCES = tests/test-queue-redeliver.c tests/suite.h

check_PROGRAMS += test-queue-look-again
TESTS += test-queue-look-again
test_queue_look_again_CPPFLAGS = $(queue_cppflags)
test_queue_look_again_CFLAGS = $(harness_cflags)
test_queue_look_again_LDADD = $(queue_ldadd)
test_queue_look_again_SOURCES = tests/test-queue-look-again.c tests/crash/inside.c \
	tests/crash/inside.h tests/suite.h

check_PROGRAMS += test-repair-memory
TESTS += test-repair-memory
test_repair_memory_CPPFLAGS = $(queue_cppflags)
test_repair_memory_CFLAGS = $(harness_cflags)
test_repair_memory_LDADD = $(queue_ldadd)
test_repair_memory_SOURCES = tests/test-repair-memory.c tests/suite.h

check_PROGRAMS += test-queue-hostile
TESTS += test-queue-hostile
test_queue_hostile_CPPFLAGS = $(queue_cppflags)
test_queue_hostile_CFLAGS = $(harness_cflags)
test_queue_hostile_LDADD = $(queue_ldadd)
test_queue_hostile_SOURCES = tests/test-queue-hostile.c tests/hostile.h tests/random.h tests/suite.h

check_PROGRAMS += test-queue-pair
TESTS += test-queue-pair
test_queue_pair_CPPFLAGS = $(queue_cppflags)
test_queue_pair_CFLAGS = $(harness_cflags)
test_queue_pair_LDADD = $(queue_ldadd) -lpthread
test_queue_pair_SOURCES = tests/test-queue-pair.c tests/suite.h tests/random.h

check_PROGRAMS += test-queue-batch
TESTS += test-queue-batch
test_queue_batch_CPPFLAGS = $(queue_cppflags)
test_queue_batch_CFLAGS = $(harness_cflags)
test_queue_batch_LDADD = $(queue_ldadd)
test_queue_batch_SOURCES = tests/test-queue-batch.c tests/queue-fixture.h tests/stepper.c \
	tests/stepper.h tests/suite.h

check_PROGRAMS += test-queue-threads
TESTS += test-queue-threads
test_queue_threads_CPPFLAGS = $(queue_cppflags)
test_queue_threads_CFLAGS = $(harness_cflags)
test_queue_threads_LDADD = $(queue_ldadd) -lpthread
test_queue_threads_SOURCES = tests/test-queue-threads.c tests/suite.h tests/random.h

check_PROGRAMS += test-queue-torture
TESTS += test-queue-torture
test_queue_torture_CPPFLAGS = $(queue_cppflags)
test_queue_torture_CFLAGS = $(harness_cflags)
test_queue_torture_LDADD = $(queue_ldadd)
test_queue_torture_SOURCES = tests/test-queue-torture.c tests/queue-torture.c tests/queue-torture.h \
	$(torture)

endif
