/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Being woken without the right to write: the watch halves of event counts, what the directory
 * says of them, and what a restart makes of what a dead daemon left.
 */

#include <check.h>
#include <errno.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "layouts.h"
#include "registry-world.h"

#define BOTH (SHMREG_WAIT_ITEMS | SHMREG_WAIT_SPACE)

static struct shmreg_attach_reply owner;
static uint64_t queue, cell;

static struct segment *segment(void)
{
	return registry_find(r, owner.segment);
}

static uint64_t make(const char *name, uint32_t kind)
{
	struct shmreg_create_object in = {
		.at = { owner.segment, owner.participant, 0 },
		.shape = { .kind = kind, .layout = layout_of(kind), .elem_align = 8, .elem_bytes = 8,
			   .capacity = 4, .param = { kind == SHMREG_KIND_CELL ? 2 : 0 } },
	};
	struct shmreg_create_object_reply reply;

	strcpy(in.name, name);
	ck_assert_int_eq(registry_create_object(r, &alice, &in, &reply, fixture_error), 0);
	return reply.object;
}

static void setup_segment(void)
{
	setup();
	ck_assert_int_eq(fixture_create(r, &alice, "s", 65536, 0666, SHMREG_UNTIL_REMOVED, &owner),
			 0);
	queue = make("queue", SHMREG_KIND_QUEUE);
	cell = make("cell", SHMREG_KIND_CELL);
}

static int watch_with(const struct caller *c, const struct shmreg_attach_reply *at, uint64_t object,
		      uint32_t events, uint32_t flags)
{
	const struct shmreg_watch_request in = {
		.at = { at->segment, at->participant, 0 },
		.object = object,
		.events = events,
		.flags = flags,
	};
	struct registry_object ret;
	const int e = registry_watch(r, c, &in, &ret, fixture_error);

	if (e == 0) {
		ck_assert_ptr_eq(ret.segment, registry_find(r, at->segment));
		ck_assert_uint_eq(shmreg_dir_objects(segment_dir(ret.segment))[ret.index].id,
				  object);
	}
	registry_verify(r);
	return e;
}

static int watch(const struct caller *c, const struct shmreg_attach_reply *at, uint64_t object,
		 uint32_t events)
{
	return watch_with(c, at, object, events, 0);
}

static int notify(const struct caller *c, const struct shmreg_attach_reply *at, uint64_t object,
		  uint32_t events)
{
	const struct shmreg_notify in = {
		.at = { at->segment, at->participant, 0 },
		.object = object,
		.events = events,
	};
	struct registry_object ret;

	return registry_notify(r, c, &in, &ret, fixture_error);
}

static struct shmreg_dir_object *entry(uint64_t object)
{
	const struct shmreg_dir *m = segment_dir(segment());

	for (uint32_t i = 0; i < m->max_objects; i++)
		if (shmreg_dir_objects(m)[i].id == object)
			return &shmreg_dir_objects(m)[i];
	ck_abort_msg("no such entry");
}

static off_t half_at(uint64_t object, uint32_t event)
{
	const struct shmreg_dir_object *o = entry(object);

	return (off_t)(o->offset + shmreg_kind_eventcount(o->shape.kind, event) + 4);
}

static uint32_t half(uint64_t object, uint32_t event)
{
	uint32_t value = 77;

	ck_assert_int_eq(pread(segment_data_fd(segment()), &value, 4, half_at(object, event)), 4);
	return value;
}

static void set_half(uint64_t object, uint32_t event, uint32_t value)
{
	ck_assert_int_eq(pwrite(segment_data_fd(segment()), &value, 4, half_at(object, event)), 4);
}

static void is_watched(uint64_t object, uint32_t events)
{
	ck_assert_uint_eq(entry(object)->watch_events, events);
	ck_assert_uint_eq(half(object, SHMREG_WAIT_ITEMS), (events & SHMREG_WAIT_ITEMS) != 0);
	if (object == queue)
		ck_assert_uint_eq(half(object, SHMREG_WAIT_SPACE),
				  (events & SHMREG_WAIT_SPACE) != 0);
}

static uint32_t flags_of(const struct shmreg_attach_reply *at)
{
	return shmreg_dir_participants(segment_dir(segment()))[at->participant_index].flags;
}

START_TEST(refusals)
{
	const struct shmreg_attach_reply reader = opened(&bob, "s", SHMREG_ACCESS_READ);
	const uint64_t array = make("array", SHMREG_KIND_ARRAY);
	struct shmreg_attach_reply gone;

	REFUSED(watch(&alice, &owner, queue, BOTH), -EINVAL, "attached for writing");
	REFUSED(watch(&alice2, &owner, queue, BOTH), -EPERM, "another process");
	REFUSED(watch(&alice, &reader, queue, BOTH), -EPERM, "another process");
	REFUSED(watch(&bob, &reader, 99, BOTH), -ENOENT, "no object 99");
	REFUSED(watch(&bob, &reader, cell, BOTH), -EINVAL, "waiting for space");
	REFUSED(watch(&bob, &reader, array, SHMREG_WAIT_ITEMS), -EINVAL, "waiting for items");
	REFUSED(notify(&bob, &reader, queue, BOTH), -EROFS, "read-only");
	REFUSED(notify(&alice2, &owner, queue, BOTH), -EPERM, "another process");
	REFUSED(notify(&alice, &owner, cell, BOTH), -EINVAL, "waiting for space");
	REFUSED(notify(&alice, &owner, 99, 0), -ENOENT, "no object 99");
	ck_assert_int_eq(watch_with(&alice, &owner, queue, BOTH, SHMREG_WATCH_DESCRIPTOR), 0);
	is_watched(queue, 0);
	ck_assert_uint_eq(flags_of(&owner), 0);
	ck_assert_uint_eq(flags_of(&reader), SHMREG_PARTICIPANT_READ_ONLY);

	ck_assert_int_eq(fixture_remove_object(r, &alice, &owner, "queue"), 0);
	REFUSED(watch(&bob, &reader, queue, BOTH), -ESTALE, "was removed");
	ck_assert_int_eq(notify(&alice, &owner, queue, BOTH), 0);
	ck_assert_int_eq(fixture_quiesce(r, &bob, &reader, 1), 0);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &owner, 1), 0);
	REFUSED(watch(&bob, &reader, queue, BOTH), -ESTALE, "was removed");
	REFUSED(notify(&alice, &owner, queue, BOTH), -ESTALE, "was removed");
	gone = opened(&alice2, "s", SHMREG_ACCESS_READ);
	ck_assert_int_eq(fixture_detach(r, &alice2, &gone), 0);
	REFUSED(watch(&alice2, &gone, cell, SHMREG_WAIT_ITEMS), -ESTALE, "attach anew");
}
END_TEST

/* Until the last who asked has gone; over restarts. */
START_TEST(from_the_first_to_the_last)
{
	const struct shmreg_attach_reply a = opened(&bob, "s", SHMREG_ACCESS_READ);
	const struct shmreg_attach_reply b = opened(&alice2, "s", SHMREG_ACCESS_READ);
	const struct shmreg_attach_reply other = opened(&bob, "s", SHMREG_ACCESS_READ);

	ck_assert_int_eq(watch(&bob, &a, queue, SHMREG_WAIT_SPACE), 0);
	is_watched(queue, SHMREG_WAIT_SPACE);
	is_watched(cell, 0);
	ck_assert_uint_eq(flags_of(&a), SHMREG_PARTICIPANT_READ_ONLY | SHMREG_PARTICIPANT_WATCHES);
	ck_assert_uint_eq(flags_of(&other), SHMREG_PARTICIPANT_READ_ONLY);
	ck_assert_int_eq(watch_with(&alice2, &b, queue, SHMREG_WAIT_ITEMS,
				    SHMREG_WATCH_DESCRIPTOR), 0);
	ck_assert_int_eq(watch(&alice2, &b, cell, SHMREG_WAIT_ITEMS), 0);
	restart();
	is_watched(queue, BOTH);
	is_watched(cell, SHMREG_WAIT_ITEMS);
	/* Who did not ask does not count, nor does who writes. */
	ck_assert_int_eq(fixture_detach(r, &bob, &other), 0);
	ck_assert_int_eq(fixture_detach(r, &bob, &a), 0);
	is_watched(queue, BOTH);
	restart();
	is_watched(queue, BOTH);
	registry_process_died(r, &alice2.process);
	is_watched(queue, 0);
	is_watched(cell, 0);
	/* And from the beginning. */
	{
		const struct shmreg_attach_reply again = opened(&bob, "s", SHMREG_ACCESS_READ);

		is_watched(queue, 0);
		ck_assert_int_eq(watch(&bob, &again, queue, BOTH), 0);
		is_watched(queue, BOTH);
	}
}
END_TEST

/* What is asked for is done, whatever somebody who may write has made of it. */
START_TEST(garbled)
{
	const struct shmreg_attach_reply a = opened(&bob, "s", SHMREG_ACCESS_READ);

	ck_assert_int_eq(watch(&bob, &a, queue, BOTH), 0);
	set_half(queue, SHMREG_WAIT_ITEMS, 0);
	ck_assert_int_eq(watch(&bob, &a, queue, SHMREG_WAIT_ITEMS), 0);
	is_watched(queue, BOTH);
	set_half(queue, SHMREG_WAIT_SPACE, 5);
	ck_assert_int_eq(fixture_detach(r, &bob, &a), 0);
	is_watched(queue, 0);
}
END_TEST

/* Killed between two stores: what nobody was promised goes, what somebody was comes. */
START_TEST(recovered)
{
	struct shmreg_attach_reply a;

	entry(queue)->watch_events = BOTH;
	set_half(queue, SHMREG_WAIT_ITEMS, 1);
	restart();
	is_watched(queue, 0);
	a = opened(&bob, "s", SHMREG_ACCESS_READ);
	ck_assert_int_eq(watch(&bob, &a, queue, SHMREG_WAIT_ITEMS), 0);
	entry(cell)->watch_events = SHMREG_WAIT_ITEMS;
	restart();
	is_watched(queue, SHMREG_WAIT_ITEMS);
	is_watched(cell, SHMREG_WAIT_ITEMS);
	/* It had ended, and nothing was undone yet. */
	shmreg_dir_participants(segment_dir(segment()))[a.participant_index].state =
		SHMREG_ENTRY_FREE;
	r = fixture_restart(r, &config, &notes);
	is_watched(queue, 0);
	is_watched(cell, 0);
}
END_TEST

/* A removed object's range is free, and zero, when it is another's. */
START_TEST(removed)
{
	const struct shmreg_attach_reply a = opened(&bob, "s", SHMREG_ACCESS_READ);
	const uint64_t offset = entry(queue)->offset;
	uint64_t next;

	ck_assert_int_eq(watch(&bob, &a, queue, BOTH), 0);
	ck_assert_int_eq(watch(&bob, &a, cell, SHMREG_WAIT_ITEMS), 0);
	ck_assert_int_eq(fixture_remove_object(r, &alice, &owner, "cell"), 0);
	is_watched(cell, SHMREG_WAIT_ITEMS);	/* it is open yet, here and there */
	ck_assert_int_eq(fixture_remove_object(r, &alice, &owner, "queue"), 0);
	ck_assert_int_eq(fixture_quiesce(r, &bob, &a, 2), 0);
	ck_assert_int_eq(fixture_quiesce(r, &alice, &owner, 2), 0);
	next = make("queue", SHMREG_KIND_QUEUE);
	ck_assert_uint_eq(entry(next)->offset, offset);
	ck_assert_uint_ne(next, queue);
	queue = next;
	is_watched(queue, 0);
	ck_assert_int_eq(fixture_detach(r, &bob, &a), 0);
	is_watched(queue, 0);
}
END_TEST

/* The half cannot be written: nothing is promised, and nothing is left. */
START_TEST(no_memory)
{
	const struct shmreg_attach_reply a = opened(&bob, "s", SHMREG_ACCESS_READ);
	struct rlimit limit, none;
	int refused;

	ck_assert_int_eq(getrlimit(RLIMIT_AS, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &none), 0);
	refused = watch(&bob, &a, queue, BOTH);
	ck_assert_int_eq(setrlimit(RLIMIT_AS, &limit), 0);
	ck_assert_int_eq(refused, -ENOMEM);
	ck_assert_ptr_nonnull(strstr(fixture_error, "cannot be marked as watched"));
	is_watched(queue, 0);
	ck_assert_uint_eq(flags_of(&a), SHMREG_PARTICIPANT_READ_ONLY);
	ck_assert_int_eq(watch(&bob, &a, queue, BOTH), 0);
	is_watched(queue, BOTH);
}
END_TEST

START_TEST(generation)
{
	const struct registry_object object = {
		.segment = segment(),
		.index = (uint32_t)(entry(queue) - shmreg_dir_objects(segment_dir(segment()))),
	};

	ck_assert_uint_eq(registry_watch_generation(&object), 0);
	registry_watch_changed(&object, queue);
	registry_watch_changed(&object, queue);
	ck_assert_uint_eq(registry_watch_generation(&object), 2);
	ck_assert_uint_eq(entry(queue)->watch_generation, 2);
	registry_watch_changed(&object, queue + 77);
	ck_assert_uint_eq(registry_watch_generation(&object), 2);
}
END_TEST

int main(void)
{
	const TTest *const tests[] = { refusals, from_the_first_to_the_last, garbled, recovered,
				       removed, no_memory, generation };

	return RUN_SUITE("registry-watch", tests, setup_segment, teardown, 60);
}
