/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <dirent.h>
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "soak.h"

#define SAMPLES 4096
/* A janitor and two reapers may wait for work, or not: two each; and SEGMENT_RO_KEPT. */
#define SPARE_FDS (6 + 16)
#define JUDGED 6		/* samples at least, of one daemon */
/*
 * From the middle third of them to the last, at most. Allocations are exact where the C library's
 * caches are off, as test-soak has them; else these fill up by 236 kB (7 of each of 64 sizes).
 */
#define GROWTH_KB 32
#define GROWTH_CACHED_KB (GROWTH_KB + 236)

struct daemon_totals daemon_totals;
bool daemon_plant;

static struct shmreg_connection *admin;
static pid_t sampled;		/* the daemon that these are of */
static uint32_t n_samples;
static long rss_kb[SAMPLES];
static int n_fds;	/* the least that there were */

void daemon_watch(void)
{
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .name = "soak",
						      .flags = SHMREG_CONNECT_OBSERVER };

	must(shmreg_connect(&admin, &params));
}

void daemon_forget(void)
{
	admin = shmreg_disconnect(admin);
}

static struct shmreg_stats_reply stats(void)
{
	struct shmreg_stats_reply reply = { .pid = 0 };

	/* Of this user: what is everybody's is root's to know. */
	must(shmreg_stats(admin, getuid(), &reply));
	return reply;
}

/* 0: none. */
static pid_t a_child(pid_t pid)
{
	char path[64];
	int child = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)pid, (int)pid);
	in = fopen(path, "re");
	if (!in)
		return 0;
	if (fscanf(in, "%d", &child) != 1)
		child = 0;
	fclose(in);
	return child;
}

void daemon_kill(void)
{
	const pid_t pid = (pid_t)stats().pid;
	const int signal = daemon_plant ? SIGSEGV : SIGKILL;
	struct pollfd p = { .events = POLLIN };

	p.fd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (p.fd < 0 || kill(pid, signal) < 0) {
		complain("the daemon cannot be killed: %s", strerror(errno));
		return;
	}
	daemon_totals.kills++;
	/* Each is killed once: so many deaths are ours, and others are crashes. */
	while (poll(&p, 1, -1) < 0 && errno == EINTR)
		;
	close(p.fd);
}

void daemon_kill_reaper(void)
{
	const pid_t daemon = (pid_t)stats().pid;

	/* One has a job, or waits for the next. */
	for (int i = 0; daemon > 0 && i < 200; i++) {
		const pid_t reaper = a_child(daemon);

		if (reaper > 0 && kill(reaper, SIGKILL) == 0) {
			daemon_totals.reaper_kills++;
			return;
		}
		nap(50);
	}
}

void daemon_restart(void)
{
	const char *command = getenv("SOAK_RESTART");

	if (!command || !*command)
		return;
	if (system(command) != 0)
		complain("%s", command);
	daemon_totals.restarts++;
}

bool segment_is_repaired(const char *name, const struct shmreg_dir *dir)
{
	struct shmreg_segment_info info = { .n_participants = 0 };

	must(shmreg_segment_describe(admin, name, &info, NULL));
	if (info.n_participants != 1)
		return false;
	for (uint32_t i = 0; i < dir->n_seats; i++) {
		const uint64_t seat = __atomic_load_n(&shmreg_dir_seats(dir)[i], __ATOMIC_ACQUIRE);

		if ((seat & SHMREG_SEAT_STATE_MASK) == SHMREG_SEAT_DEAD)
			return false;
	}
	return true;
}

static int copy_name(void *data, const struct shmreg_segment_info *info)
{
	snprintf(data, sizeof(info->name), "%s", info->name);
	return 1;
}

/* Return: what there is, or NULL. */
static const char *remains(const struct shmreg_stats_reply *reply)
{
	static char what[200];
	char name[sizeof(((struct shmreg_segment_info *)NULL)->name)] = "";
	static const struct {
		enum shmreg_resource resource;
		const char *name;
		uint64_t expected;
	} of[] = { { SHMREG_RESOURCE_SEGMENTS, "segments", 0 },
		   { SHMREG_RESOURCE_BYTES, "bytes", 0 },
		   { SHMREG_RESOURCE_OBJECTS, "objects", 0 },
		   { SHMREG_RESOURCE_PARTICIPANTS, "participants", 0 },
		   { SHMREG_RESOURCE_SEATS, "seats", 0 },
		   { SHMREG_RESOURCE_CONNECTIONS, "connections", 1 },
		   { SHMREG_RESOURCE_SUBSCRIPTIONS, "subscriptions", 0 } };
	int r = shmreg_segment_list(admin, copy_name, name);

	must(r);
	if (r > 0) {
		snprintf(what, sizeof(what), "segment %s is left", name);
		return what;
	}
	for (size_t i = 0; i < sizeof(of) / sizeof(of[0]); i++)
		if (reply->usage[of[i].resource].used != of[i].expected) {
			snprintf(what, sizeof(what), "there are %llu %s, not %llu",
				 (unsigned long long)reply->usage[of[i].resource].used,
				 of[i].name, (unsigned long long)of[i].expected);
			return what;
		}
	return NULL;
}

static int count_fds(pid_t pid)
{
	char path[64];
	struct dirent *entry;
	DIR *dir;
	int n = 0;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	if (!dir)
		return -1;
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* Its own pages: those of files come and go with the kernel's needs. */
static long anonymous_kb(pid_t pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	in = fopen(path, "re");
	if (!in)
		return -1;
	while (fgets(line, sizeof(line), in))
		if (sscanf(line, "RssAnon: %ld kB", &kb) == 1)
			break;
	fclose(in);
	return kb;
}

void daemon_sample(void)
{
	const double until = now_sec() + patience();
	struct shmreg_stats_reply reply = stats();
	const char *what;
	int fds;

	while ((what = remains(&reply))) {
		if (now_sec() > until) {
			complain("after all have gone: %s", what);
			return;
		}
		nap(2000);
		reply = stats();
	}
	if ((pid_t)reply.pid != sampled) {
		sampled = (pid_t)reply.pid;
		n_samples = 0;
	}
	fds = count_fds(sampled);
	if (n_samples == 0 || fds < n_fds)
		n_fds = fds;
	/* A connection's end may be the last that is noticed. */
	while (fds > n_fds + SPARE_FDS && now_sec() < until) {
		nap(2000);
		fds = count_fds(sampled);
	}
	if (fds > n_fds + SPARE_FDS)
		complain("the daemon has %d descriptors; it had %d", fds, n_fds);
	if (n_samples < SAMPLES)
		rss_kb[n_samples++] = anonymous_kb(sampled);
}

static long mean(uint32_t from, uint32_t to)
{
	long sum = 0;

	for (uint32_t i = from; i < to; i++)
		sum += rss_kb[i];
	return sum / (long)(to - from);
}

/* A sanitizer keeps what was freed. */
#ifdef __has_feature
# if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#  define SANITIZED 1
# endif
#endif
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
# define SANITIZED 1
#endif
#ifndef SANITIZED
# define SANITIZED 0
#endif

void daemon_judge(void)
{
	const char *tunables = getenv("GLIBC_TUNABLES");
	const long most = tunables && strstr(tunables, "tcache_count=0") ? GROWTH_KB : GROWTH_CACHED_KB;
	const uint32_t third = n_samples / 3;
	long growth;

	if (n_samples == 0)
		return;
	printf("daemon: %d descriptors, %ld kB of its own", n_fds, rss_kb[n_samples - 1]);
	if (n_samples < JUDGED) {
		printf(" (%u rounds with one daemon: too few to say that it is flat)\n", n_samples);
		return;
	}
	growth = mean(n_samples - third, n_samples) - mean(third, 2 * third);
	printf(", %+ld kB (of %ld that it may) from the middle third to the last of %u rounds with one "
	       "daemon\n", growth, most, n_samples);
	if (growth > most && !SANITIZED)
		complain("the daemon grows: by %ld kB in %u rounds", growth, third);
}
