# tests/: Check programs, one a stem, and scripts. Unit tests need nothing but their module;
# integration tests link libharness.la, which runs a private daemon from the build tree.

if HAVE_CHECK

check_LTLIBRARIES += libharness.la
libharness_la_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto \
	-DSHMREGD=\"$(abs_top_builddir)/shmregd\" \
	-DSHMREG_REAPER=\"$(abs_top_builddir)/shmreg-reaper\"
libharness_la_CFLAGS = $(AM_CFLAGS) $(CHECK_CFLAGS)
libharness_la_LIBADD = libshmreg.la $(CHECK_LIBS)
libharness_la_SOURCES = \
	tests/census.c \
	tests/census.h \
	tests/harness.c \
	tests/harness.h \
	tests/keeper.c \
	tests/keeper.h \
	tests/process.c \
	tests/process.h

# For every integration test: _CPPFLAGS, _CFLAGS, _LDADD.
harness_cppflags = -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
harness_cflags = $(AM_CFLAGS) $(CHECK_CFLAGS)
harness_ldadd = libharness.la libshmreg.la $(CHECK_LIBS)

check_PROGRAMS += test-keeper
TESTS += test-keeper
test_keeper_CPPFLAGS = $(harness_cppflags)
test_keeper_CFLAGS = $(harness_cflags)
test_keeper_LDADD = $(harness_ldadd)
test_keeper_SOURCES = tests/test-keeper.c

endif

# libclient/: against a daemon that misbehaves on request.
if HAVE_CHECK
check_PROGRAMS += test-connection
TESTS += test-connection
test_connection_SOURCES = tests/test-connection.c tests/fake.c tests/fake.h
test_connection_CPPFLAGS = $(harness_cppflags)
test_connection_CFLAGS = $(harness_cflags)
test_connection_LDADD = libshmreg.la libproto.la $(CHECK_LIBS)
endif

# What the library looks like from outside.
AM_TESTS_ENVIRONMENT = \
	top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' CC='$(CC)'; \
	export top_srcdir top_builddir CC ;
client_scripts = \
	tests/atomic-code.sh \
	tests/headers.sh \
	tests/libc-only.sh \
	tests/symbols.sh
TESTS += $(client_scripts)
EXTRA_DIST += $(client_scripts) tests/symbols.list
