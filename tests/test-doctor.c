/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What doctor thinks of kernels, limits and units that the machine of this test does not have: each
 * check fires for its fault and for nothing else, and where all is as it should be none does. Real
 * ones are looked at in tests/doctor.sh and tests/system/doctor.
 */

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "findings.h"
#include "machine.h"
#include "suite.h"
#include "unit.h"

static struct findings f;
static struct machine machine;
static struct unit unit;

static void setup(void)
{
	machine = (struct machine){
		.release = "6.9.1", .kernel = { 6, 9 },
		.files_soft = 1024, .files_hard = 524288, .memlock = 8 << 20,
		.address_space = MACHINE_UNKNOWN, .max_map_count = 65530,
		.file_max = 1000000, .file_used = 5000,
		.memory = UINT64_C(16) << 30, .available = UINT64_C(8) << 30,
		.commit_limit = UINT64_C(8) << 30, .committed = UINT64_C(8) << 30,
		.cgroup_max = MACHINE_UNKNOWN, .cgroup_used = UINT64_C(1) << 30,
		.shmem_enabled = "never", .n_segments = 10, .resident_bytes = 1 << 20,
	};
	unit_parse("LoadState=loaded\nActiveState=active\nUnitFileState=indirect\nResult=success\n"
		   "DropInPaths=\nNeedDaemonReload=no\nRestart=always\nKillMode=mixed\n"
		   "RuntimeDirectoryPreserve=yes\nUser=shmreg\nFileDescriptorStoreMax=4096\n"
		   "NFileDescriptorStore=21\nLimitNOFILESoft=131072\nNRestarts=0\nMemoryMax=infinity\n"
		   "WatchdogUSec=30s\nno value\n=\n", &unit.service);
	unit_parse("LoadState=loaded\nActiveState=active\nUnitFileState=enabled\nSocketMode=0666\n",
		   &unit.socket);
	unit.user = false;
	unit.answers = true;
	unit.max_segments = 500;
	unit.n_segments = 10;
	findings_deinit(&f);
}

static void teardown(void)
{
	findings_deinit(&f);
}

/* All that is not well is this. And with something to type, but for what nothing helps. */
static void only(enum severity severity, const char *check)
{
	size_t n = 0;

	ck_assert(!f.failed);
	for (size_t i = 0; i < f.n; i++) {
		if (f.list[i].severity == FINDING_OK)
			continue;
		n++;
		ck_assert_str_eq(f.list[i].check, check);
		ck_assert_int_eq(f.list[i].severity, severity);
		ck_assert_ptr_nonnull(f.list[i].type);
	}
	ck_assert_uint_eq(n, severity == FINDING_OK ? 0 : 1);
	ck_assert_uint_gt(f.n, 0);
}

/* Then all is made well again. */
static void machine_is(enum severity severity, const char *check)
{
	machine_judge(&machine, &f);
	only(severity, check);
	setup();
}

static void unit_is(enum severity severity, const char *check)
{
	unit_judge(&unit, &f);
	only(severity, check);
	setup();
}

START_TEST(kernel)
{
	machine_is(FINDING_OK, "");
	machine.kernel[0] = 5, machine.kernel[1] = 9;
	machine_is(FINDING_ERROR, "machine.kernel");
	machine.memfd = ENOSYS;
	machine_is(FINDING_ERROR, "machine.memfd");
	machine.reopen = ENOENT;
	machine_is(FINDING_ERROR, "machine.proc");
	machine.pidfd = EPERM;
	machine_is(FINDING_ERROR, "machine.pidfd");
	machine.membarrier = ENOSYS;
	machine_is(FINDING_ERROR, "machine.membarrier");
	machine.wipeonfork = EINVAL;
	machine_is(FINDING_ERROR, "machine.wipeonfork");
	machine.seqpacket = EPROTONOSUPPORT;
	machine_is(FINDING_ERROR, "machine.seqpacket");
	machine.futex_waitv = ENOSYS;
	machine_is(FINDING_WARNING, "machine.futex-waitv");
	machine.peerpidfd = ENOPROTOOPT;
	machine_is(FINDING_NOTE, "machine.peerpidfd");
	machine.pidfs = EOPNOTSUPP;
	machine_is(FINDING_NOTE, "machine.pidfs");
}
END_TEST

START_TEST(limits)
{
	machine.files_soft = 64;
	machine_is(FINDING_WARNING, "machine.files");
	machine.files_soft = MACHINE_UNKNOWN;
	machine_is(FINDING_OK, "");
	machine.file_used = 999999;
	machine_is(FINDING_ERROR, "machine.file-max");
	machine.max_map_count = 100;
	machine_is(FINDING_WARNING, "machine.max-map-count");
	machine.address_space = 1 << 30;
	machine_is(FINDING_WARNING, "machine.address-space");
	machine.memlock = MACHINE_UNKNOWN;
	machine_is(FINDING_OK, "");
}
END_TEST

START_TEST(memory)
{
	machine.available = 1 << 20;
	machine_is(FINDING_WARNING, "machine.memory");
	machine.overcommit = 2;
	machine_is(FINDING_WARNING, "machine.overcommit");
	machine.overcommit = 2;
	machine.committed = 0;
	machine_is(FINDING_OK, "");
	machine.cgroup_max = (UINT64_C(1) << 30) + 4096;
	machine_is(FINDING_WARNING, "machine.cgroup");
	machine.cgroup_max = UINT64_C(2) << 30;
	machine_is(FINDING_OK, "");
	machine.n_huge = 10;
	machine.n_huge_free = 4;
	machine_is(FINDING_NOTE, "machine.hugetlb");
	machine.resident_bytes = UINT64_C(4) << 30;
	machine_is(FINDING_NOTE, "machine.huge-pages");
	machine.resident_bytes = UINT64_C(4) << 30;
	strcpy(machine.shmem_enabled, "advise");
	machine_is(FINDING_OK, "");
	*machine.shmem_enabled = '\0';
	machine_is(FINDING_OK, "");
}
END_TEST

/* Where nothing is known nothing is said to be wrong. */
START_TEST(unknown)
{
	machine.memory = machine.available = machine.commit_limit = machine.committed = MACHINE_UNKNOWN;
	machine.file_max = machine.file_used = MACHINE_UNKNOWN;
	machine.cgroup_used = machine.n_huge = machine.n_huge_free = MACHINE_UNKNOWN;
	machine_is(FINDING_OK, "");
	unit.n_segments = UNIT_UNKNOWN;
	unit.max_segments = 0;
	unit.service.n_fd_store = unit.service.limit_files = unit.service.n_restarts = UNIT_UNKNOWN;
	unit.service.fd_store_max = UNIT_UNKNOWN;
	unit_is(FINDING_OK, "");
}
END_TEST

START_TEST(units)
{
	unit_is(FINDING_OK, "");
	strcpy(unit.service.load, "masked");
	unit_is(FINDING_ERROR, "service.masked");
	strcpy(unit.service.load, "not-found");
	unit_is(FINDING_WARNING, "service.installed");
	strcpy(unit.service.load, "not-found");
	unit.answers = false;
	unit_is(FINDING_ERROR, "service.installed");
	strcpy(unit.service.load, "bad-setting");
	unit_is(FINDING_ERROR, "service.installed");
	strcpy(unit.service.active, "failed");
	unit_is(FINDING_ERROR, "service.state");
	strcpy(unit.service.active, "inactive");
	unit_is(FINDING_OK, "");
	unit.service.n_restarts = 3;
	unit_is(FINDING_NOTE, "service.restarts");
	unit.service.reload_needed = true;
	unit_is(FINDING_WARNING, "service.reload");
	strcpy(unit.service.drop_ins, "/etc/systemd/system/shmregd.service.d/a.conf");
	unit_is(FINDING_NOTE, "service.drop-ins");
	strcpy(unit.socket.active, "inactive");
	unit_is(FINDING_WARNING, "service.socket");
	strcpy(unit.socket.active, "inactive");
	unit.answers = false;
	unit_is(FINDING_ERROR, "service.socket");
	strcpy(unit.socket.enabled, "disabled");
	unit_is(FINDING_WARNING, "service.enabled");
	strcpy(unit.socket.socket_mode, "0600");
	unit_is(FINDING_NOTE, "service.socket-mode");
	strcpy(unit.socket.socket_mode, "0600");
	unit.user = true;
	unit_is(FINDING_OK, "");
}
END_TEST

START_TEST(manners)
{
	unit.service.fd_store_max = 0;
	unit.service.n_fd_store = UNIT_UNKNOWN;
	unit_is(FINDING_ERROR, "service.fd-store");
	unit.service.fd_store_max = 512;
	unit_is(FINDING_WARNING, "service.fd-store");
	unit.service.fd_store_max = 1002;
	unit_is(FINDING_OK, "");
	unit.service.n_fd_store = 19;
	unit_is(FINDING_ERROR, "service.fd-stored");
	unit.service.limit_files = 4096;
	unit_is(FINDING_ERROR, "service.files");
	strcpy(unit.service.restart, "no");
	unit_is(FINDING_WARNING, "service.restart");
	unit.service.watchdog = false;
	unit_is(FINDING_NOTE, "service.watchdog");
	strcpy(unit.service.preserve, "no");
	unit_is(FINDING_WARNING, "service.runtime-directory");
	*unit.service.user = '\0';
	unit_is(FINDING_WARNING, "service.user");
	unit.service.memory_max = 1 << 30;
	unit_is(FINDING_WARNING, "service.memory");
}
END_TEST

START_TEST(watchdogs)
{
	static const char *const none[] = { "WatchdogUSec=infinity\n", "WatchdogUSec=0\n", "WatchdogUSec=\n" };
	struct unit_properties p;

	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++) {
		unit_parse(none[i], &p);
		ck_assert(!p.watchdog);
	}
	unit_parse("WatchdogUSec=1min 30s\n", &p);
	ck_assert(p.watchdog);
}
END_TEST

START_TEST(words)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	f.segment = "a/b";
	finding_add(&f, FINDING_NOTE, "x.note", "%d %s", 7, "\033[31m");
	f.object = "o";
	finding_add(&f, FINDING_ERROR, "x.error", "one\ntwo");
	finding_type(&f, "first %d", 1);
	finding_type(&f, "second");
	f.segment = f.object = NULL;
	finding_add(&f, FINDING_OK, "x.ok", "well");
	ck_assert_int_eq(findings_print(&f, false, out), 0);
	fclose(out);
	ck_assert_str_eq(text, "error   a/b, o: one\n        two\n        type: first 1\n"
			       "              second\nnote    a/b: 7 ?[31m\n");
	free(text);
	text = NULL;
	out = open_memstream(&text, &size);
	ck_assert_int_eq(findings_print(&f, true, out), 0);
	fclose(out);
	ck_assert_ptr_nonnull(strstr(text, "ok      well\n"));
	free(text);
	ck_assert_uint_eq(f.count[FINDING_ERROR], 1);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { kernel, limits, memory, unknown, units, manners, watchdogs,
				       words };

	return RUN_SUITE("doctor", tests, setup, teardown, 0);
}
