# shmregctl top: what is shown and what keys do, without a terminal; at one; and what it costs others.
TESTS += tests/top.sh tests/top-once.sh
EXTRA_DIST += tests/top.sh tests/top-once.sh
if HAVE_CHECK
PURE_TESTS += test-top
test_top_CPPFLAGS = $(ctl_cppflags) -I$(top_srcdir)/libclient -I$(top_srcdir)/tests
test_top_CFLAGS = $(harness_cflags)
test_top_LDADD = libshmreg.la libproto.la $(CHECK_LIBS) -lm
test_top_SOURCES = tests/test-top.c tests/random.h ctl/file.c ctl/file.h ctl/info.c ctl/info.h ctl/json.c ctl/json.h \
	ctl/kind-cell.c ctl/kind-pool.c ctl/kind-queue.c ctl/kind-ring.c ctl/kind-topic.c \
	ctl/format-parse.c ctl/format-type.h ctl/format.c ctl/format.h \
	ctl/kind.c ctl/kind.h ctl/level.c ctl/level.h ctl/rate.c ctl/rate.h \
	ctl/placement.c ctl/placement.h ctl/show-json.c ctl/show-json.h ctl/snapshot.c ctl/snapshot.h ctl/text.c ctl/text.h \
	ctl/top-holders.c ctl/top-print.c ctl/top-print.h ctl/top-table.c ctl/top-table.h \
	ctl/top-ui.c ctl/top-ui.h ctl/top-view.c ctl/top-view.h

check_PROGRAMS += test-top-cost
TESTS += test-top-cost
test_top_cost_CPPFLAGS = $(harness_cppflags) -DSHMREGCTL=\"$(abs_top_builddir)/shmregctl\"
test_top_cost_CFLAGS = $(harness_cflags)
test_top_cost_LDADD = $(integration_ldadd)
test_top_cost_SOURCES = tests/test-top-cost.c $(asleep)
endif
