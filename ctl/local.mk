# ctl/: shmregctl. Includes libclient's installed headers and proto/.

bin_PROGRAMS += shmregctl
shmregctl_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -DBINDIR=\"$(bindir)\"
shmregctl_CFLAGS = $(AM_CFLAGS) $(NCURSES_CFLAGS)
shmregctl_LDADD = libshmreg.la libproto.la $(NCURSES_LIBS)
shmregctl_SOURCES = \
	ctl/create.c \
	ctl/ctl.h \
	ctl/fdstore.c \
	ctl/fdstore.h \
	ctl/file.c \
	ctl/file.h \
	ctl/format-parse.c \
	ctl/format-print.c \
	ctl/format-scan.c \
	ctl/format-type.h \
	ctl/format-value.c \
	ctl/format.c \
	ctl/format.h \
	ctl/info.c \
	ctl/info.h \
	ctl/json.c \
	ctl/json.h \
	ctl/keeper.c \
	ctl/keeper.h \
	ctl/kind-cell.c \
	ctl/kind-pool.c \
	ctl/kind-queue.c \
	ctl/kind-ring.c \
	ctl/kind-topic.c \
	ctl/kind.c \
	ctl/kind.h \
	ctl/level.c \
	ctl/level.h \
	ctl/limit.c \
	ctl/list.c \
	ctl/look-queue.c \
	ctl/look-stream.c \
	ctl/look.c \
	ctl/look.h \
	ctl/main.c \
	ctl/parse.c \
	ctl/parse.h \
	ctl/rate.c \
	ctl/rate.h \
	ctl/remove.c \
	ctl/run.c \
	ctl/set.c \
	ctl/show-json.c \
	ctl/show-json.h \
	ctl/show.c \
	ctl/snapshot-take.c \
	ctl/snapshot.c \
	ctl/snapshot.h \
	ctl/source.c \
	ctl/source.h \
	ctl/stats.c \
	ctl/take.c \
	ctl/text.c \
	ctl/text.h \
	ctl/top-holders.c \
	ctl/top-look.c \
	ctl/top-look.h \
	ctl/top-print.c \
	ctl/top-print.h \
	ctl/top-screen.c \
	ctl/top-screen.h \
	ctl/top-table.c \
	ctl/top-table.h \
	ctl/top-ui.c \
	ctl/top-ui.h \
	ctl/top-view.c \
	ctl/top-view.h \
	ctl/top-watcher.c \
	ctl/top-watcher.h \
	ctl/top.c \
	ctl/watch.c
