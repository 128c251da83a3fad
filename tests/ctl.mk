# shmregctl: every command, and its parts.
check_PROGRAMS += ctl-peer
ctl_peer_CPPFLAGS = -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
ctl_peer_LDADD = libshmreg.la
ctl_peer_SOURCES = tests/ctl-peer.c tests/random.h
TESTS += tests/ctl-snapshot.sh
EXTRA_DIST += tests/ctl-snapshot.sh
check_PROGRAMS += bus-peer
bus_peer_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
bus_peer_CFLAGS = $(AM_CFLAGS) $(LIBSYSTEMD_CFLAGS)
bus_peer_LDADD = libshmreg.la $(LIBSYSTEMD_LIBS)
bus_peer_SOURCES = tests/bus-peer.c
TESTS += tests/bus.sh tests/ctl.sh tests/ctl-elements.sh tests/completion.sh tests/doc-examples.sh tests/json-schema.sh tests/man.sh tests/man-functions.sh
EXTRA_DIST += tests/json-schema.py tests/shell.sh tests/bus.sh tests/ctl.sh tests/ctl-elements.sh tests/completion.sh tests/doc-examples.sh tests/json-schema.sh tests/man.sh tests/man-functions.sh
if HAVE_CHECK
PURE_TESTS += test-json test-rate test-show-json test-text test-fdstore test-format
check_PROGRAMS += test-look-torture
TESTS += test-look-torture
test_look_torture_CPPFLAGS = $(harness_cppflags) -I$(top_srcdir)/ctl -DSHMREGCTL=\"$(abs_top_builddir)/shmregctl\"
test_look_torture_CFLAGS = $(harness_cflags)
test_look_torture_LDADD = $(integration_ldadd)
test_look_torture_SOURCES = tests/test-look-torture.c tests/look-writer.c tests/look-writer.h \
	tests/torture.c tests/torture.h tests/random.h \
	ctl/form.c ctl/form.h ctl/look.c ctl/look.h ctl/look-queue.c ctl/look-stream.c

ctl_cppflags = -I$(top_srcdir)/ctl -I$(top_srcdir)/proto

test_format_CPPFLAGS = $(ctl_cppflags)
test_format_CFLAGS = $(harness_cflags)
test_format_LDADD = $(CHECK_LIBS)
test_format_SOURCES = tests/test-format.c tests/random.h tests/suite.h ctl/format.c ctl/format-parse.c \
	ctl/format-print.c ctl/format-scan.c ctl/format-string.c ctl/format-string.h ctl/format-value.c \
	ctl/format.h ctl/format-type.h ctl/json.c ctl/json.h

test_json_CPPFLAGS = $(ctl_cppflags)
test_json_CFLAGS = $(harness_cflags)
test_json_LDADD = $(CHECK_LIBS)
test_json_SOURCES = tests/test-json.c tests/suite.h ctl/json.c ctl/json.h

test_rate_CPPFLAGS = $(ctl_cppflags)
test_rate_CFLAGS = $(harness_cflags)
test_rate_LDADD = $(CHECK_LIBS)
test_rate_SOURCES = tests/test-rate.c tests/suite.h ctl/rate.c ctl/rate.h

test_show_json_CPPFLAGS = $(ctl_cppflags) -I$(top_srcdir)/libclient
test_show_json_CFLAGS = $(harness_cflags)
test_show_json_LDADD = libshmreg.la libproto.la $(CHECK_LIBS)
test_show_json_SOURCES = tests/test-show-json.c tests/layouts.h tests/suite.h ctl/file.c ctl/file.h ctl/info.c ctl/info.h ctl/json.c ctl/json.h \
	ctl/kind-cell.c ctl/kind-pool.c ctl/kind-queue.c ctl/kind-ring.c ctl/kind-topic.c \
	ctl/kind.c ctl/kind.h ctl/placement.c ctl/placement.h ctl/rate.c ctl/rate.h \
	ctl/show-json.c ctl/show-json.h ctl/format-parse.c ctl/format-type.h ctl/format.c ctl/format.h \
	ctl/snapshot.c ctl/snapshot.h ctl/text.c ctl/text.h

test_text_CPPFLAGS = $(ctl_cppflags)
test_text_CFLAGS = $(harness_cflags)
test_text_LDADD = $(CHECK_LIBS)
test_text_SOURCES = tests/test-text.c tests/suite.h ctl/parse.c ctl/parse.h ctl/text.c ctl/text.h

test_fdstore_CPPFLAGS = $(ctl_cppflags)
test_fdstore_CFLAGS = $(harness_cflags) $(LIBSYSTEMD_CFLAGS)
test_fdstore_LDADD = $(CHECK_LIBS) $(LIBSYSTEMD_LIBS)
test_fdstore_SOURCES = tests/test-fdstore.c tests/suite.h ctl/fdstore.c ctl/fdstore.h
endif
