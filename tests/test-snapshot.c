/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Snapshots: of what is in use, of what is dead, of what is nonsense. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "random.h"
#include "snapshot-crowd.h"

/* Bytes, of which hardly any are used. */
#define SPARSE_BYTES (UINT64_C(1) << 28)
#define N_SNAPSHOTS 40
#define N_HOSTILE 1000

static struct harness h;
static struct shmreg_connection *c;
static char path[96];

static void setup(void)
{
	harness_start(&h, NULL);
	c = harness_connect();
	snprintf(path, sizeof(path), "%s/file.shmsnap", h.dir);
}

static void teardown(void)
{
	crowd_kill();
	unlink(path);
	shmreg_disconnect(c);
	harness_stop(&h);
}

static void take(struct shmreg_segment *segment)
{
	const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);

	ck_assert_int_ge(fd, 0);
	harness_ok(shmreg_snapshot_write(segment, fd));
	close(fd);
}

static void check_file(struct crowd_seen *seen)
{
	const struct shmreg_snapshot_note *notes;
	struct shmreg_segment *file;
	size_t i, n;

	harness_ok(shmreg_snapshot_open(&file, path));
	notes = shmreg_snapshot_notes(file, &n);
	for (i = 0; i < n; i++)
		ck_assert_uint_ne(notes[i].what, SHMREG_SNAPSHOT_BROKEN);
	crowd_check(file, seen);
	shmreg_segment_close(file);
}

START_TEST(test_in_use)
{
	struct crowd_seen seen = { 0 };
	struct shmreg_segment *s;
	int i;

	crowd_create(c);
	crowd_start();
	harness_ok(shmreg_segment_open_extents(c, &s, "crowd"));
	for (i = 0; i < N_SNAPSHOTS; i++) {
		take(s);
		check_file(&seen);
	}
	shmreg_segment_close(s);
	/* That nothing was wrong is worth something only if there was something. */
	printf("in use: %d snapshots with %llu elements of a queue, %llu of a ring, %llu records, "
	       "%llu messages, %llu values\n", N_SNAPSHOTS, (unsigned long long)seen.n_queue,
	       (unsigned long long)seen.n_ring, (unsigned long long)seen.n_records,
	       (unsigned long long)seen.n_topic, (unsigned long long)seen.n_cell);
	ck_assert_uint_gt(seen.n_topic, 0);
	ck_assert_uint_gt(seen.n_cell, 0);
	crowd_kill();
	harness_ok(shmreg_segment_remove(c, "crowd"));
}
END_TEST

/* Everybody is killed, at whatever they were doing, and then the daemon. */
START_TEST(test_dead)
{
	struct crowd_seen seen = { 0 };
	struct shmreg_segment *s, *file;
	const struct shmreg_snapshot_head *head;

	crowd_create(c);
	crowd_start();
	harness_ok(shmreg_segment_open_extents(c, &s, "crowd"));
	harness_kill_daemon(&h);
	crowd_kill();
	take(s);
	check_file(&seen);
	harness_ok(shmreg_snapshot_open(&file, path));
	head = shmreg_snapshot_head(file);
	ck_assert_uint_eq(head->taker_pid, (uint32_t)getpid());
	ck_assert_uint_eq(head->reason, SHMREG_SNAPSHOT_ASKED);
	ck_assert_str_eq(head->info.name, "crowd");
	ck_assert_uint_eq(head->info.n_participants, 5);
	shmreg_segment_close(file);
	harness_restart_daemon(&h);
	shmreg_segment_close(s);
	harness_ok(shmreg_segment_remove(c, "crowd"));
}
END_TEST

/* A snapshot of a snapshot shows the same. */
START_TEST(test_twice)
{
	struct crowd_seen once = { 0 }, twice = { 0 };
	struct shmreg_segment *s;
	char second[128];
	int fd;

	crowd_create(c);
	crowd_start();
	harness_ok(shmreg_segment_open_extents(c, &s, "crowd"));
	take(s);
	shmreg_segment_close(s);
	check_file(&once);
	harness_ok(shmreg_snapshot_open(&s, path));
	snprintf(second, sizeof(second), "%s.second", path);
	fd = open(second, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	harness_ok(shmreg_snapshot_write(s, fd));
	close(fd);
	shmreg_segment_close(s);
	ck_assert_int_eq(rename(second, path), 0);
	check_file(&twice);
	ck_assert_int_eq(memcmp(&once, &twice, sizeof(once)), 0);
	crowd_kill();
	harness_ok(shmreg_segment_remove(c, "crowd"));
}
END_TEST

static uint64_t resident(struct shmreg_segment *segment)
{
	uint64_t at = 0, from, bytes, n = 0;

	while (shmreg_segment_extent(segment, at, &from, &bytes) == 0) {
		n += bytes;
		at = from + bytes;
	}
	return n;
}

/* Nothing becomes memory by being looked at, and nothing that is none takes room on the disk. */
START_TEST(test_sparse)
{
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 2 * SPARSE_BYTES,
		.lifetime = SHMREG_UNTIL_REMOVED,
	};
	const struct shmreg_queue_params queue_params = {
		.size = sizeof(queue_params), .capacity = 1 << 18, .elem_bytes = 1000, .elem_align = 8,
	};
	const struct shmreg_topic_params topic_params = {
		.size = sizeof(topic_params), .capacity = 1 << 16, .message_bytes = 1000,
		.message_align = 8,
	};
	const struct shmreg_array_params array_params = {
		.size = sizeof(array_params), .elem_bytes = 1, .elem_align = 1, .length = 1 << 26,
	};
	struct shmreg_segment *s, *look, *file;
	struct shmreg_publisher *pub;
	struct shmreg_array *array;
	struct shmreg_queue *q;
	uint64_t before, from, bytes;
	char elem[1000] = "x";
	struct stat st;

	harness_ok(shmreg_segment_create(c, &s, "sparse", &params));
	harness_ok(shmreg_queue_create(s, &q, "queue", &queue_params));
	harness_ok(shmreg_publisher_create(s, &pub, "topic", &topic_params));
	harness_ok(shmreg_array_create(s, &array, "array", &array_params));
	harness_ok(shmreg_queue_push(q, elem));
	((char *)shmreg_array_data(array))[1 << 25] = 'y';
	harness_ok(shmreg_segment_open_extents(c, &look, "sparse"));
	before = resident(look);
	take(look);
	ck_assert_uint_eq(resident(look), before);
	ck_assert_int_eq(stat(path, &st), 0);
	ck_assert_int_ge(st.st_size, (off_t)params.bytes);
	ck_assert_int_lt(st.st_blocks * 512, 1 << 20);
	harness_ok(shmreg_snapshot_open(&file, path));
	ck_assert_uint_gt(resident(file), 0);
	ck_assert_uint_le(resident(file), before);
	ck_assert_int_eq(shmreg_segment_extent(s, 0, &from, &bytes), -EOPNOTSUPP);
	shmreg_segment_close(file);
	shmreg_segment_close(look);
	shmreg_segment_close(s);
	harness_ok(shmreg_segment_remove(c, "sparse"));
}
END_TEST

/* What writes, asks or waits is refused with a sentence. */
START_TEST(test_refused)
{
	const struct shmreg_queue_params params = { .size = sizeof(params) };
	const struct shmreg_cell_params cell_params = { .size = sizeof(cell_params) };
	const struct shmreg_cell *cell;
	struct shmreg_segment *s, *file;
	struct shmreg_watch *watch;
	struct shmreg_queue *q;
	uint64_t version;
	int fd;

	crowd_create(c);
	harness_ok(shmreg_segment_open_extents(c, &s, "crowd"));
	take(s);
	shmreg_segment_close(s);
	harness_ok(shmreg_segment_remove(c, "crowd"));
	harness_ok(shmreg_snapshot_open(&file, path));
	harness_result(shmreg_queue_open(file, &q, "queue", &params), -EROFS);
	harness_sentence("read-only");
	harness_result(shmreg_queue_create(file, &q, "new", &params), -EROFS);
	harness_result(shmreg_object_remove(file, "queue"), -EROFS);
	harness_result(shmreg_object_wait(file, "new", 0, NULL), -EROFS);
	harness_sentence("snapshot");
	harness_ok(shmreg_object_wait(file, "queue", 0, NULL));
	harness_ok(shmreg_cell_open(file, &cell, "cell", &cell_params));
	version = shmreg_cell_version(cell);
	harness_result(shmreg_cell_changed_wait(cell, version, NULL), -EROFS);
	harness_sentence("snapshot");
	harness_result(shmreg_watch_open(&cell->handle, SHMREG_WAIT_ITEMS, &watch), -EROFS);
	harness_sentence("snapshot");
	fd = open(path, O_RDWR | O_CLOEXEC);
	harness_result(shmreg_snapshot_write(file, fd), -EINVAL);
	harness_sentence("empty");
	close(fd);
	shmreg_segment_close(file);
	harness_result(shmreg_snapshot_open(&file, "/nowhere/at/all"), -ENOENT);
	harness_result(shmreg_snapshot_open(&file, "/dev/null"), -EINVAL);
	harness_result(shmreg_snapshot_open(&file, "/proc/self/exe"), -EINVAL);
	harness_sentence("no snapshot");
}
END_TEST

/* What is kept to know where there is memory is no way to write. */
static void try_to_write(const struct mouth *mouth, void *unused)
{
	struct shmreg_connection *mine;
	struct shmreg_segment *s;
	char link[64], target[64];
	int64_t n_found = 0;
	ssize_t n;
	int fd;

	(void)unused;
	if (shmreg_connect(&mine, NULL) < 0 ||
	    shmreg_segment_open_extents(mine, &s, "secret") != -EACCES ||
	    shmreg_segment_open_extents(mine, &s, "crowd") < 0)
		_exit(1);
	for (fd = 3; fd < 64; fd++) {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			continue;
		target[n] = '\0';
		if (strstr(target, "memfd:") == NULL)
			continue;
		n_found++;
		if (open(link, O_RDWR | O_CLOEXEC) >= 0 || write(fd, "x", 1) >= 0)
			_exit(1);
	}
	if (write(mouth->fd, &n_found, sizeof(n_found)) < 0)
		_exit(1);
	shmreg_segment_close(s);
	shmreg_disconnect(mine);
}

START_TEST(test_permission)
{
	static const struct identity stranger = { .uid = 4711, .gid = 4711 };
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = 4096, .lifetime = SHMREG_UNTIL_REMOVED,
	};
	const struct shmreg_set set = { .what = SHMREG_SET_MODE, .mode = 0644 };
	struct process p;

	if (harness_need_root())
		return;
	crowd_create(c);
	harness_ok(shmreg_segment_set(c, "crowd", &set));
	harness_ok(shmreg_segment_create(c, NULL, "secret", &params));
	process_start_as(&p, &stranger, try_to_write, NULL);
	process_expect(&p, 1);
	process_finish(&p);
	harness_ok(shmreg_segment_remove(c, "secret"));
	harness_ok(shmreg_segment_remove(c, "crowd"));
}
END_TEST

/* --- files that somebody has made up -------------------------------------------------------------- */

static unsigned char *image;
static size_t image_bytes;

static void read_image(void)
{
	struct stat st;
	const int fd = open(path, O_RDONLY | O_CLOEXEC);

	ck_assert_int_eq(fstat(fd, &st), 0);
	image_bytes = (size_t)st.st_size;
	image = malloc(image_bytes);
	ck_assert_ptr_nonnull(image);
	ck_assert_int_eq(read(fd, image, image_bytes), (ssize_t)image_bytes);
	close(fd);
}

/* With right sums, so that they do not keep anybody from the rest. */
static void write_image(const unsigned char *bytes, size_t n, bool sums)
{
	struct shmreg_snapshot_head *head = (void *)(uintptr_t)bytes;
	const int fd = open(path, O_CREAT | O_TRUNC | O_WRONLY | O_CLOEXEC, 0600);
	static const unsigned char zero[SHMREG_SNAPSHOT_PAGE];
	uint64_t at;

	if (sums && head->notes_offset < n && head->dir_offset < n && head->data_offset < n &&
	    head->dir_bytes <= n - head->dir_offset && head->n_notes * 24 <= n - head->notes_offset &&
	    head->data_bytes <= n - head->data_offset && head->dir_offset % 8 == 0 &&
	    head->notes_offset % 8 == 0 && head->data_offset % 8 == 0) {
		head->dir_sum = shmreg_snapshot_sum(
			shmreg_snapshot_sum(0, bytes + head->dir_offset, head->dir_bytes),
			bytes + head->notes_offset, head->n_notes * 24);
		head->data_sum = 0;
		for (at = 0; at + SHMREG_SNAPSHOT_PAGE <= head->data_bytes; at += SHMREG_SNAPSHOT_PAGE)
			if (memcmp(bytes + head->data_offset + at, zero, sizeof(zero)) != 0)
				head->data_sum += shmreg_snapshot_sum_page(
					at / SHMREG_SNAPSHOT_PAGE, bytes + head->data_offset + at);
	}
	if (sums)
		head->head_sum = shmreg_snapshot_sum(0, head,
						     offsetof(struct shmreg_snapshot_head, head_sum));
	ck_assert_int_eq(write(fd, bytes, n), (ssize_t)n);
	close(fd);
}

static int visit_holder(void *data, const struct shmreg_queue_holder *holder)
{
	(void)data, (void)holder;
	return 0;
}

static int visit_subscriber(void *data, const struct shmreg_topic_subscriber_info *info)
{
	(void)data, (void)info;
	return 0;
}

static int visit_held(void *data, const struct shmreg_pool_holder *holder)
{
	(void)data, (void)holder;
	return 0;
}

/* Everything that one can look at; whatever it says, it ends, and inside of the mapping. */
static void look_at_all(struct shmreg_segment *file)
{
	const struct shmreg_queue_params queue_params = { .size = sizeof(queue_params) };
	const struct shmreg_ring_params ring_params = { .size = sizeof(ring_params) };
	const struct shmreg_topic_params topic_params = { .size = sizeof(topic_params), .history = 64 };
	const struct shmreg_cell_params cell_params = { .size = sizeof(cell_params) };
	const struct shmreg_pool_params pool_params = { .size = sizeof(pool_params) };
	struct shmreg_queue_stats queue_stats = { .size = sizeof(queue_stats) };
	struct shmreg_ring_stats ring_stats = { .size = sizeof(ring_stats) };
	struct shmreg_topic_stats topic_stats = { .size = sizeof(topic_stats) };
	struct shmreg_pool_stats pool_stats = { .size = sizeof(pool_stats) };
	uint64_t i;
	const struct shmreg_topic *topic;
	const struct shmreg_queue *q;
	const struct shmreg_ring *ring;
	const struct shmreg_cell *cell;
	const struct shmreg_pool *pool;
	struct shmreg_subscriber *sub;
	char buffer[4096];

	if (shmreg_queue_open_const(file, &q, "queue", &queue_params) == 0) {
		harness_ok(shmreg_queue_stat(q, &queue_stats));
		harness_ok(shmreg_queue_holders(q, visit_holder, NULL));
		shmreg_queue_close(q);
	}
	if (shmreg_ring_open_const(file, &ring, "ring", &ring_params) == 0) {
		harness_ok(shmreg_ring_stat(ring, &ring_stats));
		shmreg_ring_close(ring);
	}
	if (shmreg_topic_open_const(file, &topic, "lossy", &topic_params) == 0) {
		/* They may say that it makes no sense. */
		(void)!shmreg_topic_stat(topic, &topic_stats);
		(void)!shmreg_topic_subscribers(topic, visit_subscriber, NULL);
		shmreg_topic_close(topic);
	}
	if (shmreg_subscriber_open(file, &sub, "lossy", &topic_params) == 0) {
		for (i = 0; i < 100; i++)
			if (shmreg_subscriber_read(sub, buffer, sizeof(buffer), NULL) < 0)
				break;
		shmreg_subscriber_close(sub);
	}
	if (shmreg_cell_open(file, &cell, "cell", &cell_params) == 0) {
		if (cell->elem_bytes <= sizeof(buffer))
			(void)!shmreg_cell_read(cell, buffer, NULL);
		shmreg_cell_close(cell);
	}
	if (shmreg_pool_open_const(file, &pool, "pool", &pool_params) == 0) {
		harness_ok(shmreg_pool_stat(pool, &pool_stats));
		harness_ok(shmreg_pool_holders(pool, visit_held, NULL));
		shmreg_pool_close(pool);
	}
}

START_TEST(test_hostile)
{
	const struct shmreg_snapshot_head *head;
	struct random_state random;
	struct shmreg_segment *s, *file;
	unsigned char *spoilt;
	uint64_t n_opened = 0;
	size_t at;
	int i, k;

	crowd_create(c);
	crowd_start();
	harness_ok(shmreg_segment_open_extents(c, &s, "crowd"));
	take(s);
	shmreg_segment_close(s);
	crowd_kill();
	harness_ok(shmreg_segment_remove(c, "crowd"));
	read_image();
	random_seed(&random);
	head = (const void *)image;
	spoilt = malloc(image_bytes);
	for (i = 0; i < N_HOSTILE; i++) {
		memcpy(spoilt, image, image_bytes);
		for (k = 0; k < 1 + i % 4; k++) {
			/* In turn: head, directory, the objects' counters, anywhere. */
			switch ((i + k) % 4) {
			case 0:
				at = random_below(&random, sizeof(*head));
				break;
			case 1:
				at = head->dir_offset + random_below(&random, 4096);
				break;
			case 2:
				at = head->dir_offset + random_below(&random, head->dir_bytes);
				break;
			default:
				at = head->data_offset + random_below(&random, 1 << 18);
			}
			if (random_below(&random, 2))
				spoilt[at] = (unsigned char)random_below(&random, 256);
			else
				memset(spoilt + at / 8 * 8, random_below(&random, 2) ? 0xff : 0, 8);
		}
		write_image(spoilt, image_bytes - (i % 7 == 6 ? random_below(&random, image_bytes) : 0),
			    i % 5 != 4);
		if (shmreg_snapshot_open(&file, path) < 0) {
			ck_assert_str_ne(shmreg_error(), "");
			continue;
		}
		n_opened++;
		look_at_all(file);
		shmreg_segment_close(file);
	}
	printf("hostile: %d files, of which %llu could be opened\n", N_HOSTILE,
	       (unsigned long long)n_opened);
	ck_assert_uint_gt(n_opened, 0);
	ck_assert_uint_lt(n_opened, N_HOSTILE);
	free(spoilt);
	free(image);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("snapshot");
	TCase *tc = harness_case(suite, "snapshot");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_in_use);
	tcase_add_test(tc, test_dead);
	tcase_add_test(tc, test_twice);
	tcase_add_test(tc, test_sparse);
	tcase_add_test(tc, test_refused);
	tcase_add_test(tc, test_permission);
	tcase_add_test(tc, test_hostile);
	return harness_main(suite);
}
