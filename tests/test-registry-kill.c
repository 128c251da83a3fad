/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Kills the directory's writer between any two of its stores.
 *
 * Each operation runs in a child, instruction by instruction. Whenever a
 * directory has changed, both memfds of every segment are copied, a fresh
 * registry is restored from the copies, as a restarted daemon would, and:
 *
 *  - nothing is refused, registry_verify() holds (no seat, entry, extent or
 *    quota is lost),
 *  - each segment is as before the operation or as after it (once pending repairs
 *    are done), found through the readers' index, free ranges all zero,
 *  - the operation can be repeated, as a client would that got no answer.
 *
 * Prints a line an operation.
 */

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "directory.h"
#include "kill-operations.h"
#include "registry-fixture.h"
#include "stepper.h"

#ifdef __SANITIZE_THREAD__
# define UNDER_TSAN
#elif defined(__has_feature)
# if __has_feature(thread_sanitizer)
#  define UNDER_TSAN
# endif
#endif

#define SEGMENTS_MAX 8
#define DIGEST_MAX 16384

static uint32_t watch_half(const struct segment *s, const struct shmreg_dir_object *o,
			   uint32_t event)
{
	const uint64_t at = shmreg_kind_eventcount(o->shape.kind, event);
	uint32_t half = 0;

	if (at != 0 && pread(segment_data_fd(s), &half, sizeof(half), (off_t)(o->offset + at + 4)) < 0)
		kill_fail("pread: %s", strerror(errno));
	return half;
}

/* What a segment looks like, less what may differ: times, statistics, futex words. */

static void add(char *digest, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void add(char *digest, const char *format, ...)
{
	const size_t n = strlen(digest);
	va_list ap;

	va_start(ap, format);
	vsnprintf(digest + n, DIGEST_MAX - n, format, ap);
	va_end(ap);
}

static void check_free_ranges(const struct segment *s)
{
	const struct shmreg_dir *m = segment_dir(s);
	static char bytes[KILL_DATA_BYTES];

	if (pread(segment_data_fd(s), bytes, m->data_bytes, 0) != (ssize_t)m->data_bytes)
		kill_fail("pread: %s", strerror(errno));
	for (uint32_t i = 0; i < m->max_objects; i++) {
		const struct shmreg_dir_object *o = &shmreg_dir_objects(m)[i];

		if (o->state != SHMREG_ENTRY_FREE)
			memset(bytes + o->offset, 0, o->bytes);
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		if (bytes[i])
			kill_fail("segment %s: byte %zu belongs to nobody and is not zero",
			     segment_name(s), i);
}

static void digest_segment(const struct segment *s, bool with_seats, char *ret)
{
	const struct shmreg_dir *m = segment_dir(s);

	ret[0] = 0;
	add(ret, "segment %llu %s state %u flags %u mode %#x owner %#llx removal %llu\n",
	    (unsigned long long)m->segment, m->name, m->state, m->flags & ~SHMREG_DIR_ORPHANED,
	    m->mode_lifetime, (unsigned long long)m->owner, (unsigned long long)m->removal_epoch);
	for (uint32_t i = 0; i < m->max_participants; i++) {
		const struct shmreg_dir_participant *p = &shmreg_dir_participants(m)[i];

		if (p->state != SHMREG_ENTRY_FREE)
			add(ret, "participant %llu state %u flags %u pid %u epoch %llu %s\n",
			    (unsigned long long)p->id, p->state, p->flags, p->pid,
			    (unsigned long long)p->epoch, p->name);
	}
	for (uint32_t i = 0; i < SHMREG_SEATS && with_seats; i++)
		if (shmreg_dir_seats(m)[i])
			add(ret, "seat %u %#llx\n", i, (unsigned long long)shmreg_dir_seats(m)[i]);
	for (uint32_t i = 0; i < m->max_objects; i++) {
		const struct shmreg_dir_object *o = &shmreg_dir_objects(m)[i];
		struct shmreg_dir_object found;
		uint32_t index = UINT32_MAX;

		if (o->state == SHMREG_ENTRY_FREE)
			continue;
		if (shmreg_dir_find(m, o->name, &found, &index) == 0 && index != i)
			index = UINT32_MAX;
		add(ret, "object %llu %s state %u at %llu + %llu found %d watched %u %u %u\n",
		    (unsigned long long)o->id, o->name, o->state, (unsigned long long)o->offset,
		    (unsigned long long)o->bytes, index == i, o->watch_events,
		    watch_half(s, o, SHMREG_WAIT_ITEMS), watch_half(s, o, SHMREG_WAIT_SPACE));
	}
	check_free_ranges(s);
}

/* The segments under watch: of the registry, and one that the operation makes. */

struct watched {
	int dir_fd, data_fd;
	const char *map;
	char *shadow;
	size_t bytes;
	char before[DIGEST_MAX], after[DIGEST_MAX];
};
static struct watched watched[SEGMENTS_MAX];
static int n_watched;

static struct notes copy_notes;
static const struct kill_operation *current;
static long n_stores, n_restores;
static int next_fd;			/* the child's next memfd: data, then directory */

static void watch_fds(int dir_fd, int data_fd)
{
	struct watched *w = &watched[n_watched];
	struct stat st;
	void *map;

	if (fstat(dir_fd, &st) < 0 || st.st_size == 0)
		kill_fail("fstat");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, dir_fd, 0);
	if (map == MAP_FAILED)
		kill_fail("mmap: %s", strerror(errno));
	*w = (struct watched){ .dir_fd = dir_fd, .data_fd = data_fd, .map = map,
			       .bytes = (size_t)st.st_size };
	w->shadow = malloc(w->bytes);
	memcpy(w->shadow, w->map, w->bytes);
	n_watched++;
}

static void unwatch_all(void)
{
	while (n_watched > 0) {
		struct watched *w = &watched[--n_watched];

		munmap((void *)(uintptr_t)w->map, w->bytes);
		free(w->shadow);
		close(w->dir_fd);
		close(w->data_fd);
	}
}

/* A registry made from copies, as after a restart; repairs are done if @complete. */
static struct registry *restore_copies(bool complete, uint64_t ids[SEGMENTS_MAX])
{
	struct registry *copy;

	copy_notes = (struct notes){ 0 };
	copy = fixture_registry(&kill_config, &copy_notes);
	for (int i = n_watched - 1; i >= 0; i--) {
		struct segment *s;
		int e;

		ids[i] = 0;
		e = registry_restore(copy, fixture_copy_memfd(watched[i].dir_fd),
				     fixture_copy_memfd(watched[i].data_fd), &s, fixture_error);
		if (e == 0)
			ids[i] = segment_id(s);
		else if (e != -ENOENT)
			kill_fail("%s: restore: %d, %s", current->name, e, fixture_error);
	}
	registry_verify(copy);
	for (int i = 0; i < n_watched && complete; i++) {
		struct segment *s = ids[i] ? registry_find(copy, ids[i]) : NULL;

		while (s && copy_notes.n_repair) {
			uint32_t n_dead = 0;

			for (uint32_t k = 0; k < SHMREG_SEATS; k++)
				n_dead += (shmreg_dir_seats(segment_dir(s))[k] & 0xff) ==
					  SHMREG_SEAT_DEAD;
			if (!n_dead || (segment_dir(s)->flags & SHMREG_DIR_QUARANTINED))
				break;
			fixture_repair(copy, s);
			s = registry_find(copy, ids[i]);
		}
	}
	registry_verify(copy);
	return copy;
}

static void digest_all(bool after)
{
	uint64_t ids[SEGMENTS_MAX];
	struct registry *copy = restore_copies(true, ids);

	for (int i = 0; i < n_watched; i++) {
		char *digest = after ? watched[i].after : watched[i].before;
		struct segment *s = ids[i] ? registry_find(copy, ids[i]) : NULL;

		digest[0] = 0;
		if (s)
			digest_segment(s, !current->partial_seats, digest);
	}
	registry_free(copy);
}

/* The digests of every store, checked once it is known how the operation ends. */
struct snapshot {
	long step;
	char *digest[SEGMENTS_MAX];
};
static struct snapshot *snapshots;
static size_t n_snapshots;

static void repeat(struct registry *copy, long step)
{
	const int e = current->run(copy);

	registry_verify(copy);
	for (size_t i = 0; i < sizeof(current->again) / sizeof(*current->again); i++)
		if (e == 0 || e == current->again[i])
			return;
	kill_fail("%s: instruction %ld: repeated: %d, %s", current->name, step, e, fixture_error);
}

static void take_snapshot(long step)
{
	uint64_t ids[SEGMENTS_MAX];
	struct registry *copy;
	struct snapshot *snapshot;

	snapshots = realloc(snapshots, (n_snapshots + 1) * sizeof(*snapshots));
	snapshot = &snapshots[n_snapshots++];
	*snapshot = (struct snapshot){ .step = step };
	copy = restore_copies(true, ids);
	for (int i = 0; i < n_watched; i++) {
		struct segment *s = ids[i] ? registry_find(copy, ids[i]) : NULL;

		snapshot->digest[i] = calloc(1, DIGEST_MAX);
		if (s)
			digest_segment(s, !current->partial_seats, snapshot->digest[i]);
	}
	registry_free(copy);
	copy = restore_copies(false, ids);
	if (current->again[0] != INT_MAX)
		repeat(copy, step);
	registry_free(copy);
	n_restores += 2;
}

static void find_new_segment(pid_t child)
{
	char path[64], link[64] = "";
	struct stat st;
	int dir_fd;

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, next_fd + 1);
	if (stat(path, &st) < 0 || st.st_size == 0 || readlink(path, link, sizeof(link) - 1) < 0 ||
	    !strstr(link, "shmreg:directory"))
		return;
	dir_fd = open(path, O_RDONLY | O_CLOEXEC);
	if (dir_fd < 0)
		kill_fail("%s: %s", path, strerror(errno));
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)child, next_fd);
	watch_fds(dir_fd, open(path, O_RDWR | O_CLOEXEC));
}

/*
 * Looked at after each instruction, so not all of the seats: the scenario uses
 * low ones. That no other was touched is checked at the end.
 */
#define SEATS_WATCHED 128

static bool has_changed(const struct watched *w)
{
	const size_t head = sizeof(struct shmreg_dir) + SEATS_WATCHED * sizeof(uint64_t);
	const size_t rest = sizeof(struct shmreg_dir) + SHMREG_SEATS * sizeof(uint64_t);

	return memcmp(w->map, w->shadow, head) ||
	       memcmp(w->map + rest, w->shadow + rest, w->bytes - rest);
}

static int n_at_start;
static long step;

static void stepped(void *data, pid_t child)
{
	bool changed = false;

	(void)data;
	step++;
	if (current->makes_segment && n_watched == n_at_start)
		find_new_segment(child);
	for (int i = 0; i < n_watched; i++) {
		if (!has_changed(&watched[i]))
			continue;
		memcpy(watched[i].shadow, watched[i].map, watched[i].bytes);
		changed = true;
	}
	if (!changed)
		return;
	n_stores++;
	take_snapshot(step);
}

static int run_in_child(void *data)
{
	const int e = current->run(kill_registry);

	(void)data;
	if (e < 0)
		fprintf(stderr, "%s: %d, %s\n", current->name, e, fixture_error);
	return e;
}

static void check_snapshots(void)
{
	for (size_t k = 0; k < n_snapshots; k++)
		for (int i = 0; i < n_watched; i++) {
			const char *now = snapshots[k].digest[i] ? snapshots[k].digest[i] : "";

			if (strcmp(now, watched[i].before) && strcmp(now, watched[i].after))
				kill_fail("%s: instruction %ld: neither before nor after\n"
				     "--- before\n%s--- after\n%s--- now\n%s",
				     current->name, snapshots[k].step, watched[i].before,
				     watched[i].after, now);
		}
}

static void sweep(const struct kill_operation *op)
{
	const struct stepper stepper = { .run = run_in_child, .stepped = stepped };
	bool any = op->makes_segment;
	struct segment *s;
	long n;

	current = op;
	n_stores = n_restores = step = 0;
	kill_setup();
	if (op->prepare)
		op->prepare();
	for (s = registry_first(kill_registry); s; s = registry_next(kill_registry, s))
		watch_fds(fcntl(segment_dir_fd(s), F_DUPFD_CLOEXEC, 3),
			  fcntl(segment_data_fd(s), F_DUPFD_CLOEXEC, 3));
	n_at_start = n_watched;
	digest_all(false);
	next_fd = fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3);
	close(next_fd);
	n = stepper_run(&stepper);
	if (n == -EPERM) {
		printf("ptrace is not allowed here: skipped\n");
		exit(77);
	}
	if (n < 0)
		kill_fail("%s: stepper: %ld", op->name, n);
	for (int i = 0; i < n_watched; i++)
		if (memcmp(watched[i].map, watched[i].shadow, watched[i].bytes))
			kill_fail("%s: a store was missed", op->name);
	digest_all(true);
	check_snapshots();
	for (int i = 0; i < n_watched; i++)
		any |= strcmp(watched[i].before, watched[i].after) != 0;
	if (n_stores == 0 || (!any && !op->partial_seats && !op->repairs))
		kill_fail("%s: did nothing", op->name);
	printf("%-28s %7ld instructions %4ld stores %4ld restores\n", op->name, n, n_stores,
	       n_restores);

	for (size_t k = 0; k < n_snapshots; k++)
		for (int i = 0; i < SEGMENTS_MAX; i++)
			free(snapshots[k].digest[i]);
	free(snapshots);
	snapshots = NULL;
	n_snapshots = 0;
	unwatch_all();
	kill_registry = registry_free(kill_registry);
}

int main(int argc, char **argv)
{
	const size_t n = kill_n_operations;
	long all_stores = 0, all_restores = 0;

#ifdef SHMREG_DEBUG
	printf("a debug build verifies all after each call, instruction by instruction: skipped\n");
	return 77;
#endif
#ifdef UNDER_TSAN
	printf("one thread, and twenty instructions of ThreadSanitizer's for each of ours: skipped\n");
	return 77;
#endif

	for (size_t i = 0; i < n; i++) {
		if (argc > 1 && !strstr(kill_operations[i].name, argv[1]))
			continue;
		sweep(&kill_operations[i]);
		all_stores += n_stores;
		all_restores += n_restores;
	}
	printf("%zu operations, %ld stores, %ld restores: each whole or not at all, nothing leaked\n",
	       n, all_stores, all_restores);
	return 0;
}
