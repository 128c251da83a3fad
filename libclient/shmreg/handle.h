/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_HANDLE_H
#define SHMREG_HANDLE_H

/*
 * shmreg/handle.h - what the handles of all kinds of objects have in common
 *
 * A handle is a private view of one object, bound to a seat, used by one thread
 * at a time; it may move between threads with a happens-before. Two handles of
 * the same object in a participant never have the same seat; handles of
 * different objects may share one. Handles lie in memory that a forked child
 * finds zeroed (MADV_WIPEONFORK), so that base is NULL and seat 0 there.
 *
 * For the inline functions of the other headers; not for applications.
 */

#include <shmreg/abi/directory.h>
#include <shmreg/abi/object.h>
#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

struct shmreg_segment;

struct shmreg_handle {
	unsigned char *base;	/* of the object in the data area; NULL in a forked child */
	struct shmreg_segment *segment;
	const struct shmreg_dir_object *entry;	/* in the directory */
	uint64_t object;	/* id: entry->id differs once the object is gone for good */
	struct shmreg_shape shape;	/* as created; geometry never comes from the data area */
	uint32_t seat;		/* 0: read-only, or a forked child */
	uint32_t n_leases;	/* slots lent out by this handle; a pool's: queues opened with it */
	uint32_t spin_ns;	/* see shmreg_handle_set_waiting() */
	uint32_t wait_flags;
	uint32_t is_subscriber;	/* begins a struct shmreg_subscriber */
	uint32_t wanted;	/* a ring of records: bytes of the record that found no room last */
};

#define SHMREG_OBJECT_CREATE UINT32_C(1)	/* create; -EEXIST if it is there */
#define SHMREG_OBJECT_ATTACH UINT32_C(2)	/* open; -ENOENT if it is not; both: whichever it takes */
#define SHMREG_OBJECT_SEAT UINT32_C(4)		/* operations claim things: bind a seat */

/*
 * shmreg_object_open() - what every shmreg_..._create() and _open() calls
 * @ret:	@handle_bytes bytes of zeroed memory, which begin with a
 *		struct shmreg_handle that is filled in
 * @shape:	as the application was compiled: kind, layout, elem_bytes and
 *		elem_align must equal the object's (elem_bytes 0: any); capacity
 *		and flags matter for creation, and when opening only if capacity
 *		is not 0
 * @type_name:	must equal the object's; NULL or "": any, and none is recorded
 *
 * Opening is a look-up in the mapped directory and no request.
 *
 * Return: 0, or
 *	-EEXIST, -ENOENT
 *	-EINVAL, -ENAMETOOLONG, -EOVERFLOW	name or shape; the sentence says what would be right
 *	-EMEDIUMTYPE	kind, type name, size, alignment, capacity or flags differ; the sentence has both
 *	-EPROTONOSUPPORT	layout version differs; the sentence has both
 *	-ENOSPC		the data area is too small (the sentence says by how much), or
 *			max_objects are there
 *	-EBUSY			others create and remove objects faster than one can be found
 *	-EBADMSG		the directory's entry makes no sense
 *	-EDQUOT, -EUSERS, -ENOTRECOVERABLE, -EROFS (creating, attached read-only), -ESTALE (the
 *	registry lost the segment), -ECHILD, -ENOMEM, and as every control call
 */
SHMREG_API SHMREG_CHECK int shmreg_object_open(struct shmreg_segment *segment,
					       struct shmreg_handle **ret, uint32_t how,
					       const char *name, const struct shmreg_shape *shape,
					       const char *type_name, size_t handle_bytes);

/*
 * shmreg_object_close() - give a handle back
 *
 * No other thread may be using it. NULL is fine. Needs no daemon.
 *
 * Return: 0; -EBUSY it has slots lent out (n_leases), and stays open; -ECHILD, also
 * for a handle that is closed already and whose memory was not used again.
 */
SHMREG_API int shmreg_object_close(struct shmreg_handle *handle);

/*
 * shmreg_handle_trouble() - why can a handle not be used? For slow paths.
 *
 * Return: 0 nothing is wrong; -ECHILD forked child; -ESTALE the object was
 * removed; -ENOTRECOVERABLE quarantined. Does not look at the seat: -EROFS for
 * seat 0 is the caller's to say.
 */
SHMREG_API int shmreg_handle_trouble(const struct shmreg_handle *handle);

SHMREG_END_DECLS

#endif /* SHMREG_HANDLE_H */
