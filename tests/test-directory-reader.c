/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/directory.h>

#include "random.h"
#include "suite.h"

#define N_PARTICIPANTS 5
#define N_OBJECTS 7

static struct shmreg_dir *dir_new(size_t *ret_bytes)
{
	struct shmreg_dir layout = { 0 };
	struct shmreg_dir *dir;

	ck_assert_int_eq(shmreg_dir_layout(&layout, N_PARTICIPANTS, N_OBJECTS), 0);
	dir = aligned_alloc(4096, layout.dir_bytes);
	ck_assert_ptr_nonnull(dir);
	memset(dir, 0, layout.dir_bytes);
	*dir = layout;
	dir->magic = SHMREG_DIR_MAGIC;
	dir->layout = SHMREG_DIR_LAYOUT;
	dir->segment = 1;
	dir->data_bytes = 1 << 20;
	dir->max_participants = N_PARTICIPANTS;
	dir->max_objects = N_OBJECTS;
	dir->state = SHMREG_DIR_LIVE;
	strcpy(dir->name, "a/segment");
	*ret_bytes = layout.dir_bytes;
	return dir;
}

/* As the daemon does it: entry, commit, link, raise. All by words, for the threads. */
static void object_put(struct shmreg_dir *dir, uint32_t index, uint64_t id, const char *name)
{
	struct shmreg_dir_object *entry = &shmreg_dir_objects(dir)[index];
	uint32_t *bucket =
		&shmreg_dir_buckets(dir)[shmreg_name_hash(name) & (dir->n_buckets - 1)];
	struct shmreg_dir_object o = { .id = id, .creator = id };
	const uint64_t *from = (const uint64_t *)(const void *)&o;
	uint64_t *to = (uint64_t *)(void *)entry;

	snprintf(o.name, sizeof(o.name), "%s", name);
	snprintf(o.type_name, sizeof(o.type_name), "%s", name);
	o.next = shmreg_load_relaxed(bucket);
	shmreg_store_release(&entry->next, o.next);
	for (size_t i = 1; i < sizeof(o) / 8; i++)
		shmreg_store_release(&to[i], from[i]);
	shmreg_store_release(&entry->state, SHMREG_ENTRY_LIVE);
	shmreg_store_release(bucket, index + 1);
	shmreg_fetch_add_release(&dir->objects_generation, 1);
}

static void object_drop(struct shmreg_dir *dir, uint32_t index)
{
	struct shmreg_dir_object *entry = &shmreg_dir_objects(dir)[index];
	uint32_t *link =
		&shmreg_dir_buckets(dir)[shmreg_name_hash(entry->name) & (dir->n_buckets - 1)];

	shmreg_store_release(&entry->state, SHMREG_ENTRY_REMOVED);
	while (*link != index + 1)
		link = &shmreg_dir_objects(dir)[*link - 1].next;
	shmreg_store_release(link, shmreg_load_relaxed(&entry->next));
	shmreg_fetch_add_release(&dir->objects_generation, 1);
	shmreg_store_release(&entry->state, SHMREG_ENTRY_FREE);
}

START_TEST(test_layout)
{
	struct shmreg_dir dir;

	for (uint32_t n = 1; n <= SHMREG_OBJECTS_MAX; n = n * 3 / 2 + 1) {
		memset(&dir, 0x55, sizeof(dir));
		ck_assert_int_eq(shmreg_dir_layout(&dir, n, n), 0);
		ck_assert_uint_eq(dir.magic, UINT64_C(0x5555555555555555));
		ck_assert_uint_eq(dir.n_seats, SHMREG_SEATS);
		ck_assert_uint_eq(dir.n_buckets & (dir.n_buckets - 1), 0);
		ck_assert_uint_ge(dir.n_buckets, n);
		ck_assert_uint_lt(dir.n_buckets / 2, n);
		ck_assert_uint_ge(dir.seats_offset, sizeof(dir));
		ck_assert_uint_ge(dir.participants_offset, dir.seats_offset + SHMREG_SEATS * 8);
		ck_assert_uint_ge(dir.objects_offset, dir.participants_offset + n * UINT64_C(128));
		ck_assert_uint_ge(dir.buckets_offset, dir.objects_offset + n * UINT64_C(256));
		ck_assert_uint_ge(dir.dir_bytes, dir.buckets_offset + dir.n_buckets * UINT64_C(4));
		ck_assert_uint_eq(dir.participants_offset % SHMREG_BLOCK, 0);
		ck_assert_uint_eq(dir.objects_offset % SHMREG_BLOCK, 0);
		ck_assert_uint_eq(dir.buckets_offset % SHMREG_BLOCK, 0);
		ck_assert_uint_eq(dir.dir_bytes % 4096, 0);
	}
	ck_assert_int_eq(shmreg_dir_layout(&dir, 0, 1), -EINVAL);
	ck_assert_int_eq(shmreg_dir_layout(&dir, 1, 0), -EINVAL);
	ck_assert_int_eq(shmreg_dir_layout(&dir, SHMREG_PARTICIPANTS_MAX + 1, 1), -EINVAL);
	ck_assert_int_eq(shmreg_dir_layout(&dir, 1, SHMREG_OBJECTS_MAX + 1), -EINVAL);
	ck_assert_int_eq(shmreg_dir_layout(&dir, SHMREG_PARTICIPANTS_MAX, SHMREG_OBJECTS_MAX), 0);
}
END_TEST

#define BROKEN(assign, error)                                                                      \
	do {                                                                                       \
		struct shmreg_dir saved = *dir;                                                    \
		assign;                                                                            \
		ck_assert_msg(shmreg_dir_check(dir, bytes) == (error), #assign);                   \
		*dir = saved;                                                                      \
		ck_assert_int_eq(shmreg_dir_check(dir, bytes), 0);                                 \
	} while (0)

START_TEST(test_check)
{
	size_t bytes;
	struct shmreg_dir *dir = dir_new(&bytes);

	ck_assert_int_eq(shmreg_dir_check(dir, bytes), 0);
	ck_assert_int_eq(shmreg_dir_check(dir, bytes + 4096), 0);
	ck_assert_int_eq(shmreg_dir_check(dir, bytes - 1), -EBADMSG);
	ck_assert_int_eq(shmreg_dir_check(dir, 511), -EBADMSG);
	ck_assert_int_eq(shmreg_dir_check(dir, 0), -EBADMSG);
	BROKEN(dir->magic++, -EBADMSG);
	BROKEN(dir->layout++, -EPROTONOSUPPORT);
	BROKEN(dir->state = 3, -EBADMSG);
	BROKEN(dir->max_objects++; dir->max_objects++, -EBADMSG);
	BROKEN(dir->max_objects = 0, -EBADMSG);
	BROKEN(dir->max_participants = UINT32_MAX, -EBADMSG);
	BROKEN(dir->n_buckets *= 2, -EBADMSG);
	BROKEN(dir->n_seats--, -EBADMSG);
	BROKEN(dir->seats_offset += 8, -EBADMSG);
	BROKEN(dir->participants_offset = UINT64_MAX, -EBADMSG);
	BROKEN(dir->objects_offset -= 128, -EBADMSG);
	BROKEN(dir->buckets_offset = 0, -EBADMSG);
	BROKEN(dir->dir_bytes += 4096, -EBADMSG);
	BROKEN(dir->data_bytes = 0, -EBADMSG);
	BROKEN(dir->data_bytes = SHMREG_DATA_BYTES_MAX + 1, -EBADMSG);
	BROKEN(dir->segment = 0, -EBADMSG);
	BROKEN(dir->name[0] = '/', -EBADMSG);
	BROKEN(dir->name[127] = 'x', -EBADMSG);
	BROKEN(memset(dir->name, 'x', 128), -EBADMSG);
	BROKEN(dir->state = SHMREG_DIR_REMOVED, 0);
	BROKEN(dir->state = SHMREG_DIR_CREATING; memset(dir->name, 0, 128), 0);
	free(dir);
}
END_TEST

START_TEST(test_find)
{
	size_t bytes;
	struct shmreg_dir *dir = dir_new(&bytes);
	struct shmreg_dir_object o = { .id = 77 };
	char name[80];
	uint32_t index = 99;

	ck_assert_int_eq(shmreg_dir_find(dir, "a", &o, &index), -ENOENT);
	ck_assert_uint_eq(o.id, 77);
	ck_assert_uint_eq(index, 99);
	/* 7 names in 8 buckets: some chains have several. */
	for (uint32_t i = 0; i < N_OBJECTS; i++) {
		snprintf(name, sizeof(name), "object/%u", i);
		object_put(dir, i, i + 1, name);
	}
	for (uint32_t i = 0; i < N_OBJECTS; i++) {
		snprintf(name, sizeof(name), "object/%u", i);
		ck_assert_int_eq(shmreg_dir_find(dir, name, &o, &index), 0);
		ck_assert_uint_eq(index, i);
		ck_assert_uint_eq(o.id, i + 1);
		ck_assert_str_eq(o.name, name);
		ck_assert_int_eq(shmreg_dir_find(dir, name, &o, NULL), 0);
	}
	ck_assert_int_eq(shmreg_dir_find(dir, "object/", &o, &index), -ENOENT);
	ck_assert_int_eq(shmreg_dir_find(dir, "object/77", &o, &index), -ENOENT);
	ck_assert_int_eq(shmreg_dir_find(dir, "", &o, &index), -ENOENT);
	memset(name, 'x', 64);
	name[64] = '\0';
	ck_assert_int_eq(shmreg_dir_find(dir, name, &o, &index), -ENOENT);
	name[63] = '\0';
	ck_assert_int_eq(shmreg_dir_find(dir, name, &o, &index), -ENOENT);

	object_drop(dir, 3);
	ck_assert_int_eq(shmreg_dir_find(dir, "object/3", &o, &index), -ENOENT);
	object_put(dir, 3, 100, name);
	ck_assert_int_eq(shmreg_dir_find(dir, name, &o, &index), 0);
	ck_assert_uint_eq(index, 3);
	/* A removed one is not found, though it is still linked. */
	shmreg_dir_objects(dir)[0].state = SHMREG_ENTRY_REMOVED;
	ck_assert_int_eq(shmreg_dir_find(dir, "object/0", &o, &index), -ENOENT);
	free(dir);
}
END_TEST

START_TEST(test_read)
{
	size_t bytes;
	struct shmreg_dir *dir = dir_new(&bytes);
	struct shmreg_dir_object o;
	struct shmreg_dir_participant p;

	ck_assert_int_eq(shmreg_dir_read_object(dir, 0, &o), -ENOENT);
	ck_assert_int_eq(shmreg_dir_read_object(dir, N_OBJECTS, &o), -ENOENT);
	ck_assert_int_eq(shmreg_dir_read_object(dir, UINT32_MAX, &o), -ENOENT);
	object_put(dir, 6, 9, "x");
	ck_assert_int_eq(shmreg_dir_read_object(dir, 6, &o), 0);
	ck_assert_uint_eq(o.id, 9);
	shmreg_dir_objects(dir)[6].state = SHMREG_ENTRY_REMOVED;
	ck_assert_int_eq(shmreg_dir_read_object(dir, 6, &o), 0);
	ck_assert_uint_eq(o.state, SHMREG_ENTRY_REMOVED);

	ck_assert_int_eq(shmreg_dir_read_participant(dir, 0, &p), -ENOENT);
	ck_assert_int_eq(shmreg_dir_read_participant(dir, N_PARTICIPANTS, &p), -ENOENT);
	shmreg_dir_participants(dir)[4] =
		(struct shmreg_dir_participant){ .state = SHMREG_ENTRY_LIVE, .id = 3, .pid = 42 };
	/* A reader can print a garbled name. */
	memset(shmreg_dir_participants(dir)[4].name, 'x', 32);
	ck_assert_int_eq(shmreg_dir_read_participant(dir, 4, &p), 0);
	ck_assert_uint_eq(p.pid, 42);
	ck_assert_uint_eq(strlen(p.name), 31);
	free(dir);
}
END_TEST

struct churn {
	struct shmreg_dir *dir;
	unsigned long rounds;
	uint32_t stop;
};

static void *churn(void *data)
{
	struct churn *c = data;
	uint64_t id = 1000;

	/* Entries 1 to 3 come and go, with names that wander through all buckets. */
	for (unsigned long i = 0; i < c->rounds; i++)
		for (uint32_t index = 1; index <= 3; index++) {
			char name[SHMREG_OBJECT_NAME_MAX + 1];

			id++;
			snprintf(name, sizeof(name), "wander/%llu", (unsigned long long)id);
			if (shmreg_load_relaxed(&shmreg_dir_objects(c->dir)[index].state))
				object_drop(c->dir, index);
			object_put(c->dir, index, id, name);
		}
	shmreg_store_release(&c->stop, 1); /* pairs with the readers' acquire */
	return NULL;
}

/* While others come and go: what stays is always found, copies are never mixed. */
START_TEST(test_concurrent)
{
	size_t bytes;
	struct churn c = { .dir = dir_new(&bytes), .rounds = random_rounds(20000) };
	pthread_t thread;

	object_put(c.dir, 0, 1, "stays");
	object_put(c.dir, 5, 2, "stays/too");
	ck_assert_int_eq(pthread_create(&thread, NULL, churn, &c), 0);
	do {
		struct shmreg_dir_object o;
		uint32_t index;
		int r;

		r = shmreg_dir_find(c.dir, "stays", &o, &index);
		ck_assert(r == 0 || r == -EAGAIN);
		if (r == 0)
			ck_assert_uint_eq(o.id, 1);
		r = shmreg_dir_find(c.dir, "stays/too", &o, &index);
		ck_assert(r == 0 || r == -EAGAIN);
		ck_assert_int_ne(shmreg_dir_find(c.dir, "never/there", &o, &index), 0);
		for (uint32_t i = 1; i <= 3; i++) {
			char name[SHMREG_OBJECT_NAME_MAX + 1];

			if (shmreg_dir_read_object(c.dir, i, &o) < 0)
				continue;
			ck_assert_uint_eq(o.id, o.creator);
			snprintf(name, sizeof(name), "wander/%llu", (unsigned long long)o.id);
			ck_assert_str_eq(o.name, name);
			ck_assert_str_eq(o.type_name, name);
		}
	} while (!shmreg_load_acquire(&c.stop)); /* pairs with churn's release */
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	free(c.dir);
}
END_TEST

/* Whatever the bytes are: checked ones are read within the mapping and in bounded time. */
START_TEST(test_random)
{
	size_t bytes;
	struct shmreg_dir *dir = dir_new(&bytes);
	struct shmreg_dir *copy = aligned_alloc(4096, bytes);
	struct random_state random;
	unsigned long n_ok = 0;

	ck_assert_ptr_nonnull(copy);
	random_seed(&random);
	for (uint32_t i = 0; i < N_OBJECTS; i++) {
		char name[16];

		snprintf(name, sizeof(name), "o%u", i);
		object_put(dir, i, i + 1, name);
	}
	for (unsigned long i = random_rounds(100000); i; i--) {
		struct shmreg_dir_object o;
		struct shmreg_dir_participant p;

		memcpy(copy, dir, bytes);
		switch (i % 4) {
		case 0:
			random_mutate(&random, copy, sizeof(*copy));
			break;
		case 1: /* chains that loop, lead nowhere or out of the table */
			for (uint32_t k = 0; k < copy->n_buckets; k++)
				shmreg_dir_buckets(copy)[k] = (uint32_t)random_below(&random, 10);
			for (uint32_t k = 0; k < N_OBJECTS; k++) {
				shmreg_dir_objects(copy)[k].next =
					(uint32_t)random_below(&random, 10);
				shmreg_dir_objects(copy)[k].state =
					(uint32_t)random_below(&random, 4);
			}
			break;
		case 2:
			random_mutate(&random, shmreg_dir_objects(copy), 256 * N_OBJECTS);
			random_mutate(&random, shmreg_dir_buckets(copy), 4 * copy->n_buckets);
			break;
		default:
			random_fill(&random, shmreg_dir_participants(copy),
				    128 * N_PARTICIPANTS);
			random_fill(&random, shmreg_dir_buckets(copy), 4 * copy->n_buckets);
			break;
		}
		if (shmreg_dir_check(copy, bytes) < 0)
			continue;
		n_ok++;
		for (uint32_t k = 0; k < N_OBJECTS; k++) {
			char name[16];
			uint32_t index;

			snprintf(name, sizeof(name), "o%u", k);
			if (shmreg_dir_find(copy, name, &o, &index) == 0) {
				ck_assert_uint_lt(index, N_OBJECTS);
				ck_assert_str_eq(o.name, name);
			}
			if (shmreg_dir_read_object(copy, k, &o) == 0)
				ck_assert_uint_le(strlen(o.name) + strlen(o.type_name), 126);
		}
		for (uint32_t k = 0; k < N_PARTICIPANTS; k++)
			if (shmreg_dir_read_participant(copy, k, &p) == 0)
				ck_assert_uint_le(strlen(p.name), 31);
	}
	ck_assert_uint_gt(n_ok, 0);
	free(copy);
	free(dir);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("directory-reader");

	tcase_add_test(tcase, test_layout);
	tcase_add_test(tcase, test_check);
	tcase_add_test(tcase, test_find);
	tcase_add_test(tcase, test_read);
	tcase_add_test(tcase, test_concurrent);
	tcase_add_test(tcase, test_random);
	tcase_set_timeout(tcase, 300);
	return run_case("directory-reader", tcase);
}
