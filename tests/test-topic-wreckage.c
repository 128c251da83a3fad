/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "suite.h"
#include "topic-plain.h"
#include "topic-repair.h"

/* Wreckage of a topic, built by hand store by store, and its repair; and stops, which are none. */

#define D 17u	/* the dead */
#define E 4095u /* another dead */
#define L 70u	/* alive */
#define CAPACITY 4u
#define SEQUENCE ((UINT64_C(1) << 40) - 2)

struct item {
	uint64_t n;
	uint64_t check;
};

/* A publication's stores, in their order. */
enum step { CHUNK, HEADER, WANT, SLOT, SPARE, TAIL, N_STEPS };

static const uint64_t starts[] = TOPIC_STARTS;
#define N_STARTS ((int)(sizeof(starts) / sizeof(*starts)))

static struct shmreg_shape shape;
static void *base;
static uint64_t dead[64], start;
static struct shmreg_publisher d, e, l;
static struct shmreg_subscriber sub;
static struct shmreg_reaper_report report;

static void set_up(uint64_t at, uint32_t publishers, uint32_t flags, uint32_t lag_max)
{
	shape = topic_shape(CAPACITY, sizeof(struct item), 8, flags, publishers, 8, lag_max);
	base = plain_map(&shape);
	ck_assert_ptr_nonnull(base);
	topic_seed(base, &shape, at, SEQUENCE);
	start = at;
	memset(dead, 0, sizeof(dead));
	ck_assert_int_eq(publisher_bind(&d, base, &shape, D, NULL, 0), 0);
	if (publishers > 1)
		ck_assert_int_eq(publisher_bind(&l, base, &shape, L, NULL, 1), 0);
	if (publishers > 2)
		ck_assert_int_eq(publisher_bind(&e, base, &shape, E, NULL, 2), 0);
	ck_assert_int_eq(subscriber_bind(&sub, base, &shape, 3, NULL, 0), 0);
}

static void tear_down(void)
{
	ck_assert(topic_is_whole(base, &shape));
	plain_unmap(base, &shape);
}

static void kill_seat(uint32_t seat)
{
	dead[seat / 64] |= UINT64_C(1) << seat % 64;
}

static void repair(uint32_t seats, uint64_t repaired, uint64_t settled)
{
	const uint64_t before = ((struct shmreg_topic_shm *)base)->n_settled;

	ck_assert_int_eq(topic_repair(&shape, base, dead, &report), 0);
	ck_assert_int_eq(report.status, 0);
	ck_assert_uint_eq(report.n_seats, seats);
	ck_assert_uint_eq(report.n_repaired, repaired);
	ck_assert_uint_eq(report.n_freed, 0);
	ck_assert_uint_eq(report.n_requeued, 0);
	ck_assert_uint_eq(report.n_gave_up, 0);
	ck_assert_uint_eq(((struct shmreg_topic_shm *)base)->n_settled - before, settled);
}

static void publish(struct shmreg_publisher *pub, uint64_t n)
{
	const struct item item = { n, ~n };

	ck_assert_int_eq(shmreg_publisher_publish(pub, &item, sizeof(item)), 0);
}

static void expect(uint64_t n, uint64_t position)
{
	struct shmreg_topic_message m;
	struct item item;

	ck_assert_int_eq(shmreg_subscriber_read(&sub, &item, sizeof(item), &m), 0);
	ck_assert_uint_eq(item.n, n);
	ck_assert_uint_eq(item.check, ~n);
	ck_assert_uint_eq(m.position, position);
	ck_assert_uint_eq(m.n_lost, 0);
}

static void expect_nothing(void)
{
	struct item item;

	ck_assert_int_eq(shmreg_subscriber_read(&sub, &item, sizeof(item), NULL), -EAGAIN);
}

/* Publish @n up to and including @last; what it displaces is settled. */
static void publish_until(struct shmreg_publisher *pub, uint64_t n, enum step last)
{
	const struct shmreg_topic *t = &pub->topic;
	struct shmreg_topic_chunk *header;
	uint64_t p, *slot;
	uint64_t displaced;
	void *place;

	ck_assert_int_eq(shmreg_publisher_reserve(pub, &place), 0);
	memcpy(place, &(struct item){ n, ~n }, sizeof(struct item));
	if (last < HEADER)
		return;
	ck_assert_int_eq(topic_newest_from(t, pub->next, &p), 0);
	slot = shmreg_topic_slot_(t, p);
	displaced = shmreg_topic_absolute_(t, *slot, p & t->mask);
	header = shmreg_topic_header_(shmreg_topic_chunk_(t, pub->spare, t->stride));
	shmreg_publisher_head_(pub, header, sizeof(struct item));
	header->displaced = (uint32_t)shmreg_topic_relative_(displaced,
							     shmreg_topic_home_(t, pub->index));
	if (last < WANT)
		return;
	pub->role->want = p;
	if (last < SLOT)
		return;
	*slot = shmreg_topic_turn_(t, p) |
		shmreg_topic_relative_(pub->spare, p & t->mask);
	if (last < SPARE)
		return;
	pub->role->spare = (pub->sequence + (UINT64_C(1) << 24)) |
			   shmreg_topic_relative_(displaced, shmreg_topic_home_(t, pub->index));
	if (last < TAIL)
		return;
	((struct shmreg_topic_shm *)base)->tail = p + 1;
}

/* One dies at each of its stores; its successor has the role, the message is there or not. */
START_TEST(test_publisher_dies)
{
	const enum step last = (enum step)(_i % N_STEPS);
	const uint32_t publishers = _i / N_STEPS % 2 ? 3 : 1;
	uint64_t at = starts[_i / N_STEPS / 2], i;

	set_up(at, publishers, 0, 0);
	for (i = 0; i < 3; i++) {
		publish(&d, at);
		expect(at, at);
		at++;
	}
	publish_until(&d, 77, last);
	kill_seat(D);
	ck_assert_int_eq(publisher_bind(&e, base, &shape, 9, NULL, 0), -EBUSY);
	repair(1, last == SLOT ? 2 : 1, last == SLOT);
	ck_assert(topic_is_whole(base, &shape));
	repair(0, 0, 0);
	/* The seat is used again, alive. */
	memset(dead, 0, sizeof(dead));
	ck_assert_int_eq(publisher_bind(&d, base, &shape, D, NULL, 0), 0);
	if (last >= SLOT)
		expect(77, at++);
	expect_nothing();
	for (i = 0; i < 5 * CAPACITY; i++) {
		publish(i % 3 && publishers > 1 ? &l : &d, at);
		expect(at, at);
		at++;
	}
	tear_down();
}
END_TEST

/* Two die, each with a publication that nobody has settled; in one visit both are. */
START_TEST(test_two_die)
{
	const enum step a = (enum step)(_i % N_STEPS), b = (enum step)(_i / N_STEPS % N_STEPS);
	const uint64_t at = starts[_i / N_STEPS / N_STEPS];
	const uint64_t n = (uint64_t)(a == SLOT) + (uint64_t)(b == SLOT);
	uint64_t next = at, i;

	set_up(at, 3, 0, 0);
	publish_until(&d, 1, a);
	publish_until(&e, 2, b);
	kill_seat(D);
	kill_seat(E);
	repair(2, 2 + n, n);
	ck_assert(topic_is_whole(base, &shape));
	if (a >= SLOT)
		expect(1, next++);
	if (b >= SLOT)
		expect(2, next++);
	expect_nothing();
	for (i = 0; i < 3 * CAPACITY; i++, next++) {
		publish(&l, next);
		expect(next, next);
	}
	tear_down();
}
END_TEST

/*
 * One is stopped at each of its stores, for laps; others settle what it published. Then it goes
 * on as if nothing had happened (or dies, and there is nothing to be settled any more).
 */
START_TEST(test_publisher_stops)
{
	const enum step last = (enum step)(_i % N_STEPS);
	const int dies = _i / N_STEPS % 2;
	uint64_t at = starts[_i / N_STEPS / 2], i;
	const uint64_t p0 = at;

	set_up(at, 3, 0, 0);
	publish_until(&d, 77, last);
	if (last >= SLOT)
		expect(77, at++);
	for (i = 0; i < 5 * CAPACITY; i++) {
		publish(i & 1 ? &l : &e, at);
		expect(at, at);
		at++;
	}
	if (dies) {
		kill_seat(D);
		repair(1, 1, 0);
		ck_assert_int_eq(publisher_bind(&d, base, &shape, D, NULL, 0), 0);
	} else if (last >= SLOT) {
		/* from where it stopped: the spare, the tail */
		publisher_settle(&d, p0, p0 & d.topic.mask);
		ck_assert_uint_eq(((struct shmreg_topic_shm *)base)->tail, at);
	} else {
		/* It would compare its slot's word, fail, and look for the next. */
		ck_assert_int_eq(shmreg_publisher_publish_reserved(&d, sizeof(struct item)), 0);
		expect(77, at++);
	}
	ck_assert(topic_is_whole(base, &shape));
	for (i = 0; i < 3 * CAPACITY; i++, at++) {
		publish(i & 1 ? &d : &l, at);
		expect(at, at);
	}
	tear_down();
}
END_TEST

/* A tail that is older than it was, by one who had been stopped: everybody walks on from there. */
START_TEST(test_old_tail)
{
	uint64_t at = starts[_i], i;

	set_up(at, 2, 0, 0);
	for (i = 0; i < 6 * CAPACITY + 1; i++, at++) {
		publish(i % 3 ? &d : &l, at);
		expect(at, at);
		((struct shmreg_topic_shm *)base)->tail = starts[_i] + i / 2;
	}
	ck_assert_int_eq(publisher_bind(&e, base, &shape, 9, NULL, 0), -EBUSY);
	publisher_leave(&d);
	((struct shmreg_topic_shm *)base)->tail = starts[_i];
	ck_assert_int_eq(publisher_bind(&e, base, &shape, 9, NULL, 0), 0);
	publish(&e, at);
	expect(at, at);
	tear_down();
}
END_TEST

/* Cursors of the dead are free again, evicted or not; those of the living stay. */
START_TEST(test_subscribers_die)
{
	struct shmreg_subscriber a, b, c;
	uint64_t i;

	set_up(starts[_i], 1, SHMREG_TOPIC_RELIABLE, 3);
	ck_assert_int_eq(subscriber_bind(&a, base, &shape, E, NULL, 0), 0);
	ck_assert_int_eq(subscriber_bind(&b, base, &shape, L, NULL, 0), 0);
	for (i = 0; i < 5; i++) {
		publish(&d, i);
		expect(i, start + i);
		if (i < 2)
			ck_assert_int_eq(shmreg_subscriber_read(&b, &(struct item){ 0 },
								sizeof(struct item), NULL), 0);
	}
	ck_assert_uint_eq(a.cursor->word & SHMREG_TOPIC_STATE_MASK, SHMREG_TOPIC_EVICTED);
	ck_assert_uint_eq(b.cursor->word & SHMREG_TOPIC_STATE_MASK, SHMREG_TOPIC_ACTIVE);
	/* a seat can have more than one thing here: it is one seat */
	ck_assert_int_eq(subscriber_bind(&c, base, &shape, E, NULL, 0), 0);
	repair(0, 0, 0);
	kill_seat(E);
	repair(1, 2, 0);
	ck_assert_uint_eq(a.cursor->word, 0);
	ck_assert_uint_eq(c.cursor->word, 0);
	ck_assert_uint_ne(b.cursor->word, 0);
	kill_seat(D);
	kill_seat(L);
	repair(2, 2, 0);
	repair(0, 0, 0);
	expect_nothing();
	subscriber_leave(&sub);
	ck_assert(topic_is_left(base, &shape));
	tear_down();
}
END_TEST

/* Half-way through joining: what is announced holds publishers, until it is repaired. */
START_TEST(test_joiner_dies)
{
	struct shmreg_publisher pub;
	uint64_t i;

	set_up(starts[_i], 2, SHMREG_TOPIC_RELIABLE, 0);
	subscriber_leave(&sub);
	sub.topic.handle.seat = E;
	topic_cursors(&sub.topic)[0] = topic_cursor_announce(&sub.topic, start);
	for (i = 0; i < CAPACITY; i++)
		publish(&d, i);
	ck_assert_int_eq(shmreg_publisher_publish(&d, &i, sizeof(i)), -EAGAIN);
	kill_seat(E);
	repair(1, 1, 0);
	publish(&d, i);
	/* A publisher that looked before: the gate that it remembers was right, and is. */
	pub = d;
	publish(&pub, i);
	tear_down();
}
END_TEST

/* Bytes that no correct process writes are left alone, and said. */
START_TEST(test_nonsense)
{
	set_up(0, 3, 0, 0);
	publish_until(&d, 1, SLOT);
	shmreg_topic_header_(shmreg_topic_chunk_(&d.topic, d.spare, d.topic.stride))->publisher = 1;
	kill_seat(D);
	kill_seat(E);
	e.role->spare |= 0xffffff;
	ck_assert_int_eq(topic_repair(&shape, base, dead, &report), 0);
	ck_assert_int_eq(report.status, -EUCLEAN);
	ck_assert_uint_eq(report.n_gave_up, 2);
	ck_assert_uint_eq(report.n_repaired, 2);
	ck_assert_int_eq(publisher_bind(&e, base, &shape, E, NULL, 2), -EUCLEAN);
	/* not the shape of a topic */
	shape.kind = SHMREG_KIND_QUEUE;
	ck_assert_int_eq(topic_repair(&shape, base, dead, &report), -EINVAL);
	shape.kind = SHMREG_KIND_TOPIC;
	plain_unmap(base, &shape);
}
END_TEST

/* The repair of a large topic touches no page that was not there. */
START_TEST(test_sparse)
{
	struct repair_memory memory;
	struct stat before, after;
	uint64_t bytes, align;

	shape = topic_shape(UINT64_C(1) << 16, 1 << 16, 8, 0, 64, 4095, 0);
	ck_assert_int_eq(shmreg_shape_bytes(&shape, &bytes, &align, NULL), 0);
	memory.fd = memfd_create("topic", MFD_CLOEXEC);
	memory.offset = 4096 * 3 + 128 * 5;
	ck_assert_int_ge(memory.fd, 0);
	ck_assert_int_eq(ftruncate(memory.fd, (off_t)(bytes + memory.offset)), 0);
	base = mmap(NULL, bytes + memory.offset, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_NORESERVE,
		    memory.fd, 0);
	ck_assert(base != MAP_FAILED);
	memset(dead, 0xff, sizeof(dead));
	memset(&d, 0, sizeof(d));
	topic_bind(&d.topic, (unsigned char *)base + memory.offset, &shape, D, NULL);
	ck_assert_int_eq(fstat(memory.fd, &before), 0);
	ck_assert_int_eq(topic_repair_sparse(&shape, d.topic.handle.base, &memory, dead, &report),
			 0);
	ck_assert_uint_eq(report.n_seats, 0);
	/* the last of all cursors, the last role, with a want beyond all that was written */
	topic_cursors(&d.topic)[4094 * 16] = topic_cursor_announce(&d.topic, 0);
	topic_roles(&d.topic)[63 * 16] = E;
	topic_roles(&d.topic)[63 * 16 + 2] = 0x8000;
	ck_assert_int_eq(fstat(memory.fd, &before), 0);
	ck_assert_int_eq(topic_repair_sparse(&shape, d.topic.handle.base, &memory, dead, &report),
			 0);
	ck_assert_uint_eq(report.n_seats, 2);
	ck_assert_uint_eq(report.n_repaired, 2);
	ck_assert_int_eq(fstat(memory.fd, &after), 0);
	ck_assert_int_eq(before.st_blocks, after.st_blocks);
	munmap(base, bytes + memory.offset);
	close(memory.fd);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("topic-wreckage");

	tcase_set_timeout(c, 0);
	tcase_add_loop_test(c, test_publisher_dies, 0, N_STEPS * 2 * N_STARTS);
	tcase_add_loop_test(c, test_two_die, 0, N_STEPS * N_STEPS * 3);
	tcase_add_loop_test(c, test_publisher_stops, 0, N_STEPS * 2 * N_STARTS);
	tcase_add_loop_test(c, test_old_tail, 0, N_STARTS);
	tcase_add_loop_test(c, test_subscribers_die, 0, N_STARTS);
	tcase_add_loop_test(c, test_joiner_dies, 0, N_STARTS);
	tcase_add_test(c, test_nonsense);
	tcase_add_test(c, test_sparse);
	return run_case("topic-wreckage", c);
}
