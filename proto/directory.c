/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include <shmreg/abi/directory.h>

#include "name-words.h"

#define PAGE UINT64_C(4096)
#define FIND_TRIES 1000

static uint64_t align_up(uint64_t n, uint64_t align)
{
	return (n + align - 1) & ~(align - 1);
}

int shmreg_dir_layout(struct shmreg_dir *ret, uint32_t max_participants, uint32_t max_objects)
{
	uint32_t n_buckets = 1;

	if (!max_participants || max_participants > SHMREG_PARTICIPANTS_MAX || !max_objects ||
	    max_objects > SHMREG_OBJECTS_MAX)
		return -EINVAL;

	while (n_buckets < max_objects)
		n_buckets *= 2;

	/* At most 512 + 32 KiB + 8 MiB + 16 MiB + 256 KiB. */
	ret->n_seats = SHMREG_SEATS;
	ret->n_buckets = n_buckets;
	ret->seats_offset = sizeof(struct shmreg_dir);
	ret->participants_offset =
		align_up(ret->seats_offset + sizeof(uint64_t) * SHMREG_SEATS, SHMREG_BLOCK);
	ret->objects_offset =
		align_up(ret->participants_offset +
				 sizeof(struct shmreg_dir_participant) * (uint64_t)max_participants,
			 SHMREG_BLOCK);
	ret->buckets_offset =
		align_up(ret->objects_offset +
				 sizeof(struct shmreg_dir_object) * (uint64_t)max_objects,
			 SHMREG_BLOCK);
	ret->dir_bytes = align_up(ret->buckets_offset + sizeof(uint32_t) * (uint64_t)n_buckets, PAGE);
	return 0;
}

int shmreg_dir_check(const struct shmreg_dir *dir, size_t bytes)
{
	struct shmreg_dir want;
	uint32_t state;

	if (bytes < sizeof(*dir) || dir->magic != SHMREG_DIR_MAGIC)
		return -EBADMSG;
	if (dir->layout != SHMREG_DIR_LAYOUT)
		return -EPROTONOSUPPORT;
	/* Pairs with the writer's release: the constant part was written before LIVE. */
	state = shmreg_load_acquire(&dir->state);
	if (state > SHMREG_DIR_REMOVED)
		return -EBADMSG;
	if (shmreg_dir_layout(&want, dir->max_participants, dir->max_objects) < 0)
		return -EBADMSG;
	if (dir->n_seats != want.n_seats || dir->n_buckets != want.n_buckets ||
	    dir->seats_offset != want.seats_offset ||
	    dir->participants_offset != want.participants_offset ||
	    dir->objects_offset != want.objects_offset ||
	    dir->buckets_offset != want.buckets_offset || dir->dir_bytes != want.dir_bytes ||
	    dir->dir_bytes > bytes)
		return -EBADMSG;
	if (dir->data_bytes > SHMREG_DATA_BYTES_MAX)
		return -EBADMSG;
	if (state != SHMREG_DIR_CREATING &&
	    (!dir->segment || !dir->data_bytes ||
	     shmreg_name_field_check(dir->name, sizeof(dir->name), NULL) < 0))
		return -EBADMSG;
	return 0;
}

/* Eight bytes of whatever fields they belong to. */
typedef uint64_t __attribute__((may_alias)) any_word;

/*
 * Copy word by word with acquire: whoever sees in any of the words what a later
 * owner of the entry wrote there, sees in the loads of state and id that follow
 * that the entry was freed. A memcpy() would promise neither that nor that a
 * word is read in one piece.
 */
static SHMREG_FORCE_INLINE void copy_words(void *to, const void *from, size_t bytes)
{
	any_word *t = to;
	const any_word *f = from;

	/* Most of a look-up. gcc leaves a loop of atomic loads as it is, if it is not told. */
#if defined(__GNUC__) && !defined(__clang__)
# pragma GCC unroll 32
#endif
	for (size_t i = 0; i < bytes / sizeof(*t); i++)
		t[i] = shmreg_load_acquire(&f[i]);
}

SHMREG_STATIC_ASSERT(sizeof(struct shmreg_dir_object) % sizeof(uint64_t) == 0, "copied by words");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_dir_participant) % sizeof(uint64_t) == 0,
		     "copied by words");

int shmreg_dir_read_object(const struct shmreg_dir *dir, uint32_t index,
			   struct shmreg_dir_object *ret)
{
	const struct shmreg_dir_object *entry;
	uint32_t state;

	if (index >= dir->max_objects)
		return -ENOENT;
	entry = &shmreg_dir_objects(dir)[index];

	/* Pairs with the writer's release of state, which commits the entry. */
	state = shmreg_load_acquire(&entry->state);
	if (state == SHMREG_ENTRY_FREE)
		return -ENOENT;
	copy_words(ret, entry, sizeof(*ret));
	if (ret->state != state || shmreg_load_acquire(&entry->state) != state ||
	    shmreg_load_acquire(&entry->id) != ret->id)
		return -EAGAIN;

	ret->name[SHMREG_OBJECT_NAME_MAX] = '\0';
	ret->type_name[SHMREG_TYPE_NAME_MAX] = '\0';
	return 0;
}

int shmreg_dir_read_participant(const struct shmreg_dir *dir, uint32_t index,
				struct shmreg_dir_participant *ret)
{
	const struct shmreg_dir_participant *entry;
	uint32_t state;

	if (index >= dir->max_participants)
		return -ENOENT;
	entry = &shmreg_dir_participants(dir)[index];

	/* As in shmreg_dir_read_object(). */
	state = shmreg_load_acquire(&entry->state);
	if (state == SHMREG_ENTRY_FREE)
		return -ENOENT;
	copy_words(ret, entry, sizeof(*ret));
	if (ret->state != state || shmreg_load_acquire(&entry->state) != state ||
	    shmreg_load_acquire(&entry->id) != ret->id)
		return -EAGAIN;

	ret->name[SHMREG_CLIENT_NAME_MAX] = '\0';
	return 0;
}

/* A name as words, zeros behind it, as it lies in an entry. */
struct wanted {
	uint64_t word[(SHMREG_OBJECT_NAME_MAX + 1) / sizeof(uint64_t)];
	size_t n_words;
};

/* By words, since the entry may be freed and written anew while it is compared. */
static bool has_name(const struct shmreg_dir_object *entry, const struct wanted *wanted)
{
	const any_word *word = (const any_word *)(const void *)entry->name;

	for (size_t i = 0; i < wanted->n_words; i++)
		if (shmreg_load_acquire(&word[i]) != wanted->word[i])
			return false;
	return true;
}

/*
 * Walk the chain once. Found: 0. Otherwise -ENOENT, which the caller believes only
 * if the index did not change meanwhile: an entry that was unlinked and used
 * again under us leads into another bucket's chain.
 */
static int walk(const struct shmreg_dir *dir, const struct wanted *wanted, uint32_t bucket,
		struct shmreg_dir_object *ret, uint32_t *ret_index)
{
	/* All links are loaded with acquire: pairs with the release that links. */
	uint32_t link = shmreg_load_acquire(&shmreg_dir_buckets(dir)[bucket]);

	for (uint32_t steps = 0; link && steps < dir->max_objects; steps++) {
		const uint32_t index = link - 1;
		const struct shmreg_dir_object *entry;

		if (index >= dir->max_objects)
			return -ENOENT;
		entry = &shmreg_dir_objects(dir)[index];

		if (shmreg_load_acquire(&entry->state) == SHMREG_ENTRY_LIVE &&
		    has_name(entry, wanted)) {
			if (shmreg_dir_read_object(dir, index, ret) == 0 &&
			    ret->state == SHMREG_ENTRY_LIVE && has_name(ret, wanted)) {
				if (ret_index)
					*ret_index = index;
				return 0;
			}
			return -EAGAIN;
		}
		link = shmreg_load_acquire(&entry->next);
	}
	return -ENOENT;
}

int shmreg_dir_find(const struct shmreg_dir *dir, const char *name, struct shmreg_dir_object *ret,
		    uint32_t *ret_index)
{
	const size_t n = strnlen(name, SHMREG_OBJECT_NAME_MAX + 1);
	struct wanted wanted;
	uint32_t bucket;

	if (n == 0 || n > SHMREG_OBJECT_NAME_MAX)
		return -ENOENT;
	wanted.n_words = name_n_words(n);
	name_to_words(wanted.word, name, n);
	bucket = name_hash_words(wanted.word, wanted.n_words) & (dir->n_buckets - 1);

	for (unsigned int i = 0; i < FIND_TRIES; i++) {
		/* Pairs with the writer's release after it has linked or unlinked. */
		const uint64_t generation = shmreg_load_acquire(&dir->objects_generation);
		const int r = walk(dir, &wanted, bucket, ret, ret_index);

		if (r == 0)
			return 0;
		/*
		 * -EAGAIN: the entry went from LIVE to REMOVED while it was
		 * copied. The walk's loads were acquire, so this one is not
		 * done before them.
		 */
		if (r == -ENOENT && shmreg_load_acquire(&dir->objects_generation) == generation)
			return -ENOENT;
	}
	return -EAGAIN;
}
