# shmregctl metrics: the text it writes, the requests it answers; and the command. Probes.

TESTS += tests/metrics.sh tests/probes.sh
EXTRA_DIST += tests/metrics.sh tests/openmetrics.awk tests/probes.sh

if HAVE_CHECK

PURE_TESTS += test-openmetrics
test_openmetrics_CPPFLAGS = $(ctl_cppflags)
test_openmetrics_CFLAGS = $(harness_cflags)
test_openmetrics_LDADD = $(CHECK_LIBS)
test_openmetrics_SOURCES = tests/test-openmetrics.c tests/suite.h ctl/http.c ctl/http.h ctl/json.c ctl/json.h \
	ctl/openmetrics.c ctl/openmetrics.h

endif
