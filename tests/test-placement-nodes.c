/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * On which NUMA nodes a segment is, whoever dies while it is made. Who creates it is stopped, killed
 * or refused at a system call by a filter; what the kernel says of the memory counts.
 */

#include <errno.h>
#include <linux/filter.h>
#include <linux/mempolicy.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "placement-fixture.h"

#define BYTES (UINT64_C(1) << 20)

static void setup(void)
{
	start((const char *[]){ "--reserve-budget=1G", NULL });
}

static void expect_nothing(void)
{
	harness_wait(is_nothing, NULL, "the end of the segment");
}

/* --- deeds ------------------------------------------------------------------------ */

static int64_t deed_make(struct actor *a, int64_t flags)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = BYTES, .mode = 0666, .lifetime = SHMREG_UNTIL_REMOVED,
		.placement = { .numa = SHMREG_NUMA_INTERLEAVE, .flags = (uint32_t)flags },
	};

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, &a->segment,
								   ACTOR_SEGMENT, &params);
}

/* Nobody is to be attached afterwards. */
static int64_t deed_make_only(struct actor *a, int64_t numa)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = BYTES, .lifetime = SHMREG_UNTIL_REMOVED,
		.placement = { .numa = (uint32_t)numa, .nodes = 1 },
	};

	return deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_create(a->connection, NULL,
								   ACTOR_SEGMENT, &params);
}

static int64_t deed_open_or_make(struct actor *a, int64_t node)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = BYTES,
		.placement = { .numa = SHMREG_NUMA_BIND, .nodes = UINT64_C(1) << node },
	};
	int created;
	int r;

	r = deed_connect(a, 0) < 0 ? -EIO : shmreg_segment_open_or_create(a->connection, &a->segment,
									ACTOR_SEGMENT, &params, &created);
	return r < 0 ? r : created;
}

static int64_t deed_lifetime(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_segment_dir(a->segment)->mode_lifetime >> 16;
}

static void stand_still(int signal)
{
	(void)signal;
	raise(SIGSTOP);
}

/* What becomes of this process at the next mbind(2) or, of @action's sign, fallocate(2). */
static int64_t deed_filter(struct actor *a, int64_t action)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, action < 0 ? SYS_fallocate : SYS_mbind, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, (uint32_t)(action < 0 ? -action : action)),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	const struct sock_fprog program = { sizeof(code) / sizeof(*code), code };

	(void)a;
	signal(SIGSYS, stand_still);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return -errno;
	return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) < 0 ? -errno : 0;
}

#define FORBIDDEN (SECCOMP_RET_ERRNO | EPERM)

static void await_standstill(const struct process *p)
{
	int status;

	ck_assert_int_eq(waitpid(p->pid, &status, WUNTRACED), p->pid);
	ck_assert(WIFSTOPPED(status));
}

/* As others see it. */
static bool has_policy(const struct process *p, const char *policy)
{
	char path[64], line[512];
	bool has = false;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/numa_maps", (int)p->pid);
	f = fopen(path, "r");
	ck_assert_ptr_nonnull(f);
	while (!has && fgets(line, sizeof(line), f))
		has = strstr(line, "shmreg:data") && strstr(line, policy);
	fclose(f);
	return has;
}

static bool no_numa(void)
{
	if (access("/proc/self/numa_maps", R_OK) == 0)
		return false;
	harness_skip("the kernel is without NUMA");
	return true;
}

/* --- tests ------------------------------------------------------------------------ */

START_TEST(without_attaching)
{
	static const int64_t policy[] = {
		[SHMREG_NUMA_BIND] = MPOL_BIND, [SHMREG_NUMA_INTERLEAVE] = MPOL_INTERLEAVE,
	};

	if (no_numa())
		return;
	actor_ok(&maker, deed_make_only, _i);
	process_finish(&maker);
	/* Who may not set it sees what is. */
	actor_ok(&other, deed_filter, FORBIDDEN);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
	actor_expect(&other, deed_policy, 0, policy[_i]);
	actor_expect(&other, deed_lifetime, 0, SHMREG_UNTIL_REMOVED);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

START_TEST(forbidden)
{
	if (no_numa())
		return;
	actor_ok(&maker, deed_filter, FORBIDDEN);
	actor_expect(&maker, deed_make, 0, -EPERM);
	actor_says(&maker, "forbidden to this process");
	expect_nothing();
	actor_expect(&maker, deed_make_only, SHMREG_NUMA_BIND, -EPERM);
	expect_nothing();
	/* It is there already: as he who made it could do it. */
	actor_ok(&other, deed_make, 0);
	actor_expect(&maker, deed_open_or_make, 0, 0);
	actor_expect(&maker, deed_policy, 0, MPOL_INTERLEAVE);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

START_TEST(no_such_node)
{
	if (no_numa())
		return;
	actor_expect(&maker, deed_open_or_make, 63, -EINVAL);
	actor_says(&maker, "NUMA node 63 is none");
	expect_nothing();
	actor_ok(&other, deed_make, 0);
	actor_expect(&maker, deed_open_or_make, 63, 0);
	actor_expect(&maker, deed_policy, 0, MPOL_INTERLEAVE);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

/* Before it is placed, and while it is reserved. */
START_TEST(maker_dies)
{
	const int64_t kill = SECCOMP_RET_KILL_PROCESS;

	if (no_numa())
		return;
	actor_ok(&other, deed_connect, 0);
	actor_ok(&maker, deed_filter, _i ? -kill : kill);
	actor_begin(&maker, deed_make, SHMREG_PLACE_PREFAULT);
	ck_assert_int_eq(WTERMSIG(process_wait(&maker)), SIGSYS);
	expect_nothing();
	actor_ok(&other, deed_make, SHMREG_PLACE_PREFAULT);
	actor_ok(&other, deed_remove, 0);
}
END_TEST

/* Who comes before it is placed touches no page of another policy, and it stays while he has it. */
START_TEST(others_come_before)
{
	if (no_numa())
		return;
	actor_ok(&maker, deed_filter, SECCOMP_RET_TRAP);
	actor_begin(&maker, deed_make, 0);
	await_standstill(&maker);
	ck_assert(!has_policy(&maker, "interleave"));
	actor_ok(&other, deed_open, _i);
	actor_expect(&other, deed_policy, 0, MPOL_INTERLEAVE);
	ck_assert(has_policy(&maker, "interleave"));
	actor_expect(&other, deed_lifetime, 0, SHMREG_WHILE_ATTACHED);
	process_kill(&maker);
	actor_expect(&other, deed_policy, 0, MPOL_INTERLEAVE);
	if (_i == SHMREG_ACCESS_WRITE) {
		actor_ok(&other, deed_queue_create, 0);
		actor_ok(&other, deed_push, 7);
		actor_expect(&other, deed_pop, 0, 7);
	}
	actor_ok(&other, deed_close, 0);
	expect_nothing();
}
END_TEST

/* What is allocated before it is placed would be anywhere. */
START_TEST(placed_first)
{
	if (no_numa())
		return;
	actor_ok(&maker, deed_filter, -(int64_t)SECCOMP_RET_TRAP);
	actor_begin(&maker, deed_make, SHMREG_PLACE_PREFAULT);
	await_standstill(&maker);
	ck_assert(has_policy(&maker, "interleave"));
	process_kill(&maker);
	expect_nothing();
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("placement-nodes");
	TCase *c = harness_case(s, "placement-nodes");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, without_attaching, SHMREG_NUMA_BIND, SHMREG_NUMA_INTERLEAVE + 1);
	tcase_add_test(c, forbidden);
	tcase_add_test(c, no_such_node);
	tcase_add_loop_test(c, maker_dies, 0, 2);
	tcase_add_loop_test(c, others_come_before, SHMREG_ACCESS_READ, SHMREG_ACCESS_WRITE + 1);
	tcase_add_test(c, placed_first);
	return s;
}

int main(void)
{
	return harness_main(suite());
}

