# systemd/: how the service manager runs shmregd, for the system and for each user

systemdsystemunit_DATA = systemd/shmregd.socket systemd/shmregd.service \
	systemd/shmreg-metrics.socket systemd/shmreg-metrics@.service
systemduserunit_DATA = systemd/user/shmregd.socket systemd/user/shmregd.service

dbuspolicydir = @dbuspolicydir@
dbuspolicy_DATA = systemd/org.shmreg.Registry1.conf
dbussystemservicedir = $(datadir)/dbus-1/system-services
dbussystemservice_DATA = systemd/org.shmreg.Registry1.service
dbususerservicedir = $(datadir)/dbus-1/services
dbususerservice_DATA = systemd/user/org.shmreg.Registry1.service

systempresetdir = $(prefix)/lib/systemd/system-preset
systempreset_DATA = systemd/50-shmreg-metrics.preset

sysusersdir = $(prefix)/lib/sysusers.d

install-data-hook: install-sysusers
uninstall-hook: uninstall-sysusers

install-sysusers:
	$(MKDIR_P) $(DESTDIR)$(sysusersdir)
	$(INSTALL_DATA) $(srcdir)/systemd/shmregd.sysusers.conf $(DESTDIR)$(sysusersdir)/shmregd.conf

uninstall-sysusers:
	rm -f $(DESTDIR)$(sysusersdir)/shmregd.conf

.PHONY: install-sysusers uninstall-sysusers

systemd/%.service: $(srcdir)/systemd/%.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(substitute) $< > $@.tmp && mv $@.tmp $@

EXTRA_DIST += \
	systemd/50-shmreg-metrics.preset \
	systemd/org.shmreg.Registry1.conf \
	systemd/org.shmreg.Registry1.service \
	systemd/user/org.shmreg.Registry1.service \
	systemd/shmreg-metrics.socket \
	systemd/shmreg-metrics@.service.in \
	systemd/shmregd.socket \
	systemd/shmregd.service.in \
	systemd/shmregd.sysusers.conf \
	systemd/user/shmregd.socket \
	systemd/user/shmregd.service.in
CLEANFILES += \
	systemd/shmreg-metrics@.service \
	systemd/shmregd.service \
	systemd/user/shmregd.service
