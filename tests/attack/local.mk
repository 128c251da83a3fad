# tests/attack: hostile clients of the control socket. `make check` does a little of it,
# `make check-attack` a lot.

EXTRA_DIST += tests/attack/README
if HAVE_CHECK
check_PROGRAMS += test-attack
TESTS += test-attack
test_attack_CPPFLAGS = $(harness_cppflags) -I$(top_srcdir)/tests/attack \
	-DOLD_KERNEL=\"$(abs_top_builddir)/old-kernel\"
test_attack_CFLAGS = $(harness_cflags)
test_attack_LDADD = $(harness_ldadd) libproto.la
test_attack_SOURCES = \
	tests/attack/attack.h \
	tests/attack/connections.c \
	tests/attack/deaths.c \
	tests/attack/flood.c \
	tests/attack/footprint.c \
	tests/attack/footprint.h \
	tests/attack/forgery.c \
	tests/attack/honest.c \
	tests/attack/honest.h \
	tests/attack/linger.c \
	tests/attack/malformed.c \
	tests/attack/names.c \
	tests/attack/sizes.c \
	tests/attack/storms.c \
	tests/attack/stuffing.c \
	tests/attack/test-attack.c \
	tests/attack/tools.c \
	tests/attack/watches.c \
	tests/random.h \
	tests/raw-watch.c \
	tests/raw-watch.h \
	tests/raw.c \
	tests/raw.h

check_PROGRAMS += old-kernel
old_kernel_CPPFLAGS = -DSHMREGD=\"$(abs_top_builddir)/shmregd\"
old_kernel_CFLAGS = $(AM_CFLAGS) $(LIBSECCOMP_CFLAGS)
old_kernel_LDADD = $(LIBSECCOMP_LIBS)
old_kernel_SOURCES = tests/attack/old-kernel.c

attack_programs = test-attack old-kernel
endif

.PHONY: check-attack
check-attack: $(attack_programs) shmregd shmreg-reaper
	SHMREG_TEST_ATTACKERS=$${SHMREG_TEST_ATTACKERS:-8} \
	SHMREG_TEST_ANSWERS=$${SHMREG_TEST_ANSWERS:-20000} ./test-attack
