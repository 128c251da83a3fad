/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "repair.h"
#include "ring-plain.h"
#include "ring-repair.h"
#include "suite.h"

/*
 * What dead producers and consumers leave, built by hand, then repaired: roles are free and
 * nothing else has changed; successors go on exactly where their predecessors were.
 */

#define D 17u		/* the dead */
#define E 4095u		/* another dead */
#define L 70u		/* alive; another: */
#define M 64u

static struct shmreg_shape shape;
static struct shmreg_ring_shm *shm;
static uint64_t dead[64];
static struct shmreg_reaper_report report;

static void begin(struct shmreg_shape s, uint64_t start)
{
	shape = s;
	shm = ring_map(&shape, start);
	memset(dead, 0, sizeof(dead));
	dead[D / 64] |= UINT64_C(1) << D % 64;
	dead[E / 64] |= UINT64_C(1) << E % 64;
}

static unsigned char *slots(void)
{
	return (unsigned char *)(shm + 1);
}

/* Nothing but the roles changes, and a second time nothing at all. */
static void repair(uint64_t roles)
{
	struct shmreg_ring_shm before = *shm;
	int i;

	for (i = 0; i < 2; i++) {
		memset(&report, 0x55, sizeof(report));
		ck_assert_int_eq(shmreg_repair_object(&shape, shm, NULL, dead, &report), 0);
		ck_assert_int_eq(report.status, 0);
		ck_assert_uint_eq(report.n_seats, i == 0 ? roles : 0);
		ck_assert_uint_eq(report.n_repaired, i == 0 ? roles : 0);
		ck_assert_uint_eq(report.n_freed + report.n_requeued + report.n_gave_up, 0);
		if (before.producer == D || before.producer == E)
			before.producer = 0;
		if (before.consumer == D || before.consumer == E)
			before.consumer = 0;
		ck_assert_mem_eq(shm, &before, sizeof(before));
	}
}

/* It copied into the slots behind the tail, and has not pushed. */
START_TEST(producer_died_behind_its_copy)
{
	struct shmreg_ring_producer p;
	struct shmreg_ring_consumer c;
	uint64_t *room, x, i;
	void *place;

	begin(ring_shape(8, 8, 8), ring_starts[_i]);
	ck_assert(ring_producer_bind(&p, shm, &shape, D));
	ck_assert(ring_consumer_bind(&c, shm, &shape, L));
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(shmreg_ring_push(&p, &i), 0);
	ck_assert_int_gt(shmreg_ring_reserve(&p, &place, 5), 0);
	room = place;
	room[0] = 99;
	ck_assert(!ring_producer_bind(&p, shm, &shape, M));
	repair(1);
	ck_assert(ring_producer_bind(&p, shm, &shape, M));
	for (i = 3; i < 8; i++)
		ck_assert_int_eq(shmreg_ring_push(&p, &i), 0);
	ck_assert_int_eq(shmreg_ring_push(&p, &i), -EAGAIN);
	for (i = 0; i < 8; i++) {
		ck_assert_int_eq(shmreg_ring_pop(&c, &x), 0);
		ck_assert_uint_eq(x, i);
	}
	ck_assert_int_eq(shmreg_ring_pop(&c, &x), -EAGAIN);
	plain_unmap(shm, &shape);
}
END_TEST

/* It copied out of the slots, and has not passed them: they come again. */
START_TEST(consumer_died_behind_its_copy)
{
	struct shmreg_ring_producer p;
	struct shmreg_ring_consumer c;
	uint64_t x, i;

	begin(ring_shape(4, 8, 8), ring_starts[_i]);
	ck_assert(ring_producer_bind(&p, shm, &shape, L));
	ck_assert(ring_consumer_bind(&c, shm, &shape, E));
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(shmreg_ring_push(&p, &i), 0);
	ck_assert_int_eq(shmreg_ring_pop(&c, &x), 0);
	ck_assert_int_eq(shmreg_ring_peek(&c, 0, &x), 0);
	ck_assert_uint_eq(x, 1);
	repair(1);
	ck_assert(ring_consumer_bind(&c, shm, &shape, M));
	for (i = 1; i < 4; i++) {
		ck_assert_int_eq(shmreg_ring_pop(&c, &x), 0);
		ck_assert_uint_eq(x, i);
	}
	ck_assert_int_eq(shmreg_ring_pop(&c, &x), -EAGAIN);
	plain_unmap(shm, &shape);
}
END_TEST

START_TEST(both_died_and_one_of_the_living)
{
	begin(ring_shape(4, 8, 8), 3);
	shm->producer = D;
	shm->consumer = E;
	repair(2);
	shm->producer = D;
	shm->consumer = D;	/* one handle has one role, but who knows */
	repair(2);
	shm->producer = L;
	shm->consumer = E;
	repair(1);
	ck_assert_uint_eq(shm->producer, L);
	repair(0);
	/* Nonsense names nobody who is dead. */
	shm->producer = 4096 + D;
	shm->consumer = UINT64_MAX;
	repair(0);
	plain_unmap(shm, &shape);
}
END_TEST

static void push(struct shmreg_record_producer *p, const char *text)
{
	ck_assert_int_eq(shmreg_record_push(p, text, strlen(text)), 0);
}

static void expect(struct shmreg_record_consumer *c, const char *text)
{
	char data[64];
	size_t bytes;

	ck_assert_int_eq(shmreg_record_pop(c, data, sizeof(data), &bytes), 0);
	ck_assert_uint_eq(bytes, strlen(text));
	ck_assert_mem_eq(data, text, bytes);
}

static void expect_counts(uint64_t written, uint64_t read)
{
	struct shmreg_ring_stats stats = { .size = sizeof(stats) };
	struct shmreg_ring look;

	ring_bind_const(&look, shm, &shape);
	ck_assert_int_eq(shmreg_ring_stat(&look, &stats), 0);
	ck_assert_uint_eq(stats.n_records_written, written);
	ck_assert_uint_eq(stats.n_records_read, read);
}

/* It wrote the record, and the count that belongs to the next counter: neither is there. */
START_TEST(record_producer_died_before_its_counter)
{
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;
	uint64_t other;
	size_t bytes;

	begin(record_shape(64), record_starts[_i]);
	ck_assert(record_producer_bind(&p, shm, &shape, D));
	ck_assert(record_consumer_bind(&c, shm, &shape, L));
	push(&p, "one");
	other = (shm->tail & SHMREG_RING_FLIP) ^ SHMREG_RING_FLIP;
	shm->n_written[other] = 2;
	memset(slots() + (p.tail & 63), 0xaa, 8);
	repair(1);
	expect_counts(1, 0);
	expect(&c, "one");
	ck_assert_int_eq(shmreg_record_pop(&c, &other, 8, &bytes), -EAGAIN);
	ck_assert(record_producer_bind(&p, shm, &shape, M));
	push(&p, "two");
	expect_counts(2, 1);
	expect(&c, "two");
	expect_counts(2, 2);
	plain_unmap(shm, &shape);
}
END_TEST

START_TEST(record_consumer_died_before_its_counter)
{
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;

	begin(record_shape(64), record_starts[_i]);
	ck_assert(record_producer_bind(&p, shm, &shape, L));
	ck_assert(record_consumer_bind(&c, shm, &shape, E));
	push(&p, "one");
	push(&p, "two");
	expect(&c, "one");
	shm->n_read[(shm->head & SHMREG_RING_FLIP) ^ SHMREG_RING_FLIP] = 2;
	repair(1);
	expect_counts(2, 1);
	ck_assert(record_consumer_bind(&c, shm, &shape, M));
	expect(&c, "two");
	expect_counts(2, 2);
	plain_unmap(shm, &shape);
}
END_TEST

/* It had filled the rest of the memory with padding, for a record that never came. */
START_TEST(record_producer_died_behind_its_padding)
{
	struct shmreg_record_producer p;
	struct shmreg_record_consumer c;
	char data[64];
	size_t bytes;
	void *place;

	begin(record_shape(64), 48);
	ck_assert(record_producer_bind(&p, shm, &shape, D));
	ck_assert(record_consumer_bind(&c, shm, &shape, L));
	ck_assert_int_eq(shmreg_record_reserve(&p, &place, 20), 0);
	ck_assert_ptr_eq(place, slots() + 8);	/* wrapped */
	repair(1);
	ck_assert_int_eq(shmreg_record_pop(&c, data, 64, &bytes), -EAGAIN);
	ck_assert(record_producer_bind(&p, shm, &shape, M));
	push(&p, "short");			/* fits before the end */
	expect(&c, "short");
	push(&p, "one that is longer");
	expect(&c, "one that is longer");
	plain_unmap(shm, &shape);
}
END_TEST

START_TEST(not_a_ring)
{
	struct shmreg_shape queue = { .kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
				      .elem_align = 8, .elem_bytes = 8, .capacity = 4 };

	begin(ring_shape(4, 8, 8), 0);
	report.n_seats = 77;
	ck_assert_int_eq(ring_repair(&queue, shm, NULL, dead, &report), -EINVAL);
	queue = shape;
	queue.capacity = 3;
	ck_assert_int_eq(ring_repair(&queue, shm, NULL, dead, &report), -EINVAL);
	ck_assert_uint_eq(report.n_seats, 77);
	plain_unmap(shm, &shape);
}
END_TEST

/* The object's beginning is in a hole, the roles are not; and both are. */
START_TEST(in_a_sparse_file)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const int fd = memfd_create("data", MFD_CLOEXEC);
	struct repair_memory memory = { fd, page - 256 };
	unsigned char *data;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(ftruncate(fd, (off_t)(4 * page)), 0);
	data = mmap(NULL, 4 * page, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(data, MAP_FAILED);
	begin(ring_shape(4, 8, 8), 0);
	plain_unmap(shm, &shape);
	shm = (struct shmreg_ring_shm *)(void *)(data + memory.offset);
	ck_assert_int_eq(shmreg_repair_object(&shape, shm, &memory, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 0);
	ck_assert_int_eq(lseek(fd, 0, SEEK_DATA), -1);	/* nothing was touched */
	shm->producer = D;
	ck_assert_int_eq(lseek(fd, 0, SEEK_DATA), (off_t)page);
	ck_assert_int_eq(shmreg_repair_object(&shape, shm, &memory, dead, &report), 0);
	ck_assert_uint_eq(report.n_seats, 1);
	ck_assert_uint_eq(shm->producer, 0);
	munmap(data, 4 * page);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("ring-wreckage");

	tcase_add_loop_test(t, producer_died_behind_its_copy, 0, N_RING_STARTS);
	tcase_add_loop_test(t, consumer_died_behind_its_copy, 0, N_RING_STARTS);
	tcase_add_test(t, both_died_and_one_of_the_living);
	tcase_add_loop_test(t, record_producer_died_before_its_counter, 0, N_RECORD_STARTS);
	tcase_add_loop_test(t, record_consumer_died_before_its_counter, 0, N_RECORD_STARTS);
	tcase_add_test(t, record_producer_died_behind_its_padding);
	tcase_add_test(t, not_a_ring);
	tcase_add_test(t, in_a_sparse_file);
	return run_case("ring-wreckage", t);
}
