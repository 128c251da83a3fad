# shmregctl doctor: what is thought of segments.

if HAVE_CHECK

inspect_sources = ctl/findings.c ctl/findings.h ctl/inspect-cell.c ctl/inspect-directory.c \
	ctl/inspect-pool.c ctl/inspect-queue.c ctl/inspect-ring.c ctl/inspect-topic.c \
	ctl/inspect.c ctl/inspect.h ctl/json.c ctl/json.h

PURE_TESTS += test-inspect-directory
check_PROGRAMS += test-inspect
TESTS += test-inspect
test_inspect_CPPFLAGS = $(queue_cppflags) -I$(top_srcdir)/ctl
test_inspect_CFLAGS = $(harness_cflags)
test_inspect_LDADD = $(queue_ldadd)
test_inspect_SOURCES = tests/test-inspect.c tests/inspect-world.c tests/inspect-world.h \
	tests/stepper.c tests/stepper.h tests/suite.h $(inspect_sources)

test_inspect_directory_CPPFLAGS = $(ctl_cppflags)
test_inspect_directory_CFLAGS = $(harness_cflags)
test_inspect_directory_LDADD = libproto.la $(CHECK_LIBS)
test_inspect_directory_SOURCES = tests/test-inspect-directory.c tests/inspect-world.c \
	tests/inspect-world.h tests/suite.h $(inspect_sources)

endif
