# man/: one page a program, a file, a concept, a family of functions

pages_static = \
	man/shmreg.7 \
	man/shmreg-reaper.8 \
	man/shmreg-crash.7 \
	man/shmreg-metrics.7 \
	man/shmreg-probes.7 \
	man/shmreg-segments.7 \
	man/shmreg-waiting.7 \
	man/shmregctl.1 \
	man/shmregctl-create.1 \
	man/shmregctl-doctor.1 \
	man/shmregctl-limit.1 \
	man/shmregctl-map.1 \
	man/shmregctl-metrics.1 \
	man/shmregctl-peek.1 \
	man/shmregctl-run.1 \
	man/shmregctl-show.1 \
	man/shmregctl-snapshot.1 \
	man/shmregctl-top.1 \
	man/shmregctl-watch.1
# With paths in them.
pages_substituted = \
	man/org.shmreg.Registry1.5 \
	man/shmregd.8 \
	man/shmregd.conf.5
# With what the headers say, see man/page.awk.
pages_from_headers = \
	man/shmreg-layout.5 \
	man/shmreg-packets.5 \
	man/shmreg-snapshot.5 \
	man/shmreg_array.3 \
	man/shmreg_atomic.3 \
	man/shmreg_cell.3 \
	man/shmreg_connect.3 \
	man/shmreg_dir.3 \
	man/shmreg_object.3 \
	man/shmreg_object_queue.3 \
	man/shmreg_pool.3 \
	man/shmreg_queue.3 \
	man/shmreg_records.3 \
	man/shmreg_ring.3 \
	man/shmreg_segment.3 \
	man/shmreg_snapshot.3 \
	man/shmreg_topic.3 \
	man/shmreg_wait.3 \
	man/shmreg_watch.3

man_MANS += $(pages_static) $(pages_substituted) $(pages_from_headers)

$(pages_substituted): %: $(srcdir)/%.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

# What the SHMREG_DEFINE_...() generate, each behind a line with its name.
man/typed.txt: $(srcdir)/man/typed.c $(shmreginclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(CC) -E -P -I$(top_srcdir)/libclient -I$(top_srcdir)/proto \
		$(srcdir)/man/typed.c | sed -n '/^@ARRAY/,$$p' >$@.tmp && mv $@.tmp $@

page_awk = $(srcdir)/man/header.awk $(srcdir)/man/prose.awk $(srcdir)/man/page.awk
$(pages_from_headers): %: $(srcdir)/%.in $(page_awk) man/typed.txt $(shmreginclude_HEADERS)
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(AWK) -v include="$(top_srcdir)/libclient $(top_srcdir)/proto" \
		-v typed=man/typed.txt $(page_awk:%=-f %) $(srcdir)/$@.in >$@.tmp && mv $@.tmp $@

# Each function and each command is a page: "LINK PAGE" a line.
man/links: $(pages_static) $(pages_from_headers)
	$(AM_V_GEN)for page in $(pages_from_headers) $(pages_static:%=$(srcdir)/%); do \
		name=$${page##*/}; \
		sed -n "/^\.Sh NAME/,/^\.Nd/s|^\.Nm \([a-z0-9_-]*\).*|\1.$${name##*.} $$name|p" $$page; \
	done | sed '/^\(.*\) \1$$/d' >$@.tmp && mv $@.tmp $@
all-local: man/links

install-data-hook: install-man-links
uninstall-hook: uninstall-man-links
install-man-links: man/links install-man
	@while read -r link page; do section=$${page##*.}; \
		echo ".so man$$section/$$page" >"$(DESTDIR)$(mandir)/man$$section/$$link" || exit 1; \
	done <man/links
uninstall-man-links:
	@while read -r link page; do rm -f "$(DESTDIR)$(mandir)/man$${page##*.}/$$link"; done <man/links
.PHONY: install-man-links uninstall-man-links

EXTRA_DIST += \
	$(pages_static) \
	$(pages_substituted:%=%.in) \
	$(pages_from_headers:%=%.in) \
	man/header.awk \
	man/page.awk \
	man/prose.awk \
	man/typed.c
CLEANFILES += $(pages_substituted) $(pages_from_headers) man/links man/typed.txt
