/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <stdio.h>

#include "footprint.h"

#define KIB 1024

/*
 * Descriptors. A connection: its socket, its process's pidfd, its token's file, and four in the one
 * answer that may wait. A subscription: a watch has one, a stream
 * of events none. A segment: directory and data. A repair: the reaper's socket, pidfd and lock, and
 * the job's copies.
 */
#define CONNECTION_FDS 7
#define SUBSCRIPTION_FDS 1
#define SEGMENT_FDS 2
#define REAPER_FDS 7
/* Connections beyond the quota that wait to be told so (daemon/peer.c, UNCHARGED_MAX). */
#define UNCHARGED_FDS 64
/* What is opened and closed within a turn of the loop. */
#define PASSING_FDS 8

/*
 * Memory of the daemon's own. A connection: peer, client, token, an answer of 1 KiB that waits.
 * A subscription: 128 events of 312 bytes (a watch is smaller). A segment: the private account
 * of its directory: bitmaps of up to 65,536 participants and objects, and of 4,095 seats; the
 * table of ids is touched where objects are. The rest is what malloc() does not give back.
 */
#define CONNECTION_BYTES (4 * KIB)
#define SUBSCRIPTION_BYTES (44 * KIB)
#define SEGMENT_BYTES (32 * KIB)
#define PARTICIPANT_BYTES 256
#define OBJECT_BYTES 256
#define SLACK_BYTES (1024 * KIB)
/* What it maps of a segment is its directory; what it touches are entries that are in use. */
#define DIRECTORY_BYTES (32 * KIB)

static uint64_t count_fds(pid_t pid)
{
	const struct dirent *entry;
	uint64_t n = 0;
	char path[64];
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	dir = opendir(path);
	ck_assert_msg(dir != NULL, "%s cannot be read", path);
	while ((entry = readdir(dir)))
		n += entry->d_name[0] != '.';
	closedir(dir);
	return n;
}

/* "@key: number" of one of its files. */
static uint64_t read_number(pid_t pid, const char *file, const char *key)
{
	unsigned long long n = 0;
	char path[64], line[256], format[64];
	int found = 0;
	FILE *in;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	snprintf(format, sizeof(format), "%s: %%llu", key);
	in = fopen(path, "re");
	ck_assert_msg(in != NULL, "%s cannot be read", path);
	while (!found && fgets(line, sizeof(line), in))
		found = sscanf(line, format, &n) == 1;
	fclose(in);
	ck_assert_msg(found, "%s has no %s", path, key);
	return n;
}

void footprint_take(struct footprint *ret, pid_t pid)
{
	ret->fds = count_fds(pid);
	ret->threads = read_number(pid, "status", "Threads");
	ret->anon_bytes = read_number(pid, "smaps_rollup", "Anonymous") * KIB;
	ret->rss_bytes = read_number(pid, "smaps_rollup", "Rss") * KIB;
}

static void raise_to(uint64_t *most, uint64_t now)
{
	if (*most < now)
		*most = now;
}

void footprint_raise(struct footprint *most, const struct footprint *now)
{
	raise_to(&most->fds, now->fds);
	raise_to(&most->threads, now->threads);
	raise_to(&most->anon_bytes, now->anon_bytes);
	raise_to(&most->rss_bytes, now->rss_bytes);
}

void footprint_bound(struct footprint *ret, const struct footprint *start,
		     const struct charges *c)
{
	*ret = *start;
	ret->fds += c->connections * CONNECTION_FDS + c->subscriptions * SUBSCRIPTION_FDS +
		    c->segments * SEGMENT_FDS + c->reapers * REAPER_FDS + UNCHARGED_FDS + PASSING_FDS;
	ret->anon_bytes += (c->connections + UNCHARGED_FDS) * CONNECTION_BYTES +
			   c->subscriptions * SUBSCRIPTION_BYTES + c->segments * SEGMENT_BYTES +
			   c->participants * PARTICIPANT_BYTES + c->objects * OBJECT_BYTES +
			   SLACK_BYTES;
	ret->rss_bytes = ret->anon_bytes + start->rss_bytes - start->anon_bytes +
			 c->segments * DIRECTORY_BYTES + SLACK_BYTES;
}
