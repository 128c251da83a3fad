# tests/fuzz: libFuzzer's targets (README there). Apart from Automake's objects: another compiler, and
# instructions that count. FUZZ_CC is clang with libFuzzer, found by configure.

fuzz_rows = cell object-queue pool queue records ring topic
fuzz_targets = packet registry dispatch reply directory reaper restore fdstore config arguments format bus bus-calls name \
	$(fuzz_rows)
fuzz_programs = $(fuzz_targets:%=fuzz/%)

TESTS += tests/fuzz/run.sh
EXTRA_DIST += \
	tests/fuzz/README \
	tests/fuzz/answer.c \
	tests/fuzz/answer.h \
	tests/fuzz/arguments.c \
	tests/fuzz/arguments.dict \
	tests/fuzz/bus-calls.c \
	tests/fuzz/bus.c \
	tests/fuzz/config.c \
	tests/fuzz/config.dict \
	tests/fuzz/directory.c \
	tests/fuzz/dispatch.c \
	tests/fuzz/fdstore.c \
	tests/fuzz/fuzz.c \
	tests/fuzz/fuzz.h \
	tests/fuzz/found/config/semicolon-in-path \
	tests/fuzz/format.c \
	tests/fuzz/found/dispatch/short-packet \
	tests/fuzz/found/dispatch/token-sealed \
	tests/fuzz/input/random.h \
	tests/fuzz/name.c \
	tests/fuzz/packet.c \
	tests/fuzz/reaper.c \
	tests/fuzz/registry.c \
	tests/fuzz/reply-daemon.c \
	tests/fuzz/reply-daemon.h \
	tests/fuzz/reply.c \
	tests/fuzz/request.c \
	tests/fuzz/restore.c \
	tests/fuzz/request.h \
	tests/fuzz/run.sh \
	tests/fuzz/snapshot.c \
	tests/fuzz/structure.c \
	tests/fuzz/watch.c

# Ways out of -O1 that hide bugs from the sanitizers are not taken.
fuzz_cflags = -std=gnu11 -g -O1 -fno-omit-frame-pointer -fno-strict-aliasing -fno-common \
	-fsanitize=address,undefined -fno-sanitize-recover=all -I. \
	$(LIBSYSTEMD_CFLAGS) $(LIBINIH_CFLAGS) $(shmregd_paths)
fuzz_compile = $(AM_V_CC)$(MKDIR_P) $(@D) && $(FUZZ_CC) $(fuzz_cflags) -fsanitize=fuzzer-no-link -MMD -MP -c -o $@
fuzz_link = $(AM_V_CCLD)$(MKDIR_P) fuzz && $(FUZZ_CC) $(fuzz_cflags) -fsanitize=fuzzer -o $@

fuzz_objects_of = $(patsubst %.c,fuzz/obj/%.o,$(filter %.c,$(1)))
fuzz_proto = $(call fuzz_objects_of,$(libproto_la_SOURCES))
fuzz_core = $(call fuzz_objects_of,$(libshmregd_core_la_SOURCES)) $(fuzz_proto)
fuzz_client = $(call fuzz_objects_of,$(libshmreg_la_SOURCES) $(libstructures_la_SOURCES) \
	$(libsnapshot_la_SOURCES) \
	$(librepair_la_SOURCES)) $(fuzz_proto)
fuzz_shell = $(call fuzz_objects_of,$(filter-out daemon/main.c,$(shmregd_SOURCES)))
# What looks at the invariants after each step looks at thousands of seats: without instruments, but
# for the check of a directory where that is what is tested.
fuzz_verify = bitmap registry-verify segment-verify
fuzz_core_quiet = $(filter-out fuzz/obj/proto/directory-verify.o \
	$(fuzz_verify:%=fuzz/obj/daemon/%.o),$(fuzz_core)) $(fuzz_verify:%=fuzz/obj/quiet/%.o)
fuzz_common = fuzz/obj/tests/fuzz/fuzz.o

fuzz/obj/proto/%.o: $(top_srcdir)/proto/%.c
	$(fuzz_compile) -I$(top_srcdir)/proto $<
fuzz/obj/daemon/%.o: $(top_srcdir)/daemon/%.c
	$(fuzz_compile) -I$(top_srcdir)/proto $<
fuzz/obj/quiet/%.o: $(top_srcdir)/daemon/%.c
	$(fuzz_compile) -O2 -fno-sanitize=all -I$(top_srcdir)/proto $<
fuzz/obj/quiet/directory-verify.o: $(top_srcdir)/proto/directory-verify.c
	$(fuzz_compile) -O2 -fno-sanitize=all -I$(top_srcdir)/proto $<
fuzz/obj/libclient/%.o: $(top_srcdir)/libclient/%.c
	$(fuzz_compile) -I$(top_srcdir)/libclient -I$(top_srcdir)/proto $<
fuzz/obj/ctl/%.o: $(top_srcdir)/ctl/%.c
	$(fuzz_compile) -I$(top_srcdir)/proto $<
# What the rows say is at random, the fuzzer chooses: input/random.h goes first.
fuzz/obj/tests/hostile/%.o: $(top_srcdir)/tests/hostile/%.c
	$(fuzz_compile) -I$(top_srcdir)/tests/fuzz/input -I$(top_srcdir)/tests/fuzz \
		-I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto $<
fuzz_targets += watch
$(patsubst %,fuzz/obj/tests/fuzz/%.o,reply reply-daemon watch): fuzz/obj/tests/fuzz/%.o: \
		$(top_srcdir)/tests/fuzz/%.c
	$(fuzz_compile) -I$(top_srcdir)/tests -I$(top_srcdir)/libclient -I$(top_srcdir)/proto $<
fuzz/obj/tests/fuzz/reaper.o: $(top_srcdir)/tests/fuzz/reaper.c
	$(fuzz_compile) -I$(top_srcdir)/tests -I$(top_srcdir)/daemon -I$(top_srcdir)/libclient \
		-I$(top_srcdir)/proto $<
fuzz/obj/tests/fuzz/fdstore.o: $(top_srcdir)/tests/fuzz/fdstore.c
	$(fuzz_compile) -I$(top_srcdir)/tests -I$(top_srcdir)/ctl -I$(top_srcdir)/proto $<
fuzz/obj/tests/fuzz/arguments.o: $(top_srcdir)/tests/fuzz/arguments.c
	$(fuzz_compile) -I$(top_srcdir)/ctl -I$(top_srcdir)/proto $<
fuzz_targets += snapshot
fuzz/obj/tests/fuzz/snapshot.o: $(top_srcdir)/tests/fuzz/snapshot.c
	$(fuzz_compile) -I$(top_srcdir)/libclient -I$(top_srcdir)/proto $<
fuzz/obj/tests/fuzz/format.o: $(top_srcdir)/tests/fuzz/format.c
	$(fuzz_compile) -I$(top_srcdir)/ctl -I$(top_srcdir)/tests $<
fuzz/obj/tests/fuzz/%.o: $(top_srcdir)/tests/fuzz/%.c
	$(fuzz_compile) -I$(top_srcdir)/tests -I$(top_srcdir)/daemon -I$(top_srcdir)/proto $<
fuzz/obj/tests/%.o: $(top_srcdir)/tests/%.c
	$(fuzz_compile) -I$(top_srcdir)/tests -I$(top_srcdir)/daemon -I$(top_srcdir)/proto $<
fuzz/obj/row/%.o: $(top_srcdir)/tests/fuzz/structure.c
	$(fuzz_compile) -DFUZZ_ROW=hostile_$(subst -,_,$*) -I$(top_srcdir)/tests/fuzz/input \
		-I$(top_srcdir)/tests/fuzz -I$(top_srcdir)/tests/hostile -I$(top_srcdir)/tests \
		-I$(top_srcdir)/libclient -I$(top_srcdir)/proto $<
fuzz_depend = $(wildcard fuzz/obj/*/*.d fuzz/obj/*/*/*.d)
# Made with their objects; make would try to link them.
$(fuzz_depend): ;
-include $(fuzz_depend)

fuzz_registry_objects = fuzz/obj/tests/fuzz/request.o fuzz/obj/tests/registry-fixture.o \
	$(fuzz_core_quiet)
fuzz/packet: fuzz/obj/tests/fuzz/packet.o $(fuzz_common) $(fuzz_proto)
	$(fuzz_link) $^
fuzz/name: fuzz/obj/tests/fuzz/name.o $(fuzz_common) $(fuzz_proto)
	$(fuzz_link) $^
fuzz/arguments: fuzz/obj/tests/fuzz/arguments.o $(fuzz_common) fuzz/obj/ctl/parse.o
	$(fuzz_link) $^
fuzz/format: fuzz/obj/tests/fuzz/format.o $(fuzz_common) \
		$(patsubst %,fuzz/obj/ctl/%.o,format format-parse format-print format-scan format-string format-value json)
	$(fuzz_link) $^
fuzz/bus: fuzz/obj/tests/fuzz/bus.o $(fuzz_common) fuzz/obj/daemon/bus-args.o \
		fuzz/obj/daemon/refuse.o $(fuzz_proto)
	$(fuzz_link) $^
fuzz/config: fuzz/obj/tests/fuzz/config.o $(fuzz_common) $(call fuzz_objects_of,\
		$(filter daemon/options% daemon/log.c daemon/uid-limits.c,\
		$(shmregd_SOURCES) $(libshmregd_core_la_SOURCES))) $(fuzz_proto)
	$(fuzz_link) $^ $(LIBINIH_LIBS)
fuzz/registry: fuzz/obj/tests/fuzz/registry.o $(fuzz_common) $(fuzz_registry_objects) \
		fuzz/obj/quiet/directory-verify.o
	$(fuzz_link) $^
fuzz/directory: fuzz/obj/tests/fuzz/directory.o $(fuzz_common) $(fuzz_registry_objects) \
		fuzz/obj/proto/directory-verify.o
	$(fuzz_link) $^
fuzz/bus-calls: fuzz/obj/tests/fuzz/bus-calls.o $(fuzz_common) fuzz/obj/tests/fake-bus.o \
		$(fuzz_shell) $(fuzz_core_quiet) fuzz/obj/quiet/directory-verify.o
	$(fuzz_link) $^ $(LIBSYSTEMD_LIBS) $(LIBINIH_LIBS) $(LIBEV_LIBS)
fuzz/restore: fuzz/obj/tests/fuzz/restore.o $(fuzz_common) fuzz/obj/tests/registry-fixture.o \
		$(fuzz_shell) $(fuzz_core_quiet) fuzz/obj/quiet/directory-verify.o
	$(fuzz_link) $^ $(LIBSYSTEMD_LIBS) $(LIBINIH_LIBS) $(LIBEV_LIBS)
fuzz/reaper: fuzz/obj/tests/fuzz/reaper.o fuzz/obj/daemon/job.o $(fuzz_common) \
		fuzz/obj/tests/registry-fixture.o \
		$(fuzz_core) $(call fuzz_objects_of,$(librepair_la_SOURCES))
	$(fuzz_link) $^
fuzz/fdstore: fuzz/obj/tests/fuzz/fdstore.o $(fuzz_common) fuzz/obj/ctl/fdstore.o
	$(fuzz_link) $^
fuzz_wrap = rights_close spawn_reaper kill waitpid
fuzz/dispatch: fuzz/obj/tests/fuzz/dispatch.o $(fuzz_common) fuzz/obj/tests/fuzz/request.o \
		$(fuzz_shell) $(fuzz_core_quiet) fuzz/obj/quiet/directory-verify.o
	$(fuzz_link) $(fuzz_wrap:%=-Wl,--wrap=%) $^ $(LIBSYSTEMD_LIBS) $(LIBINIH_LIBS) $(LIBEV_LIBS)
fuzz/snapshot: fuzz/obj/tests/fuzz/snapshot.o $(fuzz_common) $(fuzz_client)
	$(fuzz_link) $^
# The daemon's part is played by the target.
fuzz/reply: $(patsubst %,fuzz/obj/tests/fuzz/%.o,reply reply-daemon answer) $(fuzz_common) $(fuzz_client)
	$(fuzz_link) -Wl,--wrap=transport_connect,--wrap=transport_send $^
fuzz/watch: $(patsubst %,fuzz/obj/tests/fuzz/%.o,watch answer) $(fuzz_common) $(fuzz_client)
	$(fuzz_link) -Wl,--wrap=connect,--wrap=poll $^
$(fuzz_rows:%=fuzz/%): fuzz/%: fuzz/obj/row/%.o $(fuzz_common) fuzz/obj/tests/plain.o \
		$(call fuzz_objects_of,$(hostile_rows)) $(fuzz_client)
	$(fuzz_link) $^
# No interruption makes one of them be removed as intermediate.
.SECONDARY:

.PHONY: fuzz-programs fuzz-list check-fuzz
fuzz-programs: $(fuzz_programs)
fuzz-list:
	@echo $(fuzz_targets)
# FUZZ_SECONDS: for each target; FUZZ_TARGETS: which; FUZZ_JOBS: how many at a time.
check-fuzz:
	@FUZZ_CC='$(FUZZ_CC)' FUZZ_SECONDS="$${FUZZ_SECONDS:-5}" FUZZ_KEEP=yes \
		top_srcdir='$(top_srcdir)' \
		$(SHELL) $(top_srcdir)/tests/fuzz/run.sh
