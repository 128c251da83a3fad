# shmregctl doctor and advise: what is thought of segments, machines and units; and the commands.

TESTS += tests/doctor.sh
EXTRA_DIST += tests/doctor.sh
check_LTLIBRARIES += libdoctor-lies.la
libdoctor_lies_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
libdoctor_lies_la_LDFLAGS = -module -avoid-version -shared -rpath /nowhere
libdoctor_lies_la_SOURCES = tests/doctor-lies.c

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
test_inspect_SOURCES = tests/test-inspect.c tests/inspect-world.c tests/inspect-world.h tests/suite.h \
	$(inspect_sources)

check_PROGRAMS += test-inspect-looks
TESTS += test-inspect-looks
test_inspect_looks_CPPFLAGS = $(queue_cppflags) -I$(top_srcdir)/ctl
test_inspect_looks_CFLAGS = $(harness_cflags)
test_inspect_looks_LDADD = $(queue_ldadd)
test_inspect_looks_SOURCES = tests/test-inspect-looks.c tests/inspect-world.c tests/inspect-world.h \
	tests/stepper.c tests/stepper.h tests/suite.h $(inspect_sources)

test_inspect_directory_CPPFLAGS = $(ctl_cppflags)
test_inspect_directory_CFLAGS = $(harness_cflags)
test_inspect_directory_LDADD = libproto.la $(CHECK_LIBS)
test_inspect_directory_SOURCES = tests/test-inspect-directory.c tests/inspect-world.c \
	tests/inspect-world.h tests/suite.h $(inspect_sources)

PURE_TESTS += test-doctor
test_doctor_CPPFLAGS = $(ctl_cppflags) -I$(top_srcdir)/libclient
test_doctor_CFLAGS = $(harness_cflags)
test_doctor_LDADD = libproto.la $(CHECK_LIBS)
test_doctor_SOURCES = tests/test-doctor.c tests/suite.h ctl/findings.c ctl/findings.h ctl/json.c \
	ctl/json.h ctl/machine.c ctl/machine.h ctl/text.c ctl/text.h ctl/unit.c ctl/unit.h

PURE_TESTS += test-advice
test_advice_CPPFLAGS = $(ctl_cppflags) -I$(top_srcdir)/libclient
test_advice_CFLAGS = $(harness_cflags)
test_advice_LDADD = libshmreg.la libproto.la $(CHECK_LIBS)
test_advice_SOURCES = tests/test-advice.c tests/layouts.h tests/suite.h ctl/advice.c ctl/advice.h ctl/findings.c \
	ctl/placement.c ctl/placement.h ctl/format-parse.c ctl/format-type.h ctl/format.c ctl/format.h \
	ctl/findings.h ctl/json.c ctl/json.h ctl/kind-cell.c ctl/kind-pool.c ctl/kind-queue.c \
	ctl/kind-ring.c ctl/kind-topic.c ctl/kind.c ctl/kind.h ctl/rate.c ctl/rate.h ctl/snapshot.c \
	ctl/snapshot.h ctl/text.c ctl/text.h

endif
