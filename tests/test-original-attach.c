/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * What the library that this project descends from got wrong when it attached: asking for more
 * than there is mapped past the end (SIGBUS), and one could attach before the creator had
 * initialised.
 */

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/poll.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "actor.h"

#define BYTES (UINT64_C(1) << 20)

static struct harness h;
static struct shmreg_connection *c;
static struct shmreg_segment *s;

static void setup(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES };

	harness_start_made(&h, ACTOR_SEGMENT, &params, &c, &s);
}

static void teardown(void)
{
	c = shmreg_disconnect(c);
	harness_stop(&h);
}

/* --- asking for more than there is --------------------------------------------------------- */

/* One of each kind; larger: what a program would ask for that was compiled for more. */
static const struct shmreg_shape shapes[] = {
	{ .kind = SHMREG_KIND_ARRAY, .layout = SHMREG_ARRAY_LAYOUT, .elem_align = 8,
	  .elem_bytes = 24, .capacity = 1000 },
	{ .kind = SHMREG_KIND_ATOMIC, .layout = SHMREG_ATOMIC_LAYOUT, .elem_align = 4,
	  .elem_bytes = 4, .capacity = 1 },
	{ .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT, .elem_align = 8,
	  .elem_bytes = 24, .capacity = 64 },
	{ .kind = SHMREG_KIND_RING, .layout = SHMREG_RING_LAYOUT, .elem_align = 8,
	  .elem_bytes = 24, .capacity = 64 },
	{ .kind = SHMREG_KIND_RING, .layout = SHMREG_RING_LAYOUT, .flags = SHMREG_RING_RECORDS,
	  .elem_align = 1, .elem_bytes = 1, .capacity = 4096 },
	{ .kind = SHMREG_KIND_TOPIC, .layout = SHMREG_TOPIC_LAYOUT, .elem_align = 8,
	  .elem_bytes = 24, .capacity = 64, .param = { 2, 3 } },
	{ .kind = SHMREG_KIND_POOL, .layout = SHMREG_POOL_LAYOUT, .elem_align = 8,
	  .elem_bytes = 24, .capacity = 64 },
	{ .kind = SHMREG_KIND_CELL, .layout = SHMREG_CELL_LAYOUT, .elem_align = 8,
	  .elem_bytes = 24, .capacity = 2, .param = { 4 } },
};
#define N_SHAPES (sizeof(shapes) / sizeof(shapes[0]))

static void refused(uint32_t how, const char *name, const struct shmreg_shape *shape)
{
	struct shmreg_handle *handle = NULL;

	harness_result(shmreg_object_open(s, &handle, how, name, shape, NULL, sizeof(*handle)),
		       -EMEDIUMTYPE);
	harness_sentence(name);
	ck_assert_ptr_null(handle);
}

START_TEST(test_larger_object)
{
	struct shmreg_handle *handle[N_SHAPES];
	struct shmreg_shape larger;
	char name[N_SHAPES][16];
	size_t i, k;

	for (i = 0; i < N_SHAPES; i++) {
		snprintf(name[i], sizeof(name[i]), "object-%zu", i);
		harness_ok(shmreg_object_open(s, &handle[i], SHMREG_OBJECT_CREATE, name[i],
					      &shapes[i], NULL, sizeof(*handle[i])));
	}
	for (i = 0; i < N_SHAPES; i++) {
		larger = shapes[i];
		larger.elem_bytes *= 2;
		if (larger.kind == SHMREG_KIND_ATOMIC)
			larger.elem_align *= 2;	/* else it is no atomic at all */
		if (!(larger.flags & SHMREG_RING_RECORDS && larger.kind == SHMREG_KIND_RING)) {
			refused(SHMREG_OBJECT_ATTACH, name[i], &larger);
			refused(SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_CREATE, name[i], &larger);
		}
		larger = shapes[i];
		larger.capacity *= 2;
		if (larger.kind == SHMREG_KIND_ATOMIC)
			continue;
		refused(SHMREG_OBJECT_ATTACH, name[i], &larger);
		refused(SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_CREATE, name[i], &larger);
		if (larger.param[0]) {
			larger = shapes[i];
			larger.param[0]++;
			refused(SHMREG_OBJECT_ATTACH, name[i], &larger);
		}
	}
	/* All that a handle may touch is there, and is nobody else's. */
	for (i = 0; i < N_SHAPES; i++)
		memset(handle[i]->base, (int)i + 1, handle[i]->entry->bytes);
	for (i = 0; i < N_SHAPES; i++)
		for (k = 0; k < handle[i]->entry->bytes; k++)
			if (handle[i]->base[k] != i + 1)
				ck_abort_msg("object %zu overlaps another at byte %zu", i, k);
}
END_TEST

START_TEST(test_larger_segment)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 64 * BYTES };
	struct shmreg_segment *other = NULL, *nothing = NULL;
	struct word_array *array = NULL;
	int created = -1;

	harness_result(shmreg_segment_create(c, &nothing, ACTOR_SEGMENT, &params), -EEXIST);
	/* One gets what is there, is told how large that is, and can use all of it. */
	harness_ok(shmreg_segment_open_or_create(c, &other, ACTOR_SEGMENT, &params, &created));
	ck_assert_int_eq(created, 0);
	ck_assert_uint_eq(shmreg_segment_dir(other)->data_bytes, BYTES);
	harness_result(word_array_create(other, &array, "array", BYTES / 8 + 1), -ENOSPC);
	harness_ok(word_array_create(other, &array, "array", BYTES / 8));
	word_array_set(array, BYTES / 8 - 1, 1);
	ck_assert_uint_eq(word_array_get(array, BYTES / 8 - 1), 1);
	shmreg_segment_close(other);
}
END_TEST

/* Return: how many of shmregd's memfds @pid has open, cut short in vain. */
static int cut_short(pid_t pid)
{
	char path[64], file[400], target[128];
	struct dirent *entry;
	int fd, n = 0;
	ssize_t k;
	DIR *dir;

	snprintf(path, sizeof(path), "/proc/%d/fd", pid);
	dir = opendir(path);
	ck_assert_ptr_nonnull(dir);
	while ((entry = readdir(dir))) {
		snprintf(file, sizeof(file), "%s/%s", path, entry->d_name);
		k = readlink(file, target, sizeof(target) - 1);
		if (k < 14 || strncmp(target, "/memfd:shmreg:", 14) != 0)
			continue;
		fd = open(file, O_RDWR | O_CLOEXEC);
		ck_assert_int_ge(fd, 0);
		ck_assert_int_eq(ftruncate(fd, 0), -1);
		ck_assert_int_eq(errno, EPERM);
		ck_assert_int_eq(ftruncate(fd, 1 << 30), -1);
		ck_assert_int_eq(errno, EPERM);
		close(fd);
		n++;
	}
	closedir(dir);
	return n;
}

/* The other way to SIGBUS: what was mapped becomes shorter afterwards. The kernel refuses. */
START_TEST(test_cut_short)
{
	struct word_array *array = NULL;
	uint64_t i;

	harness_ok(word_array_create(s, &array, "array", BYTES / 8));
	/* Even through the daemon's own descriptors: directory, data area, and the root. */
	ck_assert_int_eq(cut_short(harness_daemon(&h)), 3);
	for (i = 0; i < BYTES / 8; i++)
		word_array_set(array, i, i);
	for (i = 0; i < BYTES / 8; i++)
		if (word_array_get(array, i) != i)
			ck_abort_msg("word %llu is another", (unsigned long long)i);
	ck_assert_uint_eq(shmreg_segment_dir(s)->data_bytes, BYTES);
}
END_TEST

/* --- attaching before the creator has initialised ------------------------------------------- */

#define LENGTH 1000

static int64_t deed_late(struct actor *a, int64_t i)
{
	char name[16];

	snprintf(name, sizeof(name), "late-%d", (int)i);
	return word_array_create(a->segment, &a->array, name, LENGTH);
}

/* What can be seen of an object is all of it. */
static bool is_whole(const struct shmreg_dir_object *entry)
{
	return entry->state == SHMREG_ENTRY_LIVE && entry->id != 0 &&
	       entry->shape.kind == SHMREG_KIND_ARRAY &&
	       entry->shape.layout == SHMREG_ARRAY_LAYOUT && entry->shape.elem_bytes == 8 &&
	       entry->shape.elem_align == 8 && entry->shape.capacity == LENGTH &&
	       entry->bytes >= LENGTH * 8 && entry->bytes <= BYTES &&
	       entry->offset <= BYTES - entry->bytes && entry->creator != 0 &&
	       strcmp(entry->type_name, "uint64_t") == 0 && strncmp(entry->name, "late-", 5) == 0;
}

/* Return: is it there? One assertion a look-up, for each is a system call. */
static bool look_up(const char *name)
{
	static const uint64_t zeros[LENGTH];
	const struct shmreg_dir *dir = shmreg_segment_dir(s);
	struct word_array *array = NULL;
	struct shmreg_dir_object entry;
	bool good = true;
	uint32_t i;
	int r;

	for (i = 0; i < dir->max_objects; i++)
		if (shmreg_dir_read_object(dir, i, &entry) == 0)
			good = good && is_whole(&entry);
	r = shmreg_dir_find(dir, name, &entry, &i);
	if (r == 0) {
		good = good && is_whole(&entry) && strcmp(entry.name, name) == 0 &&
		       word_array_open(s, &array, name, LENGTH) == 0 &&
		       memcmp(word_array_data(array), zeros, sizeof(zeros)) == 0 &&
		       word_array_close(array) == 0;
	}
	ck_assert_msg(good && (r == 0 || r == -ENOENT), "half an object was found, look-up: %d", r);
	return r == 0;
}

/* Return: false if ptrace() is not allowed here. */
static bool daemon_is_stopped(pid_t daemon)
{
	int status;

	if (ptrace(PTRACE_SEIZE, daemon, NULL, NULL) < 0) {
		harness_skip("ptrace() is not allowed here");
		return false;
	}
	ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, daemon, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(daemon, &status, __WALL), daemon);
	ck_assert(WIFSTOPPED(status));
	return true;
}

/* It is running, and is to stand still again. */
static void interrupt(pid_t daemon)
{
	int status;

	ck_assert_int_eq(ptrace(PTRACE_INTERRUPT, daemon, NULL, NULL), 0);
	ck_assert_int_eq(waitpid(daemon, &status, __WALL), daemon);
	ck_assert(WIFSTOPPED(status));
}

static bool speaks(struct process *p)
{
	struct pollfd poll_fd = { .fd = p->fd, .events = POLLIN };

	return poll(&poll_fd, 1, 0) == 1;
}

/*
 * It is the daemon that initialises. After each of its instructions while it makes an object,
 * that object can be found not at all or whole, and once it was found it stays.
 */
static bool trap_is_pending(pid_t pid)
{
	char path[64], line[256];
	bool pending = false;
	FILE *status;

	snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
	status = fopen(path, "re");
	ck_assert_ptr_nonnull(status);
	while (fgets(line, sizeof(line), status))
		if (strncmp(line, "SigPnd:", 7) == 0)
			pending = (strtoull(line + 7, NULL, 16) & UINT64_C(1) << (SIGTRAP - 1)) != 0;
	fclose(status);
	return pending;
}

/* Who was interrupted in its last step may have the step's signal still before it: fatal without us. */
static void let_go(pid_t daemon)
{
	int status;

	while (trap_is_pending(daemon)) {
		ck_assert_int_eq(ptrace(PTRACE_CONT, daemon, NULL, 0), 0);
		ck_assert_int_eq(waitpid(daemon, &status, __WALL), daemon);
		ck_assert(WIFSTOPPED(status));
	}
	ck_assert_int_eq(ptrace(PTRACE_DETACH, daemon, NULL, 0), 0);
}

START_TEST(test_half_made_object)
{
	const pid_t daemon = harness_daemon(&h);
	uint64_t n_before = 0, n_after = 0;
	struct process creator;
	int status, r;

	actor_start(&creator);
	actor_ok(&creator, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&creator, deed_late, 0);	/* what happens the first time only is not of interest */
	if (daemon_is_stopped(daemon)) {
		actor_begin(&creator, deed_late, 1);
		while (!speaks(&creator)) {
			if (ptrace(PTRACE_SINGLESTEP, daemon, NULL, 0) < 0)
				ck_abort_msg("%s", strerror(errno));
			/* It stops, unless it waits for a request; the last one is then answered. */
			while ((r = waitpid(daemon, &status, __WALL | WNOHANG)) == 0 &&
			       !speaks(&creator))
				;
			if (r == 0)
				interrupt(daemon);
			else if (!WIFSTOPPED(status))
				ck_abort_msg("the daemon ended with status 0x%x", status);
			if (look_up("late-1"))
				n_after++;
			else if (n_after == 0)
				n_before++;
			else
				ck_abort_msg("it was there and is not any more");
		}
		process_expect(&creator, 0);
		let_go(daemon);
		ck_assert_uint_gt(n_before, 1000);
		ck_assert_uint_gt(n_after, 100);
	}
	process_finish(&creator);
}
END_TEST

static int64_t deed_create_and_late(struct actor *a, int64_t unused)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES,
						      .lifetime = SHMREG_UNTIL_REMOVED };

	(void)unused;
	harness_ok(shmreg_connect(&a->connection, NULL));
	harness_ok(shmreg_segment_create(a->connection, &a->segment, "killed", &params));
	return deed_late(a, 0);
}

static void create_traced(const struct mouth *mouth, void *arg)
{
	struct actor a = { 0 };

	(void)mouth, (void)arg;
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) < 0)
		_exit(77);
	raise(SIGSTOP);
	harness_ok((int)deed_create_and_late(&a, 0));
	/* It ends without having said anything. */
}

/* Return: how many system calls it came through; fewer: that was all. -1: no ptrace() here. */
static int killed_at(int n_stops)
{
	struct process creator;
	int i, status;

	process_start(&creator, create_traced, NULL);
	ck_assert_int_eq(waitpid(creator.pid, &status, 0), creator.pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		close(creator.fd);
		return -1;
	}
	ck_assert(WIFSTOPPED(status));
	for (i = 0; i < n_stops; i++) {
		ck_assert_int_eq(ptrace(PTRACE_SYSCALL, creator.pid, NULL, 0), 0);
		ck_assert_int_eq(waitpid(creator.pid, &status, 0), creator.pid);
		if (!WIFSTOPPED(status))
			break;
	}
	if (WIFSTOPPED(status)) {
		process_kill(&creator);
	} else {
		ck_assert_int_eq(status, 0);
		close(creator.fd);
	}
	return i;
}

static bool nobody_in(void *name)
{
	struct shmreg_segment_info info;
	const int r = shmreg_segment_describe(c, name, &info, NULL);

	return r == -ENOENT || (r == 0 && info.n_participants == 0);
}

static bool can_create(void *unused)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = BYTES,
						      .lifetime = SHMREG_UNTIL_REMOVED };
	const int r = shmreg_segment_create(c, NULL, "killed", &params);

	(void)unused;
	/* A request of the dead that was answered after its death. */
	if (r == -EEXIST)
		harness_ok(shmreg_segment_remove(c, "killed"));
	return r == 0;
}

/* Killed before and after each of its system calls, a creator leaves nothing half made. */
START_TEST(test_creator_killed)
{
	int n, n_segments = 0, n_objects = 0, n_none = 0;
	struct shmreg_segment *own = s;

	for (n = 0; n < 1000; n++) {
		const int reached = killed_at(n);

		if (reached < 0) {
			harness_skip("ptrace() is not allowed here");
			return;
		}
		/* What it had asked for may still be being done. */
		harness_wait(nobody_in, (void *)(uintptr_t)"killed", "the dead creator to be seen");
		if (shmreg_segment_open(c, &s, "killed", SHMREG_ACCESS_WRITE) == 0) {
			n_segments++;
			ck_assert_uint_eq(shmreg_segment_dir(s)->data_bytes, BYTES);
			n_objects += look_up("late-0");
			shmreg_segment_close(s);
			harness_ok(shmreg_segment_remove(c, "killed"));
		} else {
			n_none++;
		}
		/* Whatever was left of it, it is not in the way of the next. */
		harness_wait(can_create, NULL, "the name to be free");
		harness_ok(shmreg_segment_remove(c, "killed"));
		if (reached < n)
			break;
	}
	s = own;
	ck_assert_int_gt(n_none, 0);
	ck_assert_int_gt(n_segments, n_objects);
	ck_assert_int_gt(n_objects, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("original-attach");
	TCase *tcase = harness_case(suite, "daemon");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_larger_object);
	tcase_add_test(tcase, test_larger_segment);
	tcase_add_test(tcase, test_cut_short);
	tcase_add_test(tcase, test_half_made_object);
	tcase_add_test(tcase, test_creator_killed);
	return harness_main(suite);
}
