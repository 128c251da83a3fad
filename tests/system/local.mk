# What an installed shmregd does under a real systemd, see tests/system/README.

check_PROGRAMS += resident lingerer
lingerer_CPPFLAGS = -I$(top_srcdir)/tests -I$(top_srcdir)/proto
lingerer_SOURCES = tests/system/lingerer.c tests/send-fds.h
resident_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
resident_LDADD = libshmreg.la -lpthread
resident_SOURCES = tests/system/resident.c

system_topics = \
	tests/system/bus \
	tests/system/doctor \
	tests/system/journal \
	tests/system/limits \
	tests/system/linger \
	tests/system/metrics \
	tests/system/reload \
	tests/system/restart \
	tests/system/service \
	tests/system/snapshot \
	tests/system/upgrade \
	tests/system/user \
	tests/system/watchdog
EXTRA_DIST += $(system_topics) tests/system/README tests/system/inside tests/system/lib.sh \
	tests/system/run

check-system: all resident$(EXEEXT) lingerer$(EXEEXT)
	@top_srcdir='$(top_srcdir)' top_builddir='$(top_builddir)' $(srcdir)/tests/system/run $(SYSTEM) \
		$(notdir $(system_topics)); r=$$?; test $$r -eq 77 || exit $$r
.PHONY: check-system
