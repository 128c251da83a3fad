/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>

#include <shmreg/abi/atomic.h>
#include <shmreg/abi/cell.h>
#include <shmreg/abi/directory.h>
#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/object.h>
#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>
#include <shmreg/abi/ring.h>
#include <shmreg/abi/topic.h>

#define BYTES_MAX (UINT64_C(1) << 47)
#define PAGE UINT64_C(4096)

static int refuse(int error, const char **ret_why, const char *why)
{
	if (ret_why)
		*ret_why = why;
	return error;
}

static bool is_power_of_two(uint64_t n)
{
	return n && !(n & (n - 1));
}

static int array_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	if (s->layout != SHMREG_ARRAY_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of arrays other than 1");
	if (s->flags)
		return refuse(-EINVAL, ret_why, "has unknown flags; an array knows none");
	if (!is_power_of_two(s->elem_align) || s->elem_align > SHMREG_ARRAY_ALIGN_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad element alignment; it must be a power of two, 1 to 4096");
	if (!s->elem_bytes)
		return refuse(-EINVAL, ret_why,
			      "has elements of 0 bytes; an element has at least 1");
	if (s->elem_bytes % s->elem_align)
		return refuse(-EINVAL, ret_why,
			      "has an element size that is not a multiple of the element "
			      "alignment, as sizeof always is");
	if (!s->capacity)
		return refuse(-EINVAL, ret_why,
			      "has capacity 0; an array has at least 1 element");
	if (__builtin_mul_overflow(s->elem_bytes, s->capacity, ret) || *ret > BYTES_MAX)
		return refuse(-EOVERFLOW, ret_why,
			      "is too large: element size times capacity is beyond 2^47 bytes");
	return 0;
}

static int atomic_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	if (s->layout != SHMREG_ATOMIC_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of atomics other than 1");
	if (s->flags)
		return refuse(-EINVAL, ret_why, "has unknown flags; an atomic knows none");
	if (!is_power_of_two(s->elem_bytes) || s->elem_bytes > 8)
		return refuse(-EINVAL, ret_why,
			      "has a bad size; an atomic has 1, 2, 4 or 8 bytes");
	if (s->elem_align != s->elem_bytes)
		return refuse(-EINVAL, ret_why,
			      "has a bad alignment; an atomic is aligned to its size");
	if (s->capacity != 1)
		return refuse(-EINVAL, ret_why, "has a bad capacity; an atomic has capacity 1");
	*ret = sizeof(struct shmreg_atomic_shm);
	return 0;
}

static int queue_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	if (s->layout != SHMREG_QUEUE_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of queues other than 1");
	if (s->flags & ~(SHMREG_QUEUE_REDELIVER | SHMREG_QUEUE_OBJECTS))
		return refuse(-EINVAL, ret_why,
			      "has unknown flags; a queue knows REDELIVER and OBJECTS only");
	if (s->flags & SHMREG_QUEUE_OBJECTS) {
		if (s->elem_bytes != 8 || s->elem_align != 8)
			return refuse(-EINVAL, ret_why,
				      "has a bad element size; a queue of objects has references, of "
				      "size and alignment 8");
		if (!shmreg_shape_pool(s) || s->param[2] >= SHMREG_OBJECTS_MAX || s->param[3])
			return refuse(-EINVAL, ret_why,
				      "does not name a pool; a queue of objects has a pool's id and "
				      "index as parameters");
		if (s->capacity > SHMREG_QUEUE_OBJECTS_MAX)
			return refuse(-EINVAL, ret_why,
				      "has a bad capacity; a queue of objects has a power of two of "
				      "them, 2 to 2^20");
	} else if (s->param[0] | s->param[1] | s->param[2] | s->param[3]) {
		return refuse(-EINVAL, ret_why,
			      "has parameters; only a queue of objects knows any");
	}
	if (!is_power_of_two(s->elem_align) || s->elem_align > SHMREG_QUEUE_ALIGN_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad element alignment; it must be a power of two, 1 to 128");
	if (!s->elem_bytes || s->elem_bytes > SHMREG_QUEUE_ELEM_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad element size; a queue's element has 1 byte to 64 MiB");
	if (!is_power_of_two(s->capacity) || s->capacity < SHMREG_QUEUE_CAPACITY_MIN ||
	    s->capacity > SHMREG_QUEUE_CAPACITY_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad capacity; a queue's is a power of two, 2 to 2^30");
	/* Below 2^27 times 2^30: cannot overflow 64 bits. */
	*ret = sizeof(struct shmreg_queue_shm) +
	       s->capacity * shmreg_queue_stride(s->elem_bytes, s->elem_align);
	if (*ret > BYTES_MAX)
		return refuse(-EOVERFLOW, ret_why,
			      "is too large: slot size times capacity is beyond 2^47 bytes");
	return 0;
}

static int check_elem(const struct shmreg_shape *s, uint64_t bytes_max, uint32_t align_max,
		      const char *bad_bytes, const char *bad_align, const char **ret_why)
{
	if (!is_power_of_two(s->elem_align) || s->elem_align > align_max)
		return refuse(-EINVAL, ret_why, bad_align);
	if (!s->elem_bytes || s->elem_bytes > bytes_max)
		return refuse(-EINVAL, ret_why, bad_bytes);
	return 0;
}

static int ring_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	int r;

	if (s->layout != SHMREG_RING_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of rings other than 1");
	if (s->flags & ~SHMREG_RING_RECORDS)
		return refuse(-EINVAL, ret_why, "has unknown flags; a ring knows RECORDS only");
	if (s->flags & SHMREG_RING_RECORDS) {
		if (s->elem_bytes != 1 || s->elem_align != 1)
			return refuse(-EINVAL, ret_why,
				      "has a bad element size; a ring of records is one of bytes, "
				      "of size and alignment 1");
		if (!is_power_of_two(s->capacity) || s->capacity < SHMREG_RING_BYTES_MIN ||
		    s->capacity > SHMREG_RING_CAPACITY_MAX)
			return refuse(-EINVAL, ret_why,
				      "has a bad capacity; a ring of records has a power of two of "
				      "bytes, 64 to 2^40");
		*ret = sizeof(struct shmreg_ring_shm) + s->capacity;
		return 0;
	}
	r = check_elem(s, SHMREG_RING_ELEM_MAX, SHMREG_RING_ALIGN_MAX,
		       "has a bad element size; a ring's element has 1 byte to 64 MiB",
		       "has a bad element alignment; it must be a power of two, 1 to 128", ret_why);
	if (r < 0)
		return r;
	if (s->elem_bytes % s->elem_align)
		return refuse(-EINVAL, ret_why,
			      "has an element size that is not a multiple of the element "
			      "alignment, as sizeof always is");
	if (!is_power_of_two(s->capacity) || s->capacity < SHMREG_RING_CAPACITY_MIN ||
	    s->capacity > SHMREG_RING_CAPACITY_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad capacity; a ring's is a power of two, 2 to 2^40");
	if (__builtin_mul_overflow(s->elem_bytes, s->capacity, ret) || *ret > BYTES_MAX)
		return refuse(-EOVERFLOW, ret_why,
			      "is too large: element size times capacity is beyond 2^47 bytes");
	*ret += sizeof(struct shmreg_ring_shm);
	return 0;
}

static int topic_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	struct shmreg_topic_geometry g;
	int r;

	if (s->layout != SHMREG_TOPIC_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of topics other than 3");
	if (s->flags & ~SHMREG_TOPIC_RELIABLE)
		return refuse(-EINVAL, ret_why, "has unknown flags; a topic knows RELIABLE only");
	r = check_elem(s, SHMREG_TOPIC_ELEM_MAX, SHMREG_TOPIC_ALIGN_MAX,
		       "has a bad message size; a topic's messages have at most 1 byte to 64 MiB",
		       "has a bad message alignment; it must be a power of two, 1 to 128", ret_why);
	if (r < 0)
		return r;
	if (!is_power_of_two(s->capacity) || s->capacity < SHMREG_TOPIC_CAPACITY_MIN ||
	    s->capacity > SHMREG_TOPIC_CAPACITY_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad capacity; a topic's is a power of two, 2 to 2^22");
	if (s->param[0] < 1 || s->param[0] > SHMREG_TOPIC_PUBLISHERS_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad number of publishers; a topic has 1 to 64 at a time");
	if (s->param[1] > SHMREG_TOPIC_SUBSCRIBERS_MAX)
		return refuse(-EINVAL, ret_why,
			      "has too many subscribers; 4,095 at a time can have a cursor");
	if (s->flags & SHMREG_TOPIC_RELIABLE && s->param[1] == 0)
		return refuse(-EINVAL, ret_why,
			      "has no room for subscribers; a reliable topic has 1 to 4,095 at a "
			      "time");
	if (s->param[2] && !(s->flags & SHMREG_TOPIC_RELIABLE))
		return refuse(-EINVAL, ret_why,
			      "has a limit of lag; only a reliable topic evicts subscribers");
	if (s->param[2] > s->capacity)
		return refuse(-EINVAL, ret_why,
			      "has a bad limit of lag; it is at most the capacity, 0 for none");
	if (s->param[3])
		return refuse(-EINVAL, ret_why, "has a fourth parameter; a topic has three");
	/* Below 2^23 chunks of less than 2^27 bytes: cannot overflow 64 bits. */
	g = shmreg_topic_geometry(s);
	*ret = g.chunks_offset + g.n_chunks * g.stride;
	if (*ret > BYTES_MAX)
		return refuse(-EOVERFLOW, ret_why,
			      "is too large: message size times capacity is beyond 2^47 bytes");
	return 0;
}

static int pool_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	struct shmreg_pool_geometry g;
	uint64_t elems;
	int r;

	if (s->layout != SHMREG_POOL_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of pools other than 2");
	if (s->flags)
		return refuse(-EINVAL, ret_why, "has unknown flags; a pool knows none");
	r = check_elem(s, SHMREG_POOL_ELEM_MAX, SHMREG_POOL_ALIGN_MAX,
		       "has a bad object size; a pool's object has 1 byte to 2^40",
		       "has a bad object alignment; it must be a power of two, 1 to 4096", ret_why);
	if (r < 0)
		return r;
	if (!s->capacity || s->capacity > SHMREG_POOL_CAPACITY_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad capacity; a pool has 1 to 2^30 objects");
	g = shmreg_pool_geometry(s);
	if (__builtin_mul_overflow(g.stride, s->capacity, &elems) || elems > BYTES_MAX ||
	    elems + g.elems_offset > BYTES_MAX)
		return refuse(-EOVERFLOW, ret_why,
			      "is too large: object size times capacity is beyond 2^47 bytes");
	*ret = g.elems_offset + elems;
	return 0;
}

static int cell_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	int r;

	if (s->layout != SHMREG_CELL_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of cells other than 2");
	if (s->flags)
		return refuse(-EINVAL, ret_why, "has unknown flags; a cell knows none");
	r = check_elem(s, SHMREG_CELL_ELEM_MAX, SHMREG_CELL_ALIGN_MAX,
		       "has a bad value size; a cell's value has 1 byte to 1 GiB",
		       "has a bad value alignment; it must be a power of two, 1 to 128", ret_why);
	if (r < 0)
		return r;
	if (!s->capacity || s->capacity > SHMREG_CELL_WRITERS_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad number of writers; a cell has 1 to 64 at a time");
	if (s->param[0] < SHMREG_CELL_SLOTS_MIN || s->param[0] > SHMREG_CELL_SLOTS_MAX)
		return refuse(-EINVAL, ret_why,
			      "has a bad number of slots; a cell has 2 to 64 a writer");
	if (s->param[1] | s->param[2] | s->param[3])
		return refuse(-EINVAL, ret_why, "has more than one parameter; a cell has one");
	/* At most 2^12 slots of less than 2^31 bytes. */
	*ret = sizeof(struct shmreg_cell_shm) +
	       s->capacity * s->param[0] * shmreg_cell_stride(s->elem_bytes, s->elem_align);
	return 0;
}

#define AT(kind, field) offsetof(struct shmreg_##kind##_shm, field)

static const struct {
	const char *name;
	int (*bytes)(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why);
	bool params;
	uint64_t users;
	uint64_t items, space;	/* event counts; 0: none */
} kinds[SHMREG_KIND_MAX + 1] = {
	[SHMREG_KIND_ARRAY] = { "array", array_bytes, false, 0, 0, 0 },
	[SHMREG_KIND_ATOMIC] = { "atomic", atomic_bytes, false, 0, AT(atomic, change), 0 },
	[SHMREG_KIND_QUEUE] = { "queue", queue_bytes, true, AT(queue, users), AT(queue, items),
				AT(queue, space) },
	[SHMREG_KIND_RING] = { "ring", ring_bytes, false, 0, AT(ring, items), AT(ring, space) },
	[SHMREG_KIND_TOPIC] = { "topic", topic_bytes, true, 0, AT(topic, message),
				AT(topic, space) },
	[SHMREG_KIND_POOL] = { "pool", pool_bytes, false, AT(pool, users), 0, AT(pool, space) },
	[SHMREG_KIND_CELL] = { "cell", cell_bytes, true, 0, AT(cell, change), 0 },
};

static bool is_kind(uint32_t kind)
{
	return kind <= SHMREG_KIND_MAX && kinds[kind].bytes;
}

int shmreg_shape_bytes(const struct shmreg_shape *shape, uint64_t *ret_bytes, uint64_t *ret_align,
		       const char **ret_why)
{
	uint64_t bytes;
	int r;

	if (!is_kind(shape->kind))
		return refuse(-EINVAL, ret_why,
			      "has an unknown kind; there are array, atomic, queue, ring, topic, "
			      "pool and cell");
	if (!kinds[shape->kind].params &&
	    (shape->param[0] | shape->param[1] | shape->param[2] | shape->param[3]))
		return refuse(-EINVAL, ret_why,
			      "has parameters that its kind does not know; all four must be 0");
	r = kinds[shape->kind].bytes(shape, &bytes, ret_why);
	if (r < 0)
		return r;

	bytes = (bytes + SHMREG_BLOCK - 1) & ~(uint64_t)(SHMREG_BLOCK - 1);
	/* Large objects have pages of their own, so that removal can give them back. */
	*ret_align = bytes >= PAGE || shape->elem_align > SHMREG_BLOCK ? PAGE : SHMREG_BLOCK;
	*ret_bytes = bytes;
	return 0;
}

const char *shmreg_kind_name(uint32_t kind)
{
	return is_kind(kind) ? kinds[kind].name : "unknown";
}

uint64_t shmreg_kind_users(uint32_t kind)
{
	return is_kind(kind) ? kinds[kind].users : 0;
}

uint64_t shmreg_kind_eventcount(uint32_t kind, uint32_t event)
{
	if (!is_kind(kind))
		return 0;
	return event == SHMREG_WAIT_ITEMS ? kinds[kind].items :
	       event == SHMREG_WAIT_SPACE ? kinds[kind].space : 0;
}
