# The cell: its tests, without a daemon and with one.

if HAVE_CHECK

PURE_TESTS += test-cell
test_cell_CPPFLAGS = $(queue_cppflags)
test_cell_CFLAGS = $(harness_cflags)
test_cell_LDADD = $(queue_ldadd)
test_cell_SOURCES = tests/test-cell.c tests/suite.h

endif
