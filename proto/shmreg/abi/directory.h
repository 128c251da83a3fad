/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_DIRECTORY_H
#define SHMREG_ABI_DIRECTORY_H

/*
 * shmreg/abi/directory.h - the bytes of a segment's directory
 *
 * A memfd of its own for each segment. The daemon alone writes it; clients and
 * the reaper map it read-only and trust it. It is also the daemon's database: a
 * restarted daemon rebuilds its registry from the directories alone.
 *
 *	0	struct shmreg_dir			(512 bytes)
 *	seats_offset		uint64_t seat[4096]
 *	participants_offset	struct shmreg_dir_participant [max_participants]
 *	objects_offset		struct shmreg_dir_object [max_objects]
 *	buckets_offset		uint32_t bucket[n_buckets]
 *
 * The writer may die between any two stores, and readers read while it writes:
 *  - an entry is written while its state word is FREE and then committed by
 *    one release store of that word; it is freed the same way;
 *  - of what is committed only single words change, each by one store;
 *  - readers load the state with acquire, copy what they need, and load state
 *    and id again: unchanged means that the copy is of one committed entry,
 *    because ids are never reused.
 * There is no lock and no sequence count that a dead writer could leave odd.
 */

#include <shmreg/compiler.h>
#include <shmreg/abi/name.h>
#include <shmreg/abi/object.h>
#include <shmreg/abi/placement.h>

SHMREG_BEGIN_DECLS

#define SHMREG_DIR_MAGIC UINT64_C(0x314d47455248534d)
#define SHMREG_DIR_LAYOUT 2

#define SHMREG_SEATS 4096			/* seat 0 is nobody */
#define SHMREG_PARTICIPANTS_MAX 65536
#define SHMREG_OBJECTS_MAX 65536
#define SHMREG_DATA_BYTES_MAX (UINT64_C(1) << 46)
#define SHMREG_PARTICIPANTS_DEFAULT 256		/* of a segment whose creator asked for 0 */
#define SHMREG_OBJECTS_DEFAULT 256

/* What a data area has, of which @bytes were asked for: whole pages, if they are ordinary ones. */
static inline uint64_t shmreg_data_bytes(uint64_t bytes)
{
	return (bytes + 4095) & ~UINT64_C(4095);
}

enum shmreg_lifetime {
	SHMREG_WHILE_ATTACHED = 0,	/* gone when the last participant has gone */
	SHMREG_UNTIL_REMOVED = 1,
	SHMREG_WITH_CREATOR = 2,	/* removed when the creating participant goes */
};

/* A segment's state: CREATING -> LIVE -> REMOVED, then the memory goes. */
#define SHMREG_DIR_CREATING UINT32_C(0)
#define SHMREG_DIR_LIVE UINT32_C(1)
#define SHMREG_DIR_REMOVED UINT32_C(2)	/* no name any more; attached ones go on */

/* Flags of a segment, in one word. */
#define SHMREG_DIR_ORPHANED UINT32_C(1)		/* the daemon was stopped in order */
#define SHMREG_DIR_QUARANTINED UINT32_C(2)	/* repair was given up */

/*
 * A seat's word: participant << 8 | state. A participant's id is below 2^56.
 * FREE -> LIVE (granted) -> DEAD (died or left) -> FREE (repaired).
 */
#define SHMREG_SEAT_FREE UINT64_C(0)
#define SHMREG_SEAT_LIVE UINT64_C(1)
#define SHMREG_SEAT_DEAD UINT64_C(2)
#define SHMREG_SEAT_STATE_MASK UINT64_C(0xff)
#define SHMREG_SEAT_PARTICIPANT_SHIFT 8

/* An entry's state. DEAD: of participants, REMOVED: of objects. */
#define SHMREG_ENTRY_FREE UINT32_C(0)
#define SHMREG_ENTRY_LIVE UINT32_C(1)
#define SHMREG_ENTRY_DEAD UINT32_C(2)	 /* died or left, its seats await repair */
#define SHMREG_ENTRY_REMOVED UINT32_C(2) /* no name any more, range not yet free */

struct shmreg_dir {
	/* constant from before state becomes LIVE */
	uint64_t magic;			/*   0 */
	uint32_t layout;		/*   8: SHMREG_DIR_LAYOUT */
	uint32_t n_seats;		/*  12: SHMREG_SEATS */
	uint64_t segment;		/*  16: id, never reused by a registry */
	uint64_t dir_bytes;		/*  24: of this file */
	uint64_t data_bytes;		/*  32: of the data area */
	uint32_t max_participants;	/*  40 */
	uint32_t max_objects;		/*  44 */
	uint32_t n_buckets;		/*  48: a power of two >= max_objects */
	uint32_t create_flags;		/*  52: as asked for */
	uint64_t seats_offset;		/*  56 */
	uint64_t participants_offset;	/*  64 */
	uint64_t objects_offset;	/*  72 */
	uint64_t buckets_offset;	/*  80 */
	uint64_t created_ns;		/*  88: CLOCK_REALTIME */
	uint64_t creator;		/*  96: participant id, 0 = made by an administrator */
	uint32_t charged_uid;		/* 104: whose quota it is charged to, for ever */
	uint32_t creator_pid;		/* 108 */
	uint64_t registry;		/* 112: the registry that made it, see shmreg_hello_reply */
	uint64_t nonce;			/* 120: of the CREATE that made it */
	char name[SHMREG_SEGMENT_NAME_MAX + 1];	/* 128 */

	/* single words that change */
	SHMREG_ALIGNAS(128) uint32_t state; /* 256: SHMREG_DIR_... */
	/*
	 * Futex. Raised and woken after a seat has become DEAD, after repair,
	 * at quarantine, when the daemon stops, and when another goes on. So
	 * whoever sleeps looks again after a death, and once more when what
	 * it left is repaired: no wake-up is lost with its waker.
	 */
	uint32_t death;			/* 260 */
	uint32_t flags;			/* 264 */
	uint32_t mode_lifetime;		/* 268: mode | lifetime << 16 */
	uint64_t owner;			/* 272: uid | gid << 32 */
	/*
	 * Raised by each removal of an object, by a release store *after* the
	 * object's entry has become REMOVED with this number: who reads it with
	 * acquire finds the entry REMOVED, so a participant that then looks
	 * through its handles cannot take the object for a live one and report
	 * this epoch while it holds it. (A writer that died in between left an
	 * entry with a larger number: restore raises this one to it first.)
	 * See shmreg_dir_participant.epoch.
	 */
	uint64_t removal_epoch;		/* 280 */
	/*
	 * Futex (its low half: see shmreg_dir_objects_futex()).
	 * Raised after an entry is linked into the object index and after one
	 * is unlinked: a reader that missed reads it again and, if it moved,
	 * looks once more.
	 */
	uint64_t objects_generation;	/* 288 */
	uint64_t n_deaths;		/* 296: participants that died */
	uint64_t n_repairs;		/* 304: repair jobs done */
	/*
	 * The largest segment id ever given by the registry, as far as this
	 * directory knows; the daemon's own, so that a restarted one reuses none.
	 */
	uint64_t last_segment;		/* 312 */
	/*
	 * The daemon's own: owner and mode_lifetime to be, while set_pending
	 * is 1; a restarted daemon completes the change.
	 */
	uint64_t set_owner;		/* 320 */
	uint32_t set_mode_lifetime;	/* 328 */
	uint32_t set_pending;		/* 332 */
	uint64_t n_restarts;		/* 336: of the daemon, that the segment outlived */
	/* constant, too */
	struct shmreg_placement placement; /* 344: as asked for; nodes: those that there are */
	uint32_t page_bytes;		/* 368: of the data area, if huge pages of a pool; else 0 */
	uint32_t huge_error;		/* 372: why there are none though asked for: an errno; or 0 */
	uint8_t reserved[136];		/* 376 */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, segment) == 16, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, max_participants) == 40, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, seats_offset) == 56, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, buckets_offset) == 80, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, charged_uid) == 104, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, registry) == 112, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, nonce) == 120, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, name) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, state) == 256, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, death) == 260, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, owner) == 272, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, removal_epoch) == 280, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, objects_generation) == 288, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, n_repairs) == 304, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, last_segment) == 312, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, set_pending) == 332, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir, placement) == 344, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_dir) == 512, "frozen");

#define SHMREG_PARTICIPANT_READ_ONLY UINT32_C(1)
#define SHMREG_PARTICIPANT_LEFT UINT32_C(2)	/* DEAD by DETACH, not by death */
#define SHMREG_PARTICIPANT_WATCHES UINT32_C(4)	/* READ_ONLY, and has asked to be woken */

struct shmreg_dir_participant {
	uint32_t state;			/*   0: commits the entry */
	uint32_t flags;			/*   4: SHMREG_PARTICIPANT_... */
	uint64_t id;			/*   8: from 1, never reused in the segment */
	uint32_t pid;			/*  16: in the daemon's pid namespace */
	uint32_t uid;			/*  20 */
	uint32_t gid;			/*  24 */
	uint32_t reserved0;		/*  28 */
	uint64_t pidfd_inode;		/*  32: pidfs, unique until reboot; 0 = unknown */
	uint64_t start_time;		/*  40: /proc/PID/stat field 22; 0 = unknown */
	uint64_t nonce;			/*  48: of the CREATE or OPEN that made it */
	/*
	 * Single word that changes: the participant holds no handle of an
	 * object that was removed at this epoch or before.
	 */
	uint64_t epoch;			/*  56 */
	uint64_t attached_ns;		/*  64: CLOCK_REALTIME */
	char name[SHMREG_CLIENT_NAME_MAX + 1];	/*  72: as HELLO said */
	uint8_t reserved1[24];		/* 104 */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_participant, pidfd_inode) == 32, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_participant, epoch) == 56, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_participant, name) == 72, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_dir_participant) == 128, "frozen");

struct shmreg_dir_object {
	uint32_t state;			/*   0: commits the entry; futex, woken when REMOVED */
	uint32_t next;			/*   4: index + 1 of the next in the bucket's chain */
	uint64_t id;			/*   8: from 1, never reused in the segment */
	struct shmreg_shape shape;	/*  16 */
	uint64_t offset;		/*  64: in the data area */
	uint64_t bytes;			/*  72: what shmreg_shape_bytes() says */
	uint64_t nonce;			/*  80: of the CREATE_OBJECT that made it */
	uint64_t creator;		/*  88: participant id, 0 = administrator */
	uint64_t removed_epoch;		/*  96: written before state becomes REMOVED */
	uint64_t created_ns;		/* 104: CLOCK_REALTIME */
	/* single words that change */
	uint32_t watch_events;		/* 112: SHMREG_WAIT_... that participants who cannot write
					 * have asked to be woken for; the watch half of the event
					 * count says the same, and is written after this */
	uint32_t watch_generation;	/* 116: raised whenever a descriptor begins or ends to watch
					 * the object, before its owner is told */
	uint8_t reserved[8];		/* 120 */
	char name[SHMREG_OBJECT_NAME_MAX + 1];		/* 128 */
	char type_name[SHMREG_TYPE_NAME_MAX + 1];	/* 192 */
};
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_object, shape) == 16, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_object, offset) == 64, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_object, removed_epoch) == 96, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_object, name) == 128, "frozen");
SHMREG_STATIC_ASSERT(offsetof(struct shmreg_dir_object, type_name) == 192, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_dir_object) == 256, "frozen");

/*
 * shmreg_dir_layout() - fill in the offsets and sizes of a directory
 * @ret:	dir_bytes, n_seats, n_buckets and the offsets are set from
 *		max_participants and max_objects, nothing else is touched
 *
 * Return: 0, or -EINVAL if a maximum is 0 or beyond SHMREG_..._MAX.
 */
SHMREG_API int shmreg_dir_layout(struct shmreg_dir *ret, uint32_t max_participants, uint32_t max_objects);

/*
 * shmreg_dir_check() - may a mapping of @bytes bytes be used as a directory?
 *
 * Checks magic, layout, state and that the geometry is the one that
 * shmreg_dir_layout() computes and fits @bytes. After it, the accessors below
 * never leave the mapping.
 *
 * Return: 0; -EBADMSG; -EPROTONOSUPPORT another layout version.
 */
SHMREG_API int shmreg_dir_check(const struct shmreg_dir *dir, size_t bytes);

static inline uint64_t *shmreg_dir_seats(const struct shmreg_dir *dir)
{
	return (uint64_t *)((uintptr_t)dir + (uintptr_t)dir->seats_offset);
}

static inline struct shmreg_dir_participant *shmreg_dir_participants(const struct shmreg_dir *dir)
{
	return (struct shmreg_dir_participant *)((uintptr_t)dir +
						 (uintptr_t)dir->participants_offset);
}

static inline struct shmreg_dir_object *shmreg_dir_objects(const struct shmreg_dir *dir)
{
	return (struct shmreg_dir_object *)((uintptr_t)dir + (uintptr_t)dir->objects_offset);
}

static inline uint32_t *shmreg_dir_buckets(const struct shmreg_dir *dir)
{
	return (uint32_t *)((uintptr_t)dir + (uintptr_t)dir->buckets_offset);
}

/* What to sleep on until an object comes or goes: the low half of objects_generation. */
static inline const uint32_t *shmreg_dir_objects_futex(const struct shmreg_dir *dir)
{
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
	return (const uint32_t *)(const void *)&dir->objects_generation;
#else
	return (const uint32_t *)(const void *)&dir->objects_generation + 1;
#endif
}

/*
 * shmreg_dir_find() - look an object up by name; lock-free, no system call
 * @ret:	a consistent copy of its entry; garbage if there is none
 * @ret_index:	of the entry; may be NULL
 *
 * Bounded: a miss is looked up again only if the index changed meanwhile, at
 * most 1,000 times.
 *
 * Return: 0; -ENOENT; -EAGAIN it changed 1,000 times during the look-up.
 */
SHMREG_API int shmreg_dir_find(const struct shmreg_dir *dir, const char *name,
		    struct shmreg_dir_object *ret, uint32_t *ret_index);

/*
 * shmreg_dir_read_object() - a consistent copy of entry @index
 * shmreg_dir_read_participant()
 * @ret:	garbage, unless 0 is returned
 *
 * Return: 0; -ENOENT the entry is free; -EAGAIN it changed while it was read.
 */
SHMREG_API int shmreg_dir_read_object(const struct shmreg_dir *dir, uint32_t index,
			   struct shmreg_dir_object *ret);
SHMREG_API int shmreg_dir_read_participant(const struct shmreg_dir *dir, uint32_t index,
				struct shmreg_dir_participant *ret);

SHMREG_END_DECLS

#endif /* SHMREG_ABI_DIRECTORY_H */
