# tests/hostile: a peer writes anything anywhere. `make check` does a little of it, `make check-hostile`
# a lot.

# From the sources themselves, with the sanitizers that an ordinary build has not.
check_PROGRAMS += test-hostile
TESTS += test-hostile
test_hostile_CPPFLAGS = -I$(top_srcdir)/tests/hostile -I$(top_srcdir)/tests \
	-I$(top_srcdir)/libclient -I$(top_srcdir)/proto
test_hostile_CFLAGS = $(AM_CFLAGS) $(SANITIZE_CFLAGS)
test_hostile_LDFLAGS = $(AM_LDFLAGS) $(SANITIZE_CFLAGS)
hostile_rows = \
	tests/hostile/cell.c \
	tests/hostile/hostile.c \
	tests/hostile/hostile.h \
	tests/hostile/object-queue.c \
	tests/hostile/plain-kinds.c \
	tests/hostile/pool.c \
	tests/hostile/queue.c \
	tests/hostile/records.c \
	tests/hostile/ring.c \
	tests/hostile/rows.c \
	tests/hostile/rows.h \
	tests/hostile/topic.c
test_hostile_SOURCES = \
	tests/hostile/test-hostile.c \
	$(hostile_rows) \
	tests/plain.c \
	tests/plain.h \
	tests/random.h \
	$(libshmreg_la_SOURCES) \
	$(libstructures_la_SOURCES) \
	$(librepair_la_SOURCES) \
	$(libsnapshot_la_SOURCES) \
	$(libproto_la_SOURCES)

hostile_programs = test-hostile
if HAVE_CHECK
hostile_programs += test-hostile-daemon
check_PROGRAMS += test-hostile-daemon
TESTS += test-hostile-daemon
test_hostile_daemon_CPPFLAGS = $(harness_cppflags) -I$(top_srcdir)/tests/hostile
test_hostile_daemon_CFLAGS = $(harness_cflags)
test_hostile_daemon_LDADD = libplain.la $(harness_ldadd)
test_hostile_daemon_SOURCES = tests/hostile/test-hostile-daemon.c $(hostile_rows) tests/random.h
endif

.PHONY: check-hostile
check-hostile: $(hostile_programs) shmregd shmreg-reaper
	@for program in $(hostile_programs); do \
		CK_DEFAULT_TIMEOUT=600 SHMREG_TEST_SCALE=$${SHMREG_TEST_SCALE:-20} ./$$program || exit; \
	done
