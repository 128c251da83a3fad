/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_VERIFY_H
#define SHMREG_ABI_VERIFY_H

/*
 * shmreg/abi/verify.h - may a directory be believed that comes from who knows where?
 *
 * Of the daemon, which reads back what a daemon before it has left, and of the library, which
 * reads snapshots; and a segment's placement, from wherever. Not installed.
 */

#include <stdbool.h>

#include <shmreg/abi/directory.h>

SHMREG_BEGIN_DECLS

/* The participants whose entries are LIVE or DEAD, by id. */
struct shmreg_dir_member {
	uint64_t id;
	uint32_t index;
	bool has_seats;		/* for the user of the table */
};
struct shmreg_dir_members {
	struct shmreg_dir_member *members;
	size_t n;
};
/* Return: 0, free(ret->members) later; -ENOMEM. */
int shmreg_dir_members(const struct shmreg_dir *dir, struct shmreg_dir_members *ret);
struct shmreg_dir_member *shmreg_dir_member_find(const struct shmreg_dir_members *m, uint64_t id);

/*
 * shmreg_dir_verify() - could it have been left behind by a daemon?
 * @dir:	nobody else writes it; shmreg_dir_check() has passed
 * @error:	SHMREG_ERROR_MAX + 1 bytes for the sentence, or NULL
 *
 * Complete: a directory that passes leads nobody astray. Stores nothing.
 *
 * Return: 0; -EBADMSG; -ENOMEM.
 */
int shmreg_dir_verify(const struct shmreg_dir *dir, char *error);

/*
 * shmreg_placement_check() - can a segment be created so?
 * @ret_why:	a sentence, static; may be NULL
 *
 * Return: 0; -EINVAL.
 */
int shmreg_placement_check(const struct shmreg_placement *in, uint32_t create_flags,
			   const char **ret_why);

SHMREG_END_DECLS

#endif /* SHMREG_ABI_VERIFY_H */
