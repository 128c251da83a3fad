# What the library that this project descends from got wrong: each of its defects has a test here.

if HAVE_CHECK

original_tests = \
	test-original-attach \
	test-original-pool \
	test-original-queue \
	test-original-space \
	test-original-table
check_PROGRAMS += $(original_tests)
TESTS += $(original_tests)

test_original_attach_CPPFLAGS = $(harness_cppflags)
test_original_attach_CFLAGS = $(harness_cflags)
test_original_attach_LDADD = $(integration_ldadd)
test_original_attach_SOURCES = tests/test-original-attach.c

test_original_pool_CPPFLAGS = $(harness_cppflags)
test_original_pool_CFLAGS = $(harness_cflags)
test_original_pool_LDADD = $(integration_ldadd)
test_original_pool_SOURCES = tests/test-original-pool.c tests/random.h

test_original_queue_CPPFLAGS = $(harness_cppflags)
test_original_queue_CFLAGS = $(harness_cflags)
test_original_queue_LDADD = $(integration_ldadd)
test_original_queue_SOURCES = tests/test-original-queue.c tests/random.h

test_original_space_CPPFLAGS = $(harness_cppflags)
test_original_space_CFLAGS = $(harness_cflags)
test_original_space_LDADD = $(integration_ldadd)
test_original_space_SOURCES = tests/test-original-space.c tests/layouts.h tests/random.h

test_original_table_CPPFLAGS = $(harness_cppflags)
test_original_table_CFLAGS = $(harness_cflags)
test_original_table_LDADD = $(integration_ldadd)
test_original_table_SOURCES = tests/test-original-table.c tests/random.h

endif
