/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Hostile clients, of one kind and of all, while an honest client is served.
 *
 * Asserted is that it is, that the daemon stays within bounds that are written down in
 * footprint.c, that it logs no more than its rate, and that afterwards it has what it had
 * before. How long the honest client waited is printed, not judged.
 */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "footprint.h"
#include "harness.h"
#include "honest.h"

#define UIDS 2			/* of the attackers; each has its own quotas */
#define MAX_CONNECTIONS 48	/* a uid */
#define MAX_SUBSCRIPTIONS 48
#define MAX_SEGMENTS 24
#define MAX_PARTICIPANTS 256
#define MAX_OBJECTS 256
#define MAX_REAPERS 4
#define MAX_RESERVED_BYTES 16777216

/* daemon/log.h: lines that clients can cause. */
#define LOG_BURST 100
#define LOG_LINES_SEC 20
#define LOG_LINE_BYTES 1100
/* Those that they cannot, of a start and a short life. */
#define LOG_OTHER_LINES 64

/* Of a test that is asked for many answers, of which each may take long on a busy machine. */
#define LONG_SEC 3600

#define TEXT_(x) #x
#define TEXT(x) TEXT_(x)

static const char *const options[] = {
	"--max-connections=160",
	"--max-connections-per-uid=" TEXT(MAX_CONNECTIONS),
	"--max-subscriptions-per-uid=" TEXT(MAX_SUBSCRIPTIONS),
	"--max-segments=200",
	"--max-segments-per-uid=" TEXT(MAX_SEGMENTS),
	"--max-participants-per-uid=" TEXT(MAX_PARTICIPANTS),
	"--max-objects-per-uid=" TEXT(MAX_OBJECTS),
	"--max-reapers=" TEXT(MAX_REAPERS),
	"--max-reserved-bytes-per-uid=" TEXT(MAX_RESERVED_BYTES),
	/* The most it can say. */
	"--log-level=debug",
	NULL
};

static struct harness h;
static struct stage *stage;
static struct samples *samples;
static struct process honest, attackers[ATTACKERS_MAX];
static int n_attackers;

static unsigned int number_of(const char *variable, unsigned int otherwise)
{
	const char *text = getenv(variable);

	return text && *text ? (unsigned int)strtoul(text, NULL, 10) : otherwise;
}

static void *shared(size_t bytes)
{
	void *p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

struct role {
	const struct attack *attack;
	unsigned int number;
};

static void run_attacker(const struct mouth *mouth, void *arg)
{
	const struct role *role = arg;
	struct attacker me = { .stage = stage, .number = role->number };

	random_seed(&me.dice);
	me.dice.x += role->number;
	while (goes_on(&me)) {
		role->attack->round(&me);
		me.n_rounds++;
		atomic_store(&stage->rounds[role->number], me.n_rounds);
	}
	hear(mouth);
}

static void attacker_start(const struct attack *attack)
{
	const struct role role = { .attack = attack, .number = (unsigned int)n_attackers };
	const uid_t uid = 21001 + role.number % UIDS;
	const struct identity who = { .uid = uid, .gid = uid };

	ck_assert_int_lt(n_attackers, ATTACKERS_MAX);
	process_start_as(&attackers[n_attackers++], stage->apart ? &who : NULL, run_attacker,
			 (void *)&role);
}

/* All have done what they can at least once, and the honest client has got what it wanted. */
static bool is_enough(const struct attack *first, int n_kinds, uint64_t n_answers)
{
	/* Together they are slow, and each alone has done all of it before. */
	const bool once = n_kinds > 1;

	if (atomic_load(&stage->n_answers) < n_answers)
		return false;
	for (int i = 0; i < n_attackers; i++)
		if (atomic_load(&stage->rounds[i]) < (once ? 1 : first[i % n_kinds].min_rounds))
			return false;
	return true;
}

/* One that has failed has said why, and must not be waited for. */
static void check_lives(const struct process *p)
{
	ck_assert_msg(waitpid(p->pid, NULL, WNOHANG) == 0, "a client has failed");
}

static void all_live(void)
{
	check_lives(&honest);
	for (int i = 0; i < n_attackers; i++)
		check_lives(&attackers[i]);
}

static uint64_t log_bytes(void)
{
	char path[96];
	struct stat st;

	snprintf(path, sizeof(path), "%s/daemon.log", h.dir);
	ck_assert_int_eq(stat(path, &st), 0);
	return (uint64_t)st.st_size;
}

static double now_sec(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static void check_bound(const char *what, const char *attack, uint64_t is, uint64_t may)
{
	ck_assert_msg(is <= may, "%s: the daemon has %llu %s, and %llu are the most", attack,
		      (unsigned long long)is, what, (unsigned long long)may);
}

static bool is_as_before(void *arg)
{
	const struct footprint *start = arg;
	struct footprint now;

	footprint_take(&now, harness_daemon(&h));
	return now.fds <= start->fds && now.threads <= start->threads;
}

static void print_row(const char *name, const struct footprint *start,
		      const struct footprint *most, const struct footprint *end)
{
	uint64_t rounds = 0;

	for (int i = 0; i < n_attackers; i++)
		rounds += atomic_load(&stage->rounds[i]);
	samples_sort(samples);
	printf("%-15s %3d %7llu %6u %8.0f %8.0f %8.0f  %4llu %5llu %5llu %5llu %6llu\n", name,
	       n_attackers, (unsigned long long)rounds, samples->n, samples_at(samples, 0.5),
	       samples_at(samples, 0.99), samples_at(samples, 1),
	       (unsigned long long)(most->fds - start->fds),
	       (unsigned long long)start->anon_bytes / 1024,
	       (unsigned long long)most->anon_bytes / 1024,
	       (unsigned long long)end->anon_bytes / 1024,
	       (unsigned long long)(most->rss_bytes - start->rss_bytes) / 1024);
	fflush(stdout);
}

/* Whole attacks, @n attackers of each kind. */
static void withstand(const char *name, const struct attack *first, int n_kinds, int n,
		      uint64_t n_answers)
{
	const uint64_t uids = stage->apart ? UIDS + 1 : 1;
	const struct charges charges = {
		.connections = uids * MAX_CONNECTIONS,
		.subscriptions = uids * MAX_SUBSCRIPTIONS,
		.segments = uids * MAX_SEGMENTS,
		.participants = uids * MAX_PARTICIPANTS,
		.objects = uids * MAX_OBJECTS,
		.reapers = MAX_REAPERS,
	};
	const struct timespec nap = { .tv_nsec = 5000000 };
	const double began = now_sec();
	struct footprint start, now, most, bound;

	footprint_take(&start, harness_daemon(&h));
	most = start;
	footprint_bound(&bound, &start, &charges);
	for (int i = 0; i < n * n_kinds; i++)
		attacker_start(&first[i % n_kinds]);
	do {
		all_live();
		footprint_take(&now, harness_daemon(&h));
		footprint_raise(&most, &now);
		check_bound("descriptors", name, now.fds, bound.fds);
		check_bound("threads", name, now.threads, bound.threads);
		if (FOOTPRINT_HAS_BYTES) {
			check_bound("bytes of its own", name, now.anon_bytes, bound.anon_bytes);
			check_bound("bytes", name, now.rss_bytes, bound.rss_bytes);
		}
		nanosleep(&nap, NULL);
	} while (!is_enough(first, n_kinds, n_answers));
	atomic_store(&stage->stop, true);
	for (int i = 0; i < n_attackers; i++)
		process_finish(&attackers[i]);
	atomic_store(&stage->honest_stop, true);
	process_finish(&honest);
	harness_wait(is_as_before, &start, "the daemon to have no more than before");
	footprint_take(&now, harness_daemon(&h));
	if (FOOTPRINT_HAS_BYTES)
		check_bound("bytes of its own", name, now.anon_bytes, start.anon_bytes + (1 << 20));
	check_bound("bytes of log", name, log_bytes(),
		    (uint64_t)(LOG_OTHER_LINES + 2 * LOG_BURST +
			       2 * LOG_LINES_SEC * (now_sec() - began)) * LOG_LINE_BYTES);
	print_row(name, &start, &most, &now);
}

static void setup(void)
{
	static const struct identity anna = { .uid = 20001, .gid = 20001 };

	/* Before: not even the test's own are to be left over. */
	stage = shared(sizeof(*stage));
	samples = shared(sizeof(*samples));
	n_attackers = 0;
	harness_start(&h, options);
	snprintf(stage->path, sizeof(stage->path), "%s", h.socket_path);
	stage->reserve_bytes = MAX_RESERVED_BYTES;
	stage->apart = geteuid() == 0;
	honest_start(&honest, stage->apart ? &anna : NULL, stage, samples);
	process_expect(&honest, 1);
}

static void teardown(void)
{
	harness_stop(&h);
	munmap(stage, sizeof(*stage));
	munmap(samples, sizeof(*samples));
}

/* Where the kernel lets everybody send descriptors, that is as vain. */
static void setup_old_kernel(void)
{
	setenv("SHMREG_TEST_DAEMON", OLD_KERNEL, 1);
	setup();
}

static void teardown_old_kernel(void)
{
	teardown();
	unsetenv("SHMREG_TEST_DAEMON");
}

START_TEST(test_old_kernel)
{
	static const struct attack on_old[] = {
		{ "stuffing, old", 1, attack_stuffing },
		{ "lingering, old", 4, attack_linger },
		{ "sizes, old", 1, attack_sizes },
		{ "bells, old", 4, attack_bell_linger },
	};

	withstand(on_old[_i].name, &on_old[_i], 1, 2, number_of("SHMREG_TEST_ANSWERS", 100));
}
END_TEST

START_TEST(test_attack)
{
	const struct attack *a = &attacks[_i];

	withstand(a->name, a, 1, (int)number_of("SHMREG_TEST_ATTACKERS", 2),
		  number_of("SHMREG_TEST_ANSWERS", 200));
}
END_TEST

/* One of each. */
START_TEST(test_all_together)
{
	withstand("all together", attacks, n_attacks, 1, number_of("SHMREG_TEST_ANSWERS", 200));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("attack");
	TCase *tc = harness_case(suite, "attacks");

	printf("%-15s %3s %7s %6s %26s  %4s %17s %6s\n", "attack", "by", "rounds", "honest",
	       "usec: median, 99%, longest", "fds+", "KiB: before, most, after", "rss+");
	fflush(stdout);
	if (getenv("SHMREG_TEST_ANSWERS"))
		tcase_set_timeout(tc, LONG_SEC);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, test_attack, 0, n_attacks);
	tcase_add_test(tc, test_all_together);
	tc = harness_case(suite, "old kernel");
	if (getenv("SHMREG_TEST_ANSWERS"))
		tcase_set_timeout(tc, LONG_SEC);
	tcase_add_checked_fixture(tc, setup_old_kernel, teardown_old_kernel);
	tcase_add_loop_test(tc, test_old_kernel, 0, 4);
	return harness_main(suite);
}
