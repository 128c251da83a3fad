/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <string.h>

#include <shmreg/abi/object.h>
#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>
#include <shmreg/abi/topic.h>

#include "layouts.h"
#include "random.h"
#include "suite.h"

static struct shmreg_shape shape(uint32_t kind, uint64_t bytes, uint32_t align, uint64_t capacity)
{
	return (struct shmreg_shape){
		.kind = kind,
		.layout = layout_of(kind),
		.elem_align = align,
		.elem_bytes = bytes,
		.capacity = capacity,
	};
}

#define CHECK_BYTES(s, want_bytes, want_align)                                                     \
	do {                                                                                       \
		struct shmreg_shape s_ = (s);                                                      \
		uint64_t bytes_ = 0, align_ = 0;                                                   \
		ck_assert_int_eq(shmreg_shape_bytes(&s_, &bytes_, &align_, NULL), 0);              \
		ck_assert_uint_eq(bytes_, (want_bytes));                                           \
		ck_assert_uint_eq(align_, (want_align));                                           \
	} while (0)

#define CHECK_REFUSED(s, error, says)                                                              \
	do {                                                                                       \
		struct shmreg_shape s_ = (s);                                                      \
		uint64_t bytes_ = 77, align_ = 78;                                                 \
		const char *why_ = NULL;                                                           \
		ck_assert_int_eq(shmreg_shape_bytes(&s_, &bytes_, &align_, &why_), (error));       \
		ck_assert_ptr_nonnull(why_);                                                       \
		ck_assert_msg(strstr(why_, (says)) != NULL, "%s", why_);                           \
		ck_assert_uint_eq(bytes_, 77);                                                     \
		ck_assert_uint_eq(align_, 78);                                                     \
	} while (0)

START_TEST(test_array)
{
	CHECK_BYTES(shape(SHMREG_KIND_ARRAY, 1, 1, 1), 128, 128);
	CHECK_BYTES(shape(SHMREG_KIND_ARRAY, 8, 8, 17), 256, 128);
	CHECK_BYTES(shape(SHMREG_KIND_ARRAY, 24, 8, 1000), 24064, 4096);
	CHECK_BYTES(shape(SHMREG_KIND_ARRAY, 4096, 4096, 3), 3 * 4096, 4096);
	CHECK_BYTES(shape(SHMREG_KIND_ARRAY, 256, 256, 1), 256, 4096);
	CHECK_BYTES(shape(SHMREG_KIND_ARRAY, 1, 1, UINT64_C(1) << 47), UINT64_C(1) << 47, 4096);

	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 8, 8, 0), -EINVAL, "capacity 0");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 0, 8, 1), -EINVAL, "0 bytes");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 8, 0, 1), -EINVAL, "alignment");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 8, 3, 1), -EINVAL, "power of two");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 8192, 8192, 1), -EINVAL, "4096");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 12, 8, 1), -EINVAL, "multiple");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, 1, 1, (UINT64_C(1) << 47) + 1), -EOVERFLOW, "large");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, UINT64_C(1) << 33, 1, UINT64_C(1) << 33),
		      -EOVERFLOW, "large");
	CHECK_REFUSED(shape(SHMREG_KIND_ARRAY, UINT64_MAX, 1, UINT64_MAX), -EOVERFLOW, "large");
}
END_TEST

START_TEST(test_atomic)
{
	for (uint32_t n = 1; n <= 8; n *= 2)
		CHECK_BYTES(shape(SHMREG_KIND_ATOMIC, n, n, 1), 128, 128);
	CHECK_REFUSED(shape(SHMREG_KIND_ATOMIC, 16, 16, 1), -EINVAL, "1, 2, 4 or 8");
	CHECK_REFUSED(shape(SHMREG_KIND_ATOMIC, 3, 1, 1), -EINVAL, "1, 2, 4 or 8");
	CHECK_REFUSED(shape(SHMREG_KIND_ATOMIC, 0, 1, 1), -EINVAL, "1, 2, 4 or 8");
	CHECK_REFUSED(shape(SHMREG_KIND_ATOMIC, 8, 4, 1), -EINVAL, "aligned");
	CHECK_REFUSED(shape(SHMREG_KIND_ATOMIC, 8, 8, 2), -EINVAL, "capacity 1");
}
END_TEST

START_TEST(test_queue)
{
	struct shmreg_shape s = shape(SHMREG_KIND_QUEUE, 8, 8, 2);

	CHECK_BYTES(s, 1024 + 128, 128);
	s.flags = SHMREG_QUEUE_REDELIVER;
	CHECK_BYTES(s, 1024 + 128, 128);
	s.flags = 4;
	CHECK_REFUSED(s, -EINVAL, "flags");
	s.flags = 0;
	s.param[2] = 1;
	CHECK_REFUSED(s, -EINVAL, "parameters");
	CHECK_BYTES(shape(SHMREG_KIND_QUEUE, 1, 1, 64), 1024 + 64 * 16, 128);
	CHECK_BYTES(shape(SHMREG_KIND_QUEUE, 128, 128, 64), 1024 + 64 * 256, 4096);
	CHECK_BYTES(shape(SHMREG_KIND_QUEUE, 8, 8, UINT64_C(1) << 30), 1024 + (UINT64_C(16) << 30),
		    4096);
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, 8, 8, 0), -EINVAL, "power of two");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, 8, 8, 1), -EINVAL, "2 to 2^30");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, 8, 8, 100), -EINVAL, "power of two");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, 8, 8, UINT64_C(1) << 31), -EINVAL, "2^30");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, 0, 8, 2), -EINVAL, "1 byte to 64 MiB");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, (UINT64_C(1) << 26) + 1, 8, 2), -EINVAL, "64 MiB");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, 256, 256, 2), -EINVAL, "1 to 128");
	CHECK_REFUSED(shape(SHMREG_KIND_QUEUE, UINT64_C(1) << 26, 8, UINT64_C(1) << 30),
		      -EOVERFLOW, "2^47");
}
END_TEST

static struct shmreg_shape objects(uint64_t capacity, uint64_t pool, uint32_t index)
{
	struct shmreg_shape s = shape(SHMREG_KIND_QUEUE, 8, 8, capacity);

	s.flags = SHMREG_QUEUE_OBJECTS | SHMREG_QUEUE_REDELIVER;
	s.param[0] = (uint32_t)pool;
	s.param[1] = (uint32_t)(pool >> 32);
	s.param[2] = index;
	return s;
}

START_TEST(test_object_queue)
{
	const uint64_t id = UINT64_C(0x123456789a);
	struct shmreg_shape s = objects(2, id, 65535);

	CHECK_BYTES(s, 1024 + 128, 128);
	ck_assert(shmreg_shape_is_object_queue(&s));
	ck_assert_uint_eq(shmreg_shape_pool(&s), id);
	CHECK_BYTES(objects(UINT64_C(1) << 20, 1, 0), 1024 + (16 << 20), 4096);
	CHECK_REFUSED(objects(UINT64_C(1) << 21, 1, 0), -EINVAL, "2^20");
	CHECK_REFUSED(objects(3, 1, 0), -EINVAL, "power of two");
	CHECK_REFUSED(objects(2, 0, 0), -EINVAL, "name a pool");
	CHECK_REFUSED(objects(2, 1, 65536), -EINVAL, "name a pool");
	s.param[3] = 1;
	CHECK_REFUSED(s, -EINVAL, "name a pool");
	s = objects(2, 1, 0);
	s.elem_bytes = 16;
	CHECK_REFUSED(s, -EINVAL, "references");
	s = objects(2, 1, 0);
	s.elem_align = 16;
	CHECK_REFUSED(s, -EINVAL, "references");
	s = shape(SHMREG_KIND_POOL, 8, 8, 2);
	s.flags = SHMREG_QUEUE_OBJECTS;
	ck_assert(!shmreg_shape_is_object_queue(&s));
	s = shape(SHMREG_KIND_QUEUE, 8, 8, 2);
	ck_assert(!shmreg_shape_is_object_queue(&s));
}
END_TEST

static struct shmreg_shape records(uint64_t capacity)
{
	struct shmreg_shape s = shape(SHMREG_KIND_RING, 1, 1, capacity);

	s.flags = SHMREG_RING_RECORDS;
	return s;
}

START_TEST(test_ring)
{
	struct shmreg_shape s;

	CHECK_BYTES(shape(SHMREG_KIND_RING, 8, 8, 2), 512 + 128, 128);
	CHECK_BYTES(shape(SHMREG_KIND_RING, 24, 8, 1024), 512 + 24 * 1024, 4096);
	CHECK_BYTES(shape(SHMREG_KIND_RING, 1, 1, UINT64_C(1) << 40), 512 + (UINT64_C(1) << 40), 4096);
	CHECK_BYTES(records(64), 512 + 128, 128);
	CHECK_BYTES(records(UINT64_C(1) << 40), 512 + (UINT64_C(1) << 40), 4096);
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 8, 8, 0), -EINVAL, "power of two");
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 8, 8, 1), -EINVAL, "2 to 2^40");
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 8, 8, 100), -EINVAL, "power of two");
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 0, 8, 2), -EINVAL, "1 byte to 64 MiB");
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 12, 8, 2), -EINVAL, "multiple");
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 256, 256, 2), -EINVAL, "1 to 128");
	CHECK_REFUSED(shape(SHMREG_KIND_RING, 256, 1, UINT64_C(1) << 40), -EOVERFLOW, "2^47");
	CHECK_REFUSED(records(32), -EINVAL, "64 to 2^40");
	CHECK_REFUSED(records(100), -EINVAL, "power of two");
	s = records(64);
	s.elem_bytes = 8;
	CHECK_REFUSED(s, -EINVAL, "bytes");
	s = shape(SHMREG_KIND_RING, 8, 8, 2);
	s.param[2] = 1;
	CHECK_REFUSED(s, -EINVAL, "parameters");
}
END_TEST

static struct shmreg_shape topic(uint64_t bytes, uint64_t capacity, uint32_t publishers,
				 uint32_t subscribers, uint32_t lag)
{
	struct shmreg_shape s = shape(SHMREG_KIND_TOPIC, bytes, 8, capacity);

	s.flags = subscribers ? SHMREG_TOPIC_RELIABLE : 0;
	s.param[0] = publishers;
	s.param[1] = subscribers;
	s.param[2] = lag;
	return s;
}

START_TEST(test_topic)
{
	struct shmreg_shape s;

	/* header, a publisher, slots, one chunk more than there are slots; in blocks of 128 */
	CHECK_BYTES(topic(8, 16, 1, 0, 0), 384 + 128 + 128 + 18 * 64, 128);
	CHECK_BYTES(topic(100, 16, 2, 4, 8), 384 + 6 * 128 + 128 + 18 * 192, 4096);
	CHECK_BYTES(topic(UINT64_C(1) << 24, UINT64_C(1) << 22, 64, 4095, 0),
		    384 + 4159 * 128 + (UINT64_C(8) << 22) +
			    ((UINT64_C(1) << 22) + 64) * ((UINT64_C(1) << 24) + 64), 4096);
	CHECK_REFUSED(topic(8, 15, 1, 1, 0), -EINVAL, "2 to 2^22");
	CHECK_REFUSED(topic(8, UINT64_C(1) << 23, 1, 1, 0), -EINVAL, "2 to 2^22");
	CHECK_REFUSED(topic(0, 16, 1, 1, 0), -EINVAL, "message size");
	CHECK_REFUSED(topic((UINT64_C(1) << 26) + 1, 16, 1, 1, 0), -EINVAL, "64 MiB");
	CHECK_REFUSED(topic(UINT64_C(1) << 26, UINT64_C(1) << 22, 1, 1, 0), -EOVERFLOW, "2^47");
	CHECK_REFUSED(topic(8, 16, 0, 1, 0), -EINVAL, "1 to 64");
	CHECK_REFUSED(topic(8, 16, 65, 1, 0), -EINVAL, "1 to 64");
	CHECK_REFUSED(topic(8, 16, 1, 4096, 0), -EINVAL, "4,095");
	CHECK_REFUSED(topic(8, 16, 1, 1, 17), -EINVAL, "at most the capacity");
	CHECK_REFUSED(topic(8, 16, 1, 0, 1), -EINVAL, "only a reliable");
	s = topic(8, 16, 1, 1, 0);
	s.param[1] = 0;
	CHECK_REFUSED(s, -EINVAL, "no room for subscribers");
	s.param[1] = 1;
	s.param[3] = 1;
	CHECK_REFUSED(s, -EINVAL, "parameter");
}
END_TEST

START_TEST(test_pool)
{
	struct shmreg_shape s = shape(SHMREG_KIND_POOL, 24, 8, 1000);
	struct shmreg_pool_geometry g = shmreg_pool_geometry(&s);

	ck_assert_uint_eq(g.n_groups, 63);
	ck_assert_uint_eq(g.n_full, 4);
	ck_assert_uint_eq(g.n_fuller, 1);
	ck_assert_uint_eq(g.touched_shift, 0);
	ck_assert_uint_eq(g.n_keepers, 64);
	ck_assert_uint_eq(g.owner_offset, 1024 + 128 + 128);
	ck_assert_uint_eq(g.keepers_offset, 1024 + 256 + 63 * 128);
	ck_assert_uint_eq(g.elems_offset, 1024 + 256 + (63 + 64) * 128);
	CHECK_BYTES(s, 1024 + 256 + (63 + 64) * 128 + 24064, 4096);
	CHECK_BYTES(shape(SHMREG_KIND_POOL, 1, 1, 1), 1024 + 256 + 128 + 128 + 128, 128);
	CHECK_BYTES(shape(SHMREG_KIND_POOL, 5000, 4096, 2), 4096 + 4 * 4096, 4096);
	/* The bitmap has a bit for each chunk, and the last chunk is in it. */
	s.capacity = 16 * 1024;
	ck_assert_uint_eq(shmreg_pool_geometry(&s).touched_shift, 0);
	s.capacity++;
	ck_assert_uint_eq(shmreg_pool_geometry(&s).touched_shift, 1);
	s.capacity = UINT64_C(1) << 30;
	g = shmreg_pool_geometry(&s);
	ck_assert_uint_eq(g.touched_shift, 16);
	ck_assert_uint_eq(g.n_full, UINT64_C(1) << 22);
	ck_assert_uint_eq(g.n_fuller, UINT64_C(1) << 18);
	CHECK_REFUSED(shape(SHMREG_KIND_POOL, 8, 8, 0), -EINVAL, "1 to 2^30");
	CHECK_REFUSED(shape(SHMREG_KIND_POOL, 8, 8, (UINT64_C(1) << 30) + 1), -EINVAL, "2^30");
	CHECK_REFUSED(shape(SHMREG_KIND_POOL, 0, 8, 1), -EINVAL, "1 byte to 2^40");
	CHECK_REFUSED(shape(SHMREG_KIND_POOL, 8, 8192, 1), -EINVAL, "1 to 4096");
	CHECK_REFUSED(shape(SHMREG_KIND_POOL, UINT64_C(1) << 40, 8, 1 << 10), -EOVERFLOW, "2^47");
}
END_TEST

static struct shmreg_shape cell(uint64_t bytes, uint64_t writers, uint32_t slots)
{
	struct shmreg_shape s = shape(SHMREG_KIND_CELL, bytes, 8, writers);

	s.param[0] = slots;
	return s;
}

START_TEST(test_cell)
{
	struct shmreg_shape s;

	CHECK_BYTES(cell(56, 1, 2), 1280 + 2 * 64, 128);
	CHECK_BYTES(cell(57, 3, 4), 1280 + 12 * 128, 128);
	CHECK_BYTES(cell(UINT64_C(1) << 30, 64, 64),
		    1280 + UINT64_C(4096) * ((UINT64_C(1) << 30) + 64), 4096);
	CHECK_REFUSED(cell(0, 1, 2), -EINVAL, "1 byte to 1 GiB");
	CHECK_REFUSED(cell((UINT64_C(1) << 30) + 1, 1, 2), -EINVAL, "1 GiB");
	CHECK_REFUSED(cell(8, 0, 2), -EINVAL, "1 to 64");
	CHECK_REFUSED(cell(8, 65, 2), -EINVAL, "1 to 64");
	CHECK_REFUSED(cell(8, 1, 1), -EINVAL, "2 to 64");
	CHECK_REFUSED(cell(8, 1, 65), -EINVAL, "2 to 64");
	s = cell(8, 1, 2);
	s.param[1] = 1;
	CHECK_REFUSED(s, -EINVAL, "more than one");
}
END_TEST

START_TEST(test_kind_and_layout)
{
	for (uint32_t kind = SHMREG_KIND_ARRAY; kind <= SHMREG_KIND_MAX; kind++) {
		struct shmreg_shape s = shape(kind, 8, 8, kind == SHMREG_KIND_ATOMIC ? 1 : 2);
		uint64_t bytes, align;

		if (kind == SHMREG_KIND_TOPIC || kind == SHMREG_KIND_CELL)
			s.param[0] = 2;
		ck_assert_int_eq(shmreg_shape_bytes(&s, &bytes, &align, NULL), 0);
		s.layout++;
		CHECK_REFUSED(s, -EPROTONOSUPPORT, "layout version");
		s.layout--;
		s.flags = UINT32_C(1) << 31;
		CHECK_REFUSED(s, -EINVAL, "flags");
	}
	CHECK_REFUSED(shape(SHMREG_KIND_NONE, 8, 8, 2), -EINVAL, "unknown kind");
	CHECK_REFUSED(shape(SHMREG_KIND_MAX + 1, 8, 8, 2), -EINVAL, "unknown kind");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_ARRAY), "array");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_ATOMIC), "atomic");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_QUEUE), "queue");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_RING), "ring");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_TOPIC), "topic");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_POOL), "pool");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_CELL), "cell");
	ck_assert_str_eq(shmreg_kind_name(SHMREG_KIND_NONE), "unknown");
	ck_assert_str_eq(shmreg_kind_name(UINT32_MAX), "unknown");
}
END_TEST

START_TEST(test_random)
{
	struct random_state random;

	random_seed(&random);
	for (unsigned long i = random_rounds(100000); i; i--) {
		struct shmreg_shape s =
			shape((uint32_t)random_below(&random, SHMREG_KIND_MAX + 2), 8, 8, 2);
		uint64_t bytes, align;

		s.param[0] = (uint32_t)random_below(&random, 4);
		random_mutate(&random, &s, sizeof(s));
		if (shmreg_shape_bytes(&s, &bytes, &align, NULL) < 0)
			continue;
		ck_assert_uint_eq(bytes % SHMREG_BLOCK, 0);
		ck_assert_uint_gt(bytes, 0);
		ck_assert_uint_le(bytes, UINT64_C(1) << 47);
		ck_assert(align == 4096 || (align == SHMREG_BLOCK && bytes < 4096));
		ck_assert_uint_eq(align % s.elem_align, 0);
		ck_assert_uint_ge(bytes / s.elem_bytes, s.capacity);
	}
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("object");

	tcase_add_test(tcase, test_array);
	tcase_add_test(tcase, test_atomic);
	tcase_add_test(tcase, test_queue);
	tcase_add_test(tcase, test_object_queue);
	tcase_add_test(tcase, test_ring);
	tcase_add_test(tcase, test_topic);
	tcase_add_test(tcase, test_pool);
	tcase_add_test(tcase, test_cell);
	tcase_add_test(tcase, test_kind_and_layout);
	tcase_add_test(tcase, test_random);
	tcase_set_timeout(tcase, 300);
	return run_case("object", tcase);
}
