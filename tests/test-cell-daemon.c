/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The cell through the real daemon: who may open what, who writes, what a death leaves. */

#include <errno.h>
#include <string.h>

#include "actor.h"

struct pose {
	double x, y;
	uint64_t n;
};
struct other_pose {
	double x, y;
	uint64_t n;
};
SHMREG_DEFINE_CELL(pose_cell, struct pose);
SHMREG_DEFINE_CELL(other_cell, struct other_pose);
SHMREG_DEFINE_CELL(word_cell, uint64_t);

static struct harness h;
static struct actor self;
static struct process other;

/* In an actor's process. */
static const struct pose_cell *cell;
static struct pose_cell_writer *writer;

static int64_t deed_cell_create(struct actor *a, int64_t writers)
{
	return pose_cell_create(a->segment, &cell, "pose", (uint32_t)writers, 2);
}

static int64_t deed_cell_open(struct actor *a, int64_t unused)
{
	(void)unused;
	return pose_cell_open(a->segment, &cell, "pose");
}

static int64_t deed_writer_open(struct actor *a, int64_t unused)
{
	(void)unused;
	return pose_cell_writer_open(a->segment, &writer, "pose");
}

static int64_t deed_writer_close(struct actor *a, int64_t unused)
{
	(void)a;
	(void)unused;
	return pose_cell_writer_close(writer);
}

static int64_t deed_write(struct actor *a, int64_t n)
{
	const struct pose p = { 1.0 * (double)n, -1.0 * (double)n, (uint64_t)n };

	(void)a;
	return pose_cell_write(writer, &p);
}

/* Killed after this, it was killed in the middle of a write. */
static int64_t deed_begin(struct actor *a, int64_t n)
{
	struct pose *p = NULL;
	const int r = pose_cell_begin(writer, &p);

	(void)a;
	if (r == 0)
		p->n = (uint64_t)n;
	return r;
}

/* The value's n, if it is whole. */
static int64_t deed_read(struct actor *a, int64_t version)
{
	struct pose p = { 0 };
	uint64_t got = 0;
	int r;

	(void)a;
	r = pose_cell_read(cell, &p, &got);
	if (r < 0)
		return r;
	if ((int64_t)got != version || p.x != (double)p.n || p.y != -(double)p.n)
		return -EBADMSG;
	return (int64_t)p.n;
}

static int64_t deed_changed(struct actor *a, int64_t since)
{
	(void)a;
	return pose_cell_changed(cell, (uint64_t)since);
}

static void setup(void)
{
	harness_start(&h, NULL);
	memset(&self, 0, sizeof(self));
	ck_assert_int_eq(deed_create(&self, SHMREG_WHILE_ATTACHED), 0);
	actor_start(&other);
	actor_ok(&other, deed_open, SHMREG_ACCESS_WRITE);
}

static void teardown(void)
{
	if (other.pid != 0)
		process_finish(&other);
	deed_disconnect(&self, 0);
	harness_stop(&h);
}

START_TEST(two_processes)
{
	ck_assert_int_eq(deed_cell_create(&self, 1), 0);
	ck_assert_int_eq(deed_read(&self, 0), -ENODATA);
	ck_assert_int_eq(deed_changed(&self, 0), 0);
	actor_ok(&other, deed_writer_open, 0);
	actor_ok(&other, deed_write, 5);
	ck_assert_int_eq(deed_changed(&self, 0), 1);
	ck_assert_int_eq(deed_read(&self, 1), 5);
	actor_ok(&other, deed_begin, 6);
	ck_assert_int_eq(deed_read(&self, 1), 5);
	actor_expect(&other, deed_writer_close, 0, -EBUSY);
	/* one place, one writer: the sentence says who it is */
	harness_result((int)deed_writer_open(&self, 0), -EBUSY);
	harness_sentence("writer");
	ck_assert_int_eq(pose_cell_close(cell), 0);
}
END_TEST

START_TEST(arguments)
{
	struct shmreg_cell_params params = { .size = sizeof(params), .elem_bytes = 8,
					     .elem_align = 8 };
	const struct shmreg_cell *c = NULL, *again = NULL;
	const struct other_cell *o = NULL;
	const struct word_cell *w = NULL;
	struct shmreg_cell_writer *cw = NULL;
	struct shmreg_segment *s = self.segment;

	ck_assert_int_eq(deed_cell_create(&self, 3), 0);
	ck_assert_int_eq(pose_cell_close(cell), 0);
	harness_result(pose_cell_create(s, &cell, "pose", 3, 2), -EEXIST);
	harness_result(other_cell_open(s, &o, "pose"), -EMEDIUMTYPE);
	harness_sentence("struct other_pose");
	harness_result(word_cell_open(s, &w, "pose"), -EMEDIUMTYPE);
	harness_result(pose_cell_open_or_create(s, &cell, "pose", 2, 2), -EMEDIUMTYPE);
	harness_result(pose_cell_open_or_create(s, &cell, "pose", 3, 0), -EMEDIUMTYPE);
	harness_ok(pose_cell_open_or_create(s, &cell, "pose", 3, 2));
	ck_assert_int_eq(pose_cell_close(cell), 0);
	harness_result(pose_cell_create(s, &cell, "many", 65, 2), -EINVAL);
	harness_sentence("1 to 64");
	harness_result(pose_cell_create(s, &cell, "few", 1, 1), -EINVAL);
	harness_sentence("2 to 64");
	/* defaults: one writer, four slots */
	harness_ok(shmreg_cell_create(s, &c, "word", &params));
	ck_assert_uint_eq(c->writers, 1);
	ck_assert_uint_eq(c->slots, SHMREG_CELL_SLOTS_DEFAULT);
	params.writers = 1;
	harness_ok(shmreg_cell_open(s, &again, "word", &params));
	ck_assert_int_eq(shmreg_cell_close(again), 0);
	params.slots = 3;
	harness_result(shmreg_cell_open(s, &again, "word", &params), -EMEDIUMTYPE);
	harness_ok(shmreg_cell_open(s, &again, "word", NULL));
	ck_assert_uint_eq(again->elem_bytes, 8);
	ck_assert_int_eq(shmreg_cell_close(again), 0);
	harness_result(shmreg_cell_open(s, &again, "nothing", NULL), -ENOENT);
	params.size = 3;
	harness_result(shmreg_cell_open(s, &again, "word", &params), -EINVAL);
	/* whoever cannot have the place keeps no handle and no seat */
	harness_ok(shmreg_cell_writer_open(s, &cw, "word", NULL));
	ck_assert_uint_eq(shmreg_cell_seat(c, 0), cw->cell.handle.seat);
	{
		struct shmreg_cell_writer *second = NULL;

		harness_result(shmreg_cell_writer_open(s, &second, "word", NULL), -EBUSY);
		ck_assert_ptr_null(second);
	}
	ck_assert_int_eq(shmreg_cell_writer_close(cw), 0);
	ck_assert_uint_eq(shmreg_cell_seat(c, 0), 0);
	harness_ok(shmreg_cell_writer_open_or_create(s, &cw, "word", NULL));
	ck_assert_int_eq(shmreg_cell_writer_close(cw), 0);
	harness_ok(shmreg_cell_writer_create(s, &cw, "new", &(struct shmreg_cell_params){
		.size = sizeof(params), .elem_bytes = 1, .elem_align = 1, .writers = 2 }));
	ck_assert_int_eq(shmreg_cell_writer_close(cw), 0);
	ck_assert_int_eq(shmreg_cell_writer_close(NULL), 0);
	ck_assert_int_eq(shmreg_cell_close(c), 0);
	ck_assert_int_eq(shmreg_cell_close(NULL), 0);
}
END_TEST

START_TEST(read_only)
{
	struct process reader;

	ck_assert_int_eq(pose_cell_writer_create(self.segment, &writer, "pose", 1, 2), 0);
	ck_assert_int_eq(deed_write(&self, 7), 0);
	actor_start(&reader);
	actor_ok(&reader, deed_open, SHMREG_ACCESS_READ);
	actor_ok(&reader, deed_cell_open, 0);
	actor_expect(&reader, deed_read, 1, 7);
	actor_expect(&reader, deed_changed, 1, 0);
	ck_assert_int_eq(deed_write(&self, 8), 0);
	actor_expect(&reader, deed_changed, 1, 1);
	actor_expect(&reader, deed_read, 2, 8);
	actor_expect(&reader, deed_writer_open, 0, -EROFS);
	actor_says(&reader, "shmreg_cell_open()");
	actor_expect(&reader, deed_cell_create, 0, -EEXIST);
	process_finish(&reader);
	ck_assert_int_eq(pose_cell_writer_close(writer), 0);
}
END_TEST

/* Killed in the middle: the value before stays, and who comes next has the place. */
START_TEST(takeover)
{
	struct process successor;

	ck_assert_int_eq(deed_cell_create(&self, _i ? 2 : 1), 0);
	actor_ok(&other, deed_writer_open, 0);
	actor_ok(&other, deed_write, 1);
	actor_ok(&other, deed_write, 2);
	actor_ok(&other, deed_begin, 99);
	process_kill(&other);
	ck_assert_int_eq(deed_read(&self, 2), 2);
	actor_start(&successor);
	actor_ok(&successor, deed_open, SHMREG_ACCESS_WRITE);
	actor_ok(&successor, deed_writer_open, 0);	/* waits for the reaper, no more */
	ck_assert_int_eq(deed_read(&self, 2), 2);
	actor_ok(&successor, deed_write, 3);
	ck_assert_int_eq(deed_read(&self, 3), 3);
	actor_ok(&successor, deed_begin, 98);
	process_kill(&successor);
	/* and the parent, as the third */
	ck_assert_int_eq(deed_writer_open(&self, 0), 0);
	ck_assert_int_eq(deed_read(&self, 3), 3);
	ck_assert_int_eq(deed_write(&self, 4), 0);
	ck_assert_int_eq(deed_read(&self, 4), 4);
	ck_assert_int_eq(pose_cell_writer_close(writer), 0);
	ck_assert_int_eq(pose_cell_close(cell), 0);
}
END_TEST

/* Who leaves without closing has left his place, too. */
START_TEST(left_open)
{
	ck_assert_int_eq(deed_cell_create(&self, 1), 0);
	actor_ok(&other, deed_writer_open, 0);
	actor_ok(&other, deed_write, 1);
	process_finish(&other);		/* disconnects; the handle is open */
	ck_assert_int_eq(deed_writer_open(&self, 0), 0);
	ck_assert_int_eq(deed_write(&self, 2), 0);
	ck_assert_int_eq(deed_read(&self, 2), 2);
	ck_assert_int_eq(pose_cell_writer_close(writer), 0);
	ck_assert_int_eq(pose_cell_close(cell), 0);
}
END_TEST

START_TEST(removal)
{
	ck_assert_int_eq(deed_cell_create(&self, 1), 0);
	actor_ok(&other, deed_cell_open, 0);
	actor_expect(&other, deed_read, 0, -ENODATA);
	harness_ok(shmreg_object_remove(self.segment, "pose"));
	/* In place of "nothing new", and only so: who polls would wait for ever. */
	actor_expect(&other, deed_read, 0, -ESTALE);
	actor_expect(&other, deed_changed, 0, -ESTALE);
	actor_expect(&other, deed_changed, 1, 1);
	ck_assert_int_eq(pose_cell_close(cell), 0);

	/* A new one of that name is another, and what was read stays readable. */
	ck_assert_int_eq(pose_cell_writer_create(self.segment, &writer, "pose", 1, 2), 0);
	ck_assert_int_eq(deed_write(&self, 3), 0);
	actor_expect(&other, deed_read, 0, -ESTALE);
	actor_ok(&other, deed_cell_open, 0);
	actor_expect(&other, deed_read, 1, 3);
	harness_ok(shmreg_object_remove(self.segment, "pose"));
	actor_expect(&other, deed_read, 1, 3);
	actor_expect(&other, deed_changed, 1, -ESTALE);
	ck_assert_int_eq(deed_write(&self, 4), 0);
	actor_expect(&other, deed_read, 2, 4);
	ck_assert_int_eq(pose_cell_writer_close(writer), 0);
}
END_TEST

static void child(const struct mouth *mouth, void *arg)
{
	struct pose_cell_view view = { NULL, 0, 0 };
	struct pose p = { 0 }, *elem;

	(void)arg;
	ck_assert_int_eq(pose_cell_read(cell, &p, NULL), -ECHILD);
	ck_assert_int_eq(pose_cell_peek(cell, &view), -ECHILD);
	ck_assert_int_eq(pose_cell_validate(cell, &view), -ECHILD);
	ck_assert_int_eq(pose_cell_changed(cell, 0), -ECHILD);
	ck_assert_uint_eq(pose_cell_version(cell), 0);
	ck_assert_int_eq(pose_cell_write(writer, &p), -ECHILD);
	ck_assert_int_eq(pose_cell_begin(writer, &elem), -ECHILD);
	ck_assert_int_eq(pose_cell_commit(writer), -ECHILD);
	ck_assert_int_eq(pose_cell_abort(writer), -ECHILD);
	ck_assert_int_eq(pose_cell_writer_close(writer), -ECHILD);
	ck_assert_int_eq(pose_cell_close(cell), -ECHILD);
	tell(mouth, 0);
}

START_TEST(forked)
{
	ck_assert_int_eq(deed_cell_create(&self, 1), 0);
	ck_assert_int_eq(deed_writer_open(&self, 0), 0);
	ck_assert_int_eq(deed_begin(&self, 1), 0);
	process_try(child, NULL);
	/* the parent's write is under way as if nothing had happened */
	ck_assert_int_eq(pose_cell_abort(writer), 0);
	ck_assert_int_eq(deed_write(&self, 2), 0);
	ck_assert_int_eq(deed_read(&self, 1), 2);
	ck_assert_int_eq(pose_cell_writer_close(writer), 0);
	ck_assert_int_eq(pose_cell_close(cell), 0);
}
END_TEST

int main(void)
{
	Suite *s = suite_create("cell-daemon");
	TCase *c = harness_case(s, "cell-daemon");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, two_processes);
	tcase_add_test(c, arguments);
	tcase_add_test(c, read_only);
	tcase_add_loop_test(c, takeover, 0, 2);
	tcase_add_test(c, left_open);
	tcase_add_test(c, removal);
	tcase_add_test(c, forked);
	return harness_main(s);
}
