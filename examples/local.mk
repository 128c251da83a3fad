# examples/: programs as users write them. They see the installed headers only, and are not installed.

noinst_PROGRAMS += wordcount hello frames events sleeper
wordcount_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -D_GNU_SOURCE
wordcount_LDADD = libshmreg.la
wordcount_SOURCES = \
	examples/wordcount.c \
	examples/wordcount.h \
	examples/wordcount-crew.c \
	examples/wordcount-text.c \
	examples/wordcount-worker.c

hello_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
hello_LDADD = libshmreg.la
hello_SOURCES = examples/hello.c

frames_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
frames_LDADD = libshmreg.la
frames_SOURCES = examples/frames.c

sleeper_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
sleeper_LDADD = libshmreg.la
sleeper_SOURCES = examples/sleeper.c

events_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto
events_LDADD = libshmreg.la $(LIBEV_LIBS)
events_SOURCES = examples/events.c
EXTRA_DIST += examples/sleepers.bt
