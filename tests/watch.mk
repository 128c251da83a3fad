# Descriptors for event loops: what is ready, and the watches themselves.

if HAVE_CHECK

PURE_TESTS += test-ready
test_ready_CPPFLAGS = $(queue_cppflags)
test_ready_CFLAGS = $(harness_cflags)
test_ready_LDADD = $(queue_ldadd)
test_ready_SOURCES = tests/test-ready.c tests/ring-plain.h tests/suite.h

check_PROGRAMS += test-watch
TESTS += test-watch
test_watch_CPPFLAGS = $(harness_cppflags)
test_watch_CFLAGS = $(harness_cflags)
test_watch_LDADD = $(integration_ldadd)
test_watch_SOURCES = tests/test-watch.c tests/watcher.h

check_PROGRAMS += test-watch-end
TESTS += test-watch-end
test_watch_end_CPPFLAGS = $(harness_cppflags)
test_watch_end_CFLAGS = $(harness_cflags)
test_watch_end_LDADD = $(integration_ldadd)
test_watch_end_SOURCES = tests/test-watch-end.c tests/watcher.h

check_PROGRAMS += test-watch-daemon
TESTS += test-watch-daemon
test_watch_daemon_CPPFLAGS = $(harness_cppflags)
test_watch_daemon_CFLAGS = $(harness_cflags)
test_watch_daemon_LDADD = $(integration_ldadd)
test_watch_daemon_SOURCES = tests/test-watch-daemon.c tests/watcher.h

check_PROGRAMS += test-watch-life
TESTS += test-watch-life
test_watch_life_CPPFLAGS = $(harness_cppflags)
test_watch_life_CFLAGS = $(harness_cflags)
test_watch_life_LDADD = $(integration_ldadd)
test_watch_life_SOURCES = tests/test-watch-life.c tests/watcher.h

check_PROGRAMS += test-watch-kinds
TESTS += test-watch-kinds
test_watch_kinds_CPPFLAGS = $(harness_cppflags)
test_watch_kinds_CFLAGS = $(harness_cflags)
test_watch_kinds_LDADD = $(integration_ldadd)
test_watch_kinds_SOURCES = tests/test-watch-kinds.c tests/watcher.h

check_PROGRAMS += test-watch-threads
TESTS += test-watch-threads
test_watch_threads_CPPFLAGS = $(harness_cppflags)
test_watch_threads_CFLAGS = $(harness_cflags)
test_watch_threads_LDADD = $(integration_ldadd) -lpthread
test_watch_threads_SOURCES = tests/test-watch-threads.c tests/watcher.h

check_PROGRAMS += test-watch-step
TESTS += test-watch-step
test_watch_step_CPPFLAGS = $(harness_cppflags)
test_watch_step_CFLAGS = $(harness_cflags)
test_watch_step_LDADD = $(integration_ldadd)
test_watch_step_SOURCES = tests/test-watch-step.c tests/watcher.h

check_PROGRAMS += test-watch-spoilt
TESTS += test-watch-spoilt
test_watch_spoilt_CPPFLAGS = $(harness_cppflags) -DOLD_KERNEL=\"$(abs_top_builddir)/old-kernel\"
test_watch_spoilt_CFLAGS = $(harness_cflags)
test_watch_spoilt_LDADD = $(integration_ldadd)
test_watch_spoilt_SOURCES = \
	tests/raw-watch.c tests/layouts.h \
	tests/raw-watch.h \
	tests/raw.c \
	tests/raw.h \
	tests/test-watch-spoilt.c \
	tests/watcher.h
check_PROGRAMS += test-watch-limits
TESTS += test-watch-limits
test_watch_limits_CPPFLAGS = $(harness_cppflags)
test_watch_limits_CFLAGS = $(harness_cflags)
test_watch_limits_LDADD = $(integration_ldadd)
test_watch_limits_SOURCES = tests/test-watch-limits.c tests/watcher.h

check_PROGRAMS += test-watch-files
TESTS += test-watch-files
test_watch_files_CPPFLAGS = $(harness_cppflags)
test_watch_files_CFLAGS = $(harness_cflags)
test_watch_files_LDADD = $(integration_ldadd)
test_watch_files_SOURCES = tests/test-watch-files.c tests/watcher.h

endif
