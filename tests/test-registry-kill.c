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
#define DATA_BYTES 65536

static struct registry_config config;
static struct notes notes, copy_notes;
static struct registry *r;
static struct caller alice, alice2, bob, root;
/* Attachments of the scenario: WHO_SEGMENT. */
static struct shmreg_attach_reply alice_main, alice2_main, bob_main;
static struct shmreg_attach_reply bob_side, alice_side;
static struct shmreg_attach_reply alice_solo, alice2_last, alice_last;

__attribute__((format(printf, 1, 2), noreturn))
static void fail(const char *format, ...)
{
	va_list ap;

	fflush(stdout);
	va_start(ap, format);
	vfprintf(stderr, format, ap);
	va_end(ap);
	fprintf(stderr, "\n");
	exit(1);
}

static void must(int got, const char *what)
{
	if (got < 0)
		fail("%s: %d, %s", what, got, fixture_error);
}

/* The scenario. */

static void make_segment(const struct caller *c, const char *name, uint32_t lifetime, uint32_t flags,
			 struct shmreg_attach_reply *ret)
{
	struct shmreg_create in = fixture_create_request(name, DATA_BYTES);
	struct segment *s;

	in.mode = 0666;
	in.lifetime = lifetime;
	in.flags = flags;
	in.max_participants = 5;
	in.max_objects = 6;
	in.n_seats = 3;
	must(registry_create(r, c, &in, ret, &s, fixture_error), name);
}

static void make_object(const struct caller *c, const struct shmreg_attach_reply *at,
			const char *name, uint64_t bytes)
{
	const struct shmreg_dir_object *o;
	struct shmreg_create_object_reply reply;
	struct segment *s = registry_find(r, at->segment);
	char pattern[DATA_BYTES];

	must(fixture_object(r, c, at, name, bytes, &reply), name);
	o = &shmreg_dir_objects(segment_dir(s))[reply.index];
	memset(pattern, 0x55, sizeof(pattern));
	if (pwrite(segment_data_fd(s), pattern, o->bytes, (off_t)o->offset) < 0)
		fail("pwrite: %s", strerror(errno));
}

static void setup(void)
{
	struct shmreg_attach_reply lone;

	config = fixture_config();
	notes = (struct notes){ 0 };
	r = fixture_registry(&config, &notes);
	alice = fixture_caller(1000, 11);
	alice2 = fixture_caller(1000, 12);
	bob = fixture_caller(2000, 21);
	root = fixture_caller(0, 1);

	/* "main": three participants, one read-only; "gone" is removed, and alice2 may hold it. */
	make_segment(&alice, "main", SHMREG_WHILE_ATTACHED, 0, &alice_main);
	must(fixture_open(r, &alice2, "main", SHMREG_ACCESS_WRITE, &alice2_main), "open");
	must(fixture_open(r, &bob, "main", SHMREG_ACCESS_READ, &bob_main), "open");
	make_object(&alice, &alice_main, "gone", 9000);
	make_object(&alice, &alice_main, "a", 4096);
	make_object(&alice2, &alice2_main, "b", 1000);
	make_object(&alice, &alice_main, "c", 5000);
	must(fixture_remove_object(r, &alice, &alice_main, "gone"), "remove");
	must(fixture_quiesce(r, &alice, &alice_main, 1), "quiesce");
	must(fixture_quiesce(r, &bob, &bob_main, 1), "quiesce");
	/* "side" outlives all. "lone" has nobody, and one object. */
	make_segment(&bob, "side", SHMREG_UNTIL_REMOVED, 0, &bob_side);
	must(fixture_open(r, &alice, "side", SHMREG_ACCESS_WRITE, &alice_side), "open");
	make_object(&bob, &bob_side, "x", 300);
	make_segment(&bob, "lone", SHMREG_UNTIL_REMOVED, SHMREG_CREATE_DETACHED, &lone);
	make_object(&bob, &lone, "y", 5000);
	/* "solo" and "last" end with alice and alice2; "last" has the largest id. */
	make_segment(&alice, "solo", SHMREG_WHILE_ATTACHED, SHMREG_CREATE_RESERVE, &alice_solo);
	make_segment(&alice2, "last", SHMREG_WITH_CREATOR, 0, &alice2_last);
	must(fixture_open(r, &alice, "last", SHMREG_ACCESS_WRITE, &alice_last), "open");
	registry_verify(r);
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
	static char bytes[DATA_BYTES];

	if (pread(segment_data_fd(s), bytes, m->data_bytes, 0) != (ssize_t)m->data_bytes)
		fail("pread: %s", strerror(errno));
	for (uint32_t i = 0; i < m->max_objects; i++) {
		const struct shmreg_dir_object *o = &shmreg_dir_objects(m)[i];

		if (o->state != SHMREG_ENTRY_FREE)
			memset(bytes + o->offset, 0, o->bytes);
	}
	for (size_t i = 0; i < sizeof(bytes); i++)
		if (bytes[i])
			fail("segment %s: byte %zu belongs to nobody and is not zero",
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
		add(ret, "object %llu %s state %u at %llu + %llu found %d\n",
		    (unsigned long long)o->id, o->name, o->state, (unsigned long long)o->offset,
		    (unsigned long long)o->bytes, index == i);
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

struct operation {
	const char *name;
	void (*prepare)(void);		/* may be NULL */
	int (*run)(struct registry *reg);
	int again[3];			/* what repeating it may answer, 0 always */
	bool makes_segment;
	bool partial_seats;		/* seats may be granted in part */
	bool repairs;			/* what restoring would complete anyway */
};
static const struct operation *current;
static long n_stores, n_restores;
static int next_fd;			/* the child's next memfd: data, then directory */

static void watch_fds(int dir_fd, int data_fd)
{
	struct watched *w = &watched[n_watched];
	struct stat st;
	void *map;

	if (fstat(dir_fd, &st) < 0 || st.st_size == 0)
		fail("fstat");
	map = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, dir_fd, 0);
	if (map == MAP_FAILED)
		fail("mmap: %s", strerror(errno));
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
	copy = fixture_registry(&config, &copy_notes);
	for (int i = n_watched - 1; i >= 0; i--) {
		struct segment *s;
		int e;

		ids[i] = 0;
		e = registry_restore(copy, fixture_copy_memfd(watched[i].dir_fd),
				     fixture_copy_memfd(watched[i].data_fd), &s, fixture_error);
		if (e == 0)
			ids[i] = segment_id(s);
		else if (e != -ENOENT)
			fail("%s: restore: %d, %s", current->name, e, fixture_error);
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
	fail("%s: instruction %ld: repeated: %d, %s", current->name, step, e, fixture_error);
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
		fail("%s: %s", path, strerror(errno));
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
	const int e = current->run(r);

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
				fail("%s: instruction %ld: neither before nor after\n"
				     "--- before\n%s--- after\n%s--- now\n%s",
				     current->name, snapshots[k].step, watched[i].before,
				     watched[i].after, now);
		}
}

static void sweep(const struct operation *op)
{
	const struct stepper stepper = { .run = run_in_child, .stepped = stepped };
	bool any = op->makes_segment;
	struct segment *s;
	long n;

	current = op;
	n_stores = n_restores = step = 0;
	setup();
	if (op->prepare)
		op->prepare();
	for (s = registry_first(r); s; s = registry_next(r, s))
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
		fail("%s: stepper: %ld", op->name, n);
	for (int i = 0; i < n_watched; i++)
		if (memcmp(watched[i].map, watched[i].shadow, watched[i].bytes))
			fail("%s: a store was missed", op->name);
	digest_all(true);
	check_snapshots();
	for (int i = 0; i < n_watched; i++)
		any |= strcmp(watched[i].before, watched[i].after) != 0;
	if (n_stores == 0 || (!any && !op->partial_seats && !op->repairs))
		fail("%s: did nothing", op->name);
	printf("%-28s %7ld instructions %4ld stores %4ld restores\n", op->name, n, n_stores,
	       n_restores);

	for (size_t k = 0; k < n_snapshots; k++)
		for (int i = 0; i < SEGMENTS_MAX; i++)
			free(snapshots[k].digest[i]);
	free(snapshots);
	snapshots = NULL;
	n_snapshots = 0;
	unwatch_all();
	r = registry_free(r);
}

/* The operations. Each may be run again on a registry restored in the middle of it. */

static struct shmreg_attachment attachment(const struct shmreg_attach_reply *at, uint64_t epoch)
{
	return (struct shmreg_attachment){ at->segment, at->participant, epoch };
}

static int create(struct registry *reg, uint32_t flags, uint32_t lifetime, const char *name)
{
	struct shmreg_create in = fixture_create_request(name, DATA_BYTES);
	struct shmreg_attach_reply reply;
	struct segment *s;

	in.nonce = 77;
	in.flags = flags;
	in.mode = 0666;
	in.lifetime = lifetime;
	in.max_participants = 3;
	in.max_objects = 3;
	return registry_create(reg, &alice, &in, &reply, &s, fixture_error);
}

static int op_create(struct registry *reg)
{
	return create(reg, 0, SHMREG_WHILE_ATTACHED, "new");
}

static int op_create_until_removed(struct registry *reg)
{
	return create(reg, 0, SHMREG_UNTIL_REMOVED, "new");
}

static int op_create_detached(struct registry *reg)
{
	return create(reg, SHMREG_CREATE_DETACHED | SHMREG_CREATE_RESERVE, SHMREG_UNTIL_REMOVED,
		      "new");
}

static int op_create_or_open(struct registry *reg)
{
	return create(reg, SHMREG_CREATE_OPEN, SHMREG_WHILE_ATTACHED, "side");
}

static int open_side(struct registry *reg, uint32_t access)
{
	struct shmreg_open in = { .name = "side", .nonce = 78, .access = access };
	struct shmreg_attach_reply reply;
	struct segment *s;

	in.n_seats = access == SHMREG_ACCESS_WRITE ? 5 : 0;
	return registry_open(reg, &alice2, &in, &reply, &s, fixture_error);
}

static int op_open_write(struct registry *reg)
{
	return open_side(reg, SHMREG_ACCESS_WRITE);
}

static int op_open_read(struct registry *reg)
{
	return open_side(reg, SHMREG_ACCESS_READ);
}

static int op_seats(struct registry *reg)
{
	const struct shmreg_seats in = { .at = attachment(&alice_main, 0), .n_seats = 6 };
	struct shmreg_seats_reply reply;

	return registry_seats(reg, &alice, &in, &reply, fixture_error);
}

static int op_create_object(struct registry *reg)
{
	struct shmreg_create_object in = {
		.at = attachment(&alice_main, 0),
		.nonce = 79,
		.name = "new",
		.type_name = "char",
		.shape = fixture_array(6000),
	};
	struct shmreg_create_object_reply reply;

	return registry_create_object(reg, &alice, &in, &reply, fixture_error);
}

static int remove_object(struct registry *reg, const struct caller *c,
			 const struct shmreg_attachment *at, const char *name)
{
	struct shmreg_remove_object in = { .at = *at };

	snprintf(in.name, sizeof(in.name), "%s", name);
	return registry_remove_object(reg, c, &in, fixture_error);
}

static int op_remove_object(struct registry *reg)
{
	const struct shmreg_attachment at = attachment(&alice_main, 0);

	return remove_object(reg, &alice, &at, "b");
}

/* Nobody is attached: its range is free at once. */
static int op_remove_object_at_once(struct registry *reg)
{
	struct shmreg_attachment at = { 0 };

	for (struct segment *s = registry_first(reg); s; s = registry_next(reg, s))
		if (strcmp(segment_name(s), "lone") == 0)
			at.segment = segment_id(s);
	return remove_object(reg, &root, &at, "y");
}

/* alice2 was the last that might hold "gone". */
static int op_quiesce(struct registry *reg)
{
	const struct shmreg_attachment at = attachment(&alice2_main, 1);

	return registry_quiesce(reg, &alice2, &at, fixture_error);
}

static int detach(struct registry *reg, const struct caller *c,
		  const struct shmreg_attach_reply *reply)
{
	const struct shmreg_attachment at = attachment(reply, 0);

	return registry_detach(reg, c, &at, fixture_error);
}

static int op_detach(struct registry *reg)
{
	return detach(reg, &alice, &alice_main);
}

static int op_detach_read_only(struct registry *reg)
{
	return detach(reg, &bob, &bob_main);
}

/* The segment goes, and "last" has the largest id. */
static int op_detach_last(struct registry *reg)
{
	return detach(reg, &alice, &alice_solo);
}

static int op_detach_creator(struct registry *reg)
{
	return detach(reg, &alice2, &alice2_last);
}

static void prepare_lonely_creator(void)
{
	must(detach(r, &alice, &alice_last), "detach");
	fixture_repair(r, registry_find(r, alice_last.segment));
}

static int op_death(struct registry *reg)
{
	registry_process_died(reg, &alice.process);
	return 0;
}

static void prepare_repair(void)
{
	registry_process_died(r, &alice2.process);
}

/* "main" has dead seats, and "gone" can be freed afterwards. */
static int op_repair(struct registry *reg)
{
	struct segment *s = registry_find(reg, alice_main.segment);

	for (uint32_t i = 0; i < SHMREG_SEATS; i++)
		if ((shmreg_dir_seats(segment_dir(s))[i] & 0xff) == SHMREG_SEAT_DEAD) {
			fixture_repair(reg, s);
			break;
		}
	return 0;
}

static int op_quarantine(struct registry *reg)
{
	registry_quarantine(reg, registry_find(reg, alice_main.segment));
	return 0;
}

static int remove_segment(struct registry *reg, const char *name)
{
	struct shmreg_target in = { 0 };

	snprintf(in.name, sizeof(in.name), "%s", name);
	return registry_remove(reg, &root, &in, fixture_error);
}

static int op_remove(struct registry *reg)
{
	return remove_segment(reg, "side");
}

static int op_remove_at_once(struct registry *reg)
{
	return remove_segment(reg, "lone");
}

static int set_segment(struct registry *reg, const char *name, uint32_t what)
{
	struct shmreg_set in = {
		.what = what,
		.uid = 3000,
		.gid = 4000,
		.mode = 0640,
		.lifetime = SHMREG_WHILE_ATTACHED,
	};

	snprintf(in.target.name, sizeof(in.target.name), "%s", name);
	return registry_set(reg, &root, &in, fixture_error);
}

static int op_set(struct registry *reg)
{
	return set_segment(reg, "side",
			   SHMREG_SET_OWNER | SHMREG_SET_MODE | SHMREG_SET_LIFETIME);
}

/* A lifetime that is over. */
static int op_set_lifetime(struct registry *reg)
{
	return set_segment(reg, "lone", SHMREG_SET_LIFETIME);
}

/*
 * Restoring itself, of a directory on which everything was left half-done at once. The
 * wreck is planted; no snapshot is repeated, each is restored anyway.
 */
static void prepare_wreck(void)
{
	struct shmreg_dir *m = (struct shmreg_dir *)(uintptr_t)segment_dir(
		registry_find(r, alice_main.segment));
	struct shmreg_dir_object *objects = shmreg_dir_objects(m);
	uint64_t *seats = shmreg_dir_seats(m);

	for (uint32_t i = 0; i < m->max_participants; i++) {
		struct shmreg_dir_participant *p = &shmreg_dir_participants(m)[i];

		if (p->id == alice2_main.participant)
			p->state = SHMREG_ENTRY_DEAD;		/* its seats are LIVE yet */
		if (p->id == alice_main.participant)
			p->flags |= SHMREG_PARTICIPANT_LEFT;	/* about to detach */
	}
	seats[100] = UINT64_C(50) << 8 | SHMREG_SEAT_LIVE;	/* of nobody */
	for (uint32_t i = 0; i < m->max_objects; i++) {
		if (strcmp(objects[i].name, "b") == 0 && objects[i].state == SHMREG_ENTRY_LIVE) {
			objects[i].removed_epoch = m->removal_epoch + 1;
			objects[i].state = SHMREG_ENTRY_REMOVED;	/* linked yet */
		}
		if (strcmp(objects[i].name, "c") == 0) {
			uint32_t *link = &shmreg_dir_buckets(m)[shmreg_name_hash("c") &
								(m->n_buckets - 1)];

			while (*link != i + 1)
				link = &objects[*link - 1].next;
			*link = objects[i].next;		/* not linked yet */
		}
	}
	m->set_owner = UINT64_C(4000) << 32 | 3000;
	m->set_mode_lifetime = 0660 | SHMREG_UNTIL_REMOVED << 16;
	m->set_pending = 1;
	m->flags |= SHMREG_DIR_ORPHANED;
}

static int op_restore(struct registry *reg)
{
	struct notes child_notes = { 0 };
	struct registry *fresh;
	int e = 0;

	(void)reg;
	fresh = fixture_registry(&config, &child_notes);
	/* "main" is the first. */
	for (int i = 0; i < 1 && e == 0; i++) {
		struct segment *s;

		e = registry_restore(fresh, watched[i].dir_fd, watched[i].data_fd, &s,
				     fixture_error);
	}
	return e;
}

static const struct operation operations[] = {
	{ .name = "create", .run = op_create, .makes_segment = true },
	{ .name = "create, until-removed", .run = op_create_until_removed, .makes_segment = true },
	{ .name = "create, detached, reserved", .run = op_create_detached, .makes_segment = true },
	{ .name = "create or open", .run = op_create_or_open },
	{ .name = "open for writing", .run = op_open_write },
	{ .name = "open for reading", .run = op_open_read },
	{ .name = "seats", .run = op_seats, .partial_seats = true },
	{ .name = "create object", .run = op_create_object },
	{ .name = "remove object", .run = op_remove_object, .again = { -ENOENT } },
	{ .name = "remove object, at once", .run = op_remove_object_at_once, .again = { -ENOENT } },
	{ .name = "quiesce, free range", .run = op_quiesce },
	{ .name = "detach", .run = op_detach, .again = { -ESTALE } },
	{ .name = "detach, read-only", .run = op_detach_read_only, .again = { -ESTALE } },
	{ .name = "detach, last of segment", .run = op_detach_last, .again = { -ESTALE } },
	{ .name = "detach, creator", .run = op_detach_creator, .again = { -ESTALE } },
	{ .name = "detach, creator and last", .prepare = prepare_lonely_creator,
	  .run = op_detach_creator, .again = { -ESTALE } },
	{ .name = "death", .run = op_death },
	{ .name = "repair end", .prepare = prepare_repair, .run = op_repair,
	  .repairs = true },
	{ .name = "quarantine", .prepare = prepare_repair, .run = op_quarantine },
	{ .name = "remove", .run = op_remove, .again = { -ENOENT } },
	{ .name = "remove, at once", .run = op_remove_at_once, .again = { -ENOENT } },
	{ .name = "set owner, mode, lifetime", .run = op_set },
	{ .name = "set lifetime, over", .run = op_set_lifetime, .again = { -ENOENT } },
	{ .name = "restore a wreck", .prepare = prepare_wreck, .run = op_restore,
	  .again = { INT_MAX }, .repairs = true },
};

int main(int argc, char **argv)
{
	const size_t n = sizeof(operations) / sizeof(operations[0]);
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
		if (argc > 1 && !strstr(operations[i].name, argv[1]))
			continue;
		sweep(&operations[i]);
		all_stores += n_stores;
		all_restores += n_restores;
	}
	printf("%zu operations, %ld stores, %ld restores: each whole or not at all, nothing leaked\n",
	       n, all_stores, all_restores);
	return 0;
}
