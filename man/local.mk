# man/: one page a program, a file, a concept

man_MANS += \
	man/org.shmreg.Registry1.5 \
	man/shmreg.7 \
	man/shmregctl.1 \
	man/shmregd.8 \
	man/shmregd.conf.5

man/shmregd.8: $(srcdir)/man/shmregd.8.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/man/shmregd.8.in > $@.tmp && mv $@.tmp $@

man/org.shmreg.Registry1.5: $(srcdir)/man/org.shmreg.Registry1.5.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/man/org.shmreg.Registry1.5.in > $@.tmp && mv $@.tmp $@

man/shmregd.conf.5: $(srcdir)/man/shmregd.conf.5.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $(srcdir)/man/shmregd.conf.5.in > $@.tmp && mv $@.tmp $@

EXTRA_DIST += \
	man/org.shmreg.Registry1.5.in \
	man/shmreg.7 \
	man/shmregctl.1 \
	man/shmregd.8.in \
	man/shmregd.conf.5.in
CLEANFILES += \
	man/org.shmreg.Registry1.5 \
	man/shmregd.8 \
	man/shmregd.conf.5
