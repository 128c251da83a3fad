# ctl/: shmregctl. Includes libclient's installed headers and proto/.

bin_PROGRAMS += shmregctl
shmregctl_CPPFLAGS = -I$(top_srcdir)/libclient -I$(top_srcdir)/proto -DBINDIR=\"$(bindir)\" \
	-DSYSCONFDIR=\"$(sysconfdir)\" -DDBUSPOLICYDIR=\"$(dbuspolicydir)\"
shmregctl_CFLAGS = $(AM_CFLAGS) $(NCURSES_CFLAGS)
shmregctl_LDADD = libshmreg.la libproto.la $(NCURSES_LIBS)
shmregctl_SOURCES = \
	ctl/access.c \
	ctl/access.h \
	ctl/create.c \
	ctl/ctl.h \
	ctl/dump.c \
	ctl/dump.h \
	ctl/advice.c \
	ctl/advice.h \
	ctl/advise.c \
	ctl/doctor-config.c \
	ctl/doctor-files.c \
	ctl/doctor-registry.c \
	ctl/doctor-segment.c \
	ctl/doctor-service.c \
	ctl/doctor-socket.c \
	ctl/doctor-tools.c \
	ctl/doctor.c \
	ctl/doctor.h \
	ctl/fdstore.c \
	ctl/fdstore.h \
	ctl/file.c \
	ctl/file.h \
	ctl/form.c \
	ctl/form.h \
	ctl/format-parse.c \
	ctl/format-print.c \
	ctl/format-scan.c \
	ctl/format-string.c \
	ctl/format-string.h \
	ctl/format-type.h \
	ctl/format-value.c \
	ctl/format.c \
	ctl/format.h \
	ctl/findings.c \
	ctl/findings.h \
	ctl/info.c \
	ctl/info.h \
	ctl/http.c \
	ctl/http.h \
	ctl/inspect-cell.c \
	ctl/inspect-directory.c \
	ctl/inspect-pool.c \
	ctl/inspect-queue.c \
	ctl/inspect-ring.c \
	ctl/inspect-topic.c \
	ctl/inspect.c \
	ctl/inspect.h \
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
	ctl/machine-gather.c \
	ctl/machine.c \
	ctl/machine.h \
	ctl/main.c \
	ctl/map-print.c \
	ctl/map.c \
	ctl/map.h \
	ctl/metrics-gather.c \
	ctl/metrics-write.c \
	ctl/metrics.c \
	ctl/metrics.h \
	ctl/openmetrics.c \
	ctl/openmetrics.h \
	ctl/pages.c \
	ctl/pages.h \
	ctl/parse.c \
	ctl/parse.h \
	ctl/patience.c \
	ctl/patience.h \
	ctl/peek.c \
	ctl/placement.c \
	ctl/placement.h \
	ctl/pop.c \
	ctl/push.c \
	ctl/put.c \
	ctl/rate.c \
	ctl/rate.h \
	ctl/remove.c \
	ctl/restore.c \
	ctl/run.c \
	ctl/set.c \
	ctl/show-json.c \
	ctl/show-json.h \
	ctl/show.c \
	ctl/sink-place.c \
	ctl/sink.c \
	ctl/sink.h \
	ctl/snapshot-take.c \
	ctl/snapshot.c \
	ctl/snapshot.h \
	ctl/source.c \
	ctl/source.h \
	ctl/stats.c \
	ctl/stats.h \
	ctl/stream.c \
	ctl/stream.h \
	ctl/take.c \
	ctl/tap.c \
	ctl/tap.h \
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
	ctl/unit.c \
	ctl/unit.h \
	ctl/watch.c

# What --json prints, for programs.
schemadir = $(datadir)/shmreg/schema
dist_schema_DATA = \
	ctl/schema/add.json \
	ctl/schema/advise.json \
	ctl/schema/common.json \
	ctl/schema/create.json \
	ctl/schema/doctor.json \
	ctl/schema/get.json \
	ctl/schema/limit.json \
	ctl/schema/ls.json \
	ctl/schema/map.json \
	ctl/schema/peek.json \
	ctl/schema/pop.json \
	ctl/schema/rm.json \
	ctl/schema/set.json \
	ctl/schema/show.json \
	ctl/schema/snapshot.json \
	ctl/schema/stats.json \
	ctl/schema/top.json \
	ctl/schema/watch.json

# Completion: both shells have the same words.
bashcompletiondir = @bashcompletiondir@
nodist_bashcompletion_DATA = ctl/completion/shmregctl
zshcompletiondir = @zshcompletiondir@
nodist_zshcompletion_DATA = ctl/completion/_shmregctl
ctl/completion/shmregctl: $(srcdir)/ctl/completion/words.sh $(srcdir)/ctl/completion/shmregctl.bash
	$(AM_V_GEN)$(MKDIR_P) $(@D) && cat $(srcdir)/ctl/completion/words.sh \
		$(srcdir)/ctl/completion/shmregctl.bash >$@.tmp && mv $@.tmp $@
ctl/completion/_shmregctl: $(srcdir)/ctl/completion/words.sh $(srcdir)/ctl/completion/shmregctl.zsh
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { echo '#compdef shmregctl'; cat $(srcdir)/ctl/completion/words.sh \
		$(srcdir)/ctl/completion/shmregctl.zsh; } >$@.tmp && mv $@.tmp $@
EXTRA_DIST += ctl/completion/words.sh ctl/completion/shmregctl.bash ctl/completion/shmregctl.zsh
CLEANFILES += ctl/completion/shmregctl ctl/completion/_shmregctl
