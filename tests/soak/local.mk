# tests/soak: clients that work and die for minutes, and books that balance; see README there.
# `make check` has a quarter of a minute of it, `make check-soak` SOAK_MINUTES (2).

check_PROGRAMS += soak
soak_CPPFLAGS = -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
soak_LDADD = libshmreg.la
soak_SOURCES = \
	tests/random.h \
	tests/soak/cell.c \
	tests/soak/churn.c \
	tests/soak/daemon.c \
	tests/soak/items.c \
	tests/soak/main.c \
	tests/soak/object.c \
	tests/soak/plain.c \
	tests/soak/queue.c \
	tests/soak/ring.c \
	tests/soak/soak.h \
	tests/soak/sudden.c \
	tests/soak/topic.c \
	tests/soak/worker.c

TESTS += tests/soak/test-soak
EXTRA_DIST += tests/soak/README tests/soak/soak-inside tests/soak/test-soak

check-soak: soak shmregd shmregctl shmreg-reaper
	@SOAK_MINUTES="$${SOAK_MINUTES:-2}" top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' \
		$(srcdir)/tests/soak/test-soak
.PHONY: check-soak
