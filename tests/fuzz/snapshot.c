/* SPDX-License-Identifier: MIT */

/*
 * snapshot - a segment whose data area a peer has chosen is copied into a file, in which numbers
 * are changed then; whatever can be opened is looked at
 */

#include <config.h>

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shmreg.h>

#include "fuzz.h"
#include "snapshot-copy.h"

#define DATA_BYTES (UINT64_C(1) << 20)
#define POKES_MAX 16

static const struct {
	const char *name;
	struct shmreg_shape shape;
} objects[] = {
	{ "array", { SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 8, 8, 8, { 0 } } },
	{ "atomic", { SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } } },
	{ "queue", { SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 24, 8, { 0 } } },
	{ "ring", { SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 8, 16, 8, { 0 } } },
	{ "records", { SHMREG_KIND_RING, SHMREG_RING_LAYOUT, SHMREG_RING_RECORDS, 1, 1, 256, { 0 } } },
	{ "topic", { SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 4, { 2, 2, 0, 0 } } },
	{ "pool", { SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 16, 40, { 0 } } },
	{ "cell", { SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 64, 2, { 3, 0, 0, 0 } } },
};
#define N_OBJECTS (sizeof(objects) / sizeof(objects[0]))

static struct shmreg_dir *dir;
static unsigned char *data;
static int data_fd = -1;
static uint64_t used;

static void add_object(uint32_t i)
{
	struct shmreg_dir_object *o = &shmreg_dir_objects(dir)[i];
	uint32_t *bucket = &shmreg_dir_buckets(dir)[shmreg_name_hash(objects[i].name) &
						    (dir->n_buckets - 1)];
	uint64_t bytes, align;

	o->shape = objects[i].shape;
	MUST(shmreg_shape_bytes(&o->shape, &bytes, &align, NULL) == 0);
	used = (used + align - 1) / align * align;
	o->id = i + 1;
	o->offset = used;
	o->bytes = bytes;
	snprintf(o->name, sizeof(o->name), "%s", objects[i].name);
	o->next = *bucket;
	*bucket = i + 1;
	o->state = SHMREG_ENTRY_LIVE;
	used += bytes;
	MUST(used <= DATA_BYTES);
}

static void setup(void)
{
	struct shmreg_dir layout = { .magic = SHMREG_DIR_MAGIC, .layout = SHMREG_DIR_LAYOUT };

	MUST(shmreg_dir_layout(&layout, 4, 16) == 0);
	layout.max_participants = 4;
	layout.max_objects = 16;
	layout.segment = layout.registry = layout.last_segment = 7;
	layout.data_bytes = DATA_BYTES;
	layout.state = SHMREG_DIR_LIVE;
	layout.mode_lifetime = 0600;
	snprintf(layout.name, sizeof(layout.name), "fuzzed");
	dir = mmap(NULL, layout.dir_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	MUST(dir != MAP_FAILED);
	*dir = layout;
	for (uint32_t i = 0; i < N_OBJECTS; i++)
		add_object(i);
	data_fd = memfd_create("data", MFD_CLOEXEC);
	MUST(data_fd >= 0 && ftruncate(data_fd, (off_t)DATA_BYTES) == 0);
	data = mmap(NULL, DATA_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, data_fd, 0);
	MUST(data != MAP_FAILED);
}

/* An object's first bytes, or any. */
static void poke_data(struct fuzz_input *in)
{
	const struct shmreg_dir_object *o = &shmreg_dir_objects(dir)[fuzz_below(in, N_OBJECTS)];

	fuzz_poke(in, data + o->offset,
		  (size_t)(fuzz_u8(in) % 2 && o->bytes > 512 ? 512 : o->bytes));
}

/* With right sums: they are to keep nobody from the rest. */
static void make_right(unsigned char *file, size_t bytes)
{
	struct shmreg_snapshot_head *h = (void *)file;
	static const unsigned char zero[SHMREG_SNAPSHOT_PAGE];

	if (h->dir_offset % 8 == 0 && h->dir_offset <= bytes && h->dir_bytes <= bytes - h->dir_offset &&
	    h->notes_offset % 8 == 0 && h->notes_offset <= bytes &&
	    h->n_notes <= (bytes - h->notes_offset) / sizeof(struct shmreg_snapshot_note))
		h->dir_sum = shmreg_snapshot_sum(
			shmreg_snapshot_sum(0, file + h->dir_offset, h->dir_bytes),
			file + h->notes_offset, h->n_notes * sizeof(struct shmreg_snapshot_note));
	if (h->data_offset % 8 == 0 && h->data_offset <= bytes &&
	    h->data_bytes <= bytes - h->data_offset) {
		h->data_sum = 0;
		for (uint64_t at = 0; at + SHMREG_SNAPSHOT_PAGE <= h->data_bytes;
		     at += SHMREG_SNAPSHOT_PAGE)
			if (memcmp(file + h->data_offset + at, zero, sizeof(zero)) != 0)
				h->data_sum += shmreg_snapshot_sum_page(at / SHMREG_SNAPSHOT_PAGE,
									file + h->data_offset + at);
	}
	h->head_sum = shmreg_snapshot_sum(0, h, offsetof(struct shmreg_snapshot_head, head_sum));
}

static void look(struct shmreg_segment *s)
{
	struct shmreg_queue_stats queue_stats = { .size = sizeof(queue_stats) };
	struct shmreg_ring_stats ring_stats = { .size = sizeof(ring_stats) };
	struct shmreg_topic_stats topic_stats = { .size = sizeof(topic_stats) };
	struct shmreg_pool_stats pool_stats = { .size = sizeof(pool_stats) };
	static const struct shmreg_queue_params queue_params = { .size = sizeof(queue_params) };
	static const struct shmreg_ring_params ring_params = { .size = sizeof(ring_params) };
	static const struct shmreg_topic_params topic_params = { .size = sizeof(topic_params) };
	static const struct shmreg_pool_params pool_params = { .size = sizeof(pool_params) };
	static const struct shmreg_cell_params cell_params = { .size = sizeof(cell_params) };
	const struct shmreg_queue *queue;
	const struct shmreg_ring *ring;
	const struct shmreg_topic *topic;
	const struct shmreg_pool *pool;
	const struct shmreg_cell *cell;
	char buffer[256];

	if (shmreg_queue_open_const(s, &queue, "queue", &queue_params) == 0)
		MUST(shmreg_queue_stat(queue, &queue_stats) == 0);
	if (shmreg_ring_open_const(s, &ring, "ring", &ring_params) == 0)
		MUST(shmreg_ring_stat(ring, &ring_stats) == 0);
	if (shmreg_ring_open_const(s, &ring, "records", &ring_params) == 0)
		MUST(shmreg_ring_stat(ring, &ring_stats) == 0);
	if (shmreg_topic_open_const(s, &topic, "topic", &topic_params) == 0) {
		/* It may say that it makes no sense. */
		(void)!shmreg_topic_stat(topic, &topic_stats);
		for (uint64_t i = 0; i < 8; i++)
			(void)!shmreg_topic_read_at(topic, topic_stats.n_published - i, buffer,
						    sizeof(buffer), NULL);
	}
	if (shmreg_pool_open_const(s, &pool, "pool", &pool_params) == 0)
		MUST(shmreg_pool_stat(pool, &pool_stats) == 0);
	if (shmreg_cell_open(s, &cell, "cell", &cell_params) == 0 && cell->elem_bytes <= sizeof(buffer))
		(void)!shmreg_cell_read(cell, buffer, NULL);
}

static void open_file(int fd, bool spoilt)
{
	struct shmreg_segment *s;
	char path[64];
	int r;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	r = shmreg_snapshot_open(&s, path);
	/* What was copied can be opened, whatever was in it. */
	MUST(r == 0 || (spoilt && *shmreg_error()));
	if (r < 0)
		return;
	look(s);
	shmreg_segment_close(s);
}

static void run(struct fuzz_input *in)
{
	struct shmreg_snapshot_head head;
	struct snapshot_copy copy;
	unsigned char *file;
	struct stat st;
	int fd;

	memset(data, 0, (size_t)used);
	for (unsigned int n = fuzz_u8(in) % POKES_MAX; n > 0; n--)
		poke_data(in);
	snapshot_begin(&head);
	MUST(snapshot_copy(&copy, dir, data, data_fd, 0) == 0);
	fd = memfd_create("file", MFD_CLOEXEC);
	MUST(fd >= 0);
	MUST(snapshot_write(&copy, fd, &head) == 0);
	snapshot_copy_free(&copy);
	open_file(fd, false);
	MUST(fstat(fd, &st) == 0);
	file = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	MUST(file != MAP_FAILED);
	for (unsigned int n = fuzz_u8(in) % POKES_MAX; n > 0; n--) {
		if (fuzz_u8(in) % 2)
			fuzz_poke(in, file, sizeof(head));
		else
			fuzz_poke(in, file + SHMREG_SNAPSHOT_ALIGN, (size_t)dir->dir_bytes);
	}
	if (fuzz_u8(in) % 8)
		make_right(file, (size_t)st.st_size);
	munmap(file, (size_t)st.st_size);
	if (fuzz_u8(in) % 8 == 7)
		MUST(ftruncate(fd, (off_t)fuzz_below(in, (uint64_t)st.st_size)) == 0);
	open_file(fd, true);
	close(fd);
}

static void seeds(void)
{
	static const unsigned char some[] = { 3, 2, 0, 1, 3, 0, 8, 5, 1, 3, 0, 1, 2, 1, 1, 3, 64, 9 };

	fuzz_seed("", 1);
	fuzz_seed(some, sizeof(some));
}

const struct fuzz_target fuzz_target = { .setup = setup, .run = run, .seeds = seeds };
