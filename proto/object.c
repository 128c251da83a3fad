/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>

#include <shmreg/abi/object.h>
#include <shmreg/abi/queue.h>

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
	*ret = s->elem_bytes;
	return 0;
}

static int queue_bytes(const struct shmreg_shape *s, uint64_t *ret, const char **ret_why)
{
	if (s->layout != SHMREG_QUEUE_LAYOUT)
		return refuse(-EPROTONOSUPPORT, ret_why,
			      "has a layout version of queues other than 1");
	if (s->flags & ~SHMREG_QUEUE_REDELIVER)
		return refuse(-EINVAL, ret_why, "has unknown flags; a queue knows REDELIVER only");
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

int shmreg_shape_bytes(const struct shmreg_shape *shape, uint64_t *ret_bytes, uint64_t *ret_align,
		       const char **ret_why)
{
	uint64_t bytes;
	int r;

	if (shape->param[0] | shape->param[1] | shape->param[2] | shape->param[3])
		return refuse(-EINVAL, ret_why,
			      "has parameters that no kind knows; all four must be 0");
	switch (shape->kind) {
	case SHMREG_KIND_ARRAY:
		r = array_bytes(shape, &bytes, ret_why);
		break;
	case SHMREG_KIND_ATOMIC:
		r = atomic_bytes(shape, &bytes, ret_why);
		break;
	case SHMREG_KIND_QUEUE:
		r = queue_bytes(shape, &bytes, ret_why);
		break;
	default:
		return refuse(-EINVAL, ret_why,
			      "has an unknown kind; there are array, atomic and queue");
	}
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
	switch (kind) {
	case SHMREG_KIND_ARRAY:
		return "array";
	case SHMREG_KIND_ATOMIC:
		return "atomic";
	case SHMREG_KIND_QUEUE:
		return "queue";
	default:
		return "unknown";
	}
}
