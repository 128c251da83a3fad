/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_SEGMENT_H
#define SHMREG_SEGMENT_H

/*
 * shmreg/segment.h - named shared memory, attached and administered
 *
 * Callers	Any thread may use a segment, but closing it: no other thread
 *		may be using it or its handles then. See connection.h, also for
 *		fork, signals and errors.
 *
 * Progress	As in connection.h. What says "no request" does not depend on a
 *		daemon.
 *
 * Ordering	As in connection.h.
 *
 * Crashes	However a participant goes, the daemon notices, has its objects
 *		repaired, and applies the segment's lifetime.
 *
 * Trust	The directory is the daemon's, mapped read-only, and believed.
 *		The data area belongs to all who are attached read-write and is
 *		not. Both have seals, so that nobody can cut them short under us.
 *
 * Waiting	As in connection.h; shmreg_segment_open_wait() and shmreg_object_wait() until
 *		there is what they are asked for. read-only may: look at directory and data
 *		area, open handles and use what their headers allow; anything
 *		else is -EROFS.
 *
 * Units	Sizes are bytes.
 *
 * Cost		Attaching: a request and two mmap(). The data area is sparse:
 *		pages cost when they are touched first. With SHMREG_CREATE_RESERVE
 *		creating allocates them all, some hundred milliseconds a GiB.
 */

#include <time.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>
#include <shmreg/connection.h>

SHMREG_BEGIN_DECLS

struct shmreg_segment;

struct shmreg_segment_params {
	size_t size;			/* sizeof(struct shmreg_segment_params) */
	uint64_t bytes;			/* of the data area; sparse: untouched pages cost nothing */
	uint32_t mode;			/* 0 = 0600; r: attach read-only, w: read-write */
	uint32_t lifetime;		/* enum shmreg_lifetime */
	uint32_t flags;			/* SHMREG_CREATE_RESERVE */
	uint32_t max_participants;	/* 0 = SHMREG_PARTICIPANTS_DEFAULT */
	uint32_t max_objects;		/* 0 = SHMREG_OBJECTS_DEFAULT; see shmreg_segment_cost() */
	uint32_t n_seats;		/* wanted at once; 0 = 4; more are fetched when needed */
	struct shmreg_placement placement;	/* huge pages, NUMA nodes, ...; 0: nothing in particular */
};

/* What a segment takes. */
struct shmreg_segment_cost {
	size_t size;			/* sizeof(struct shmreg_segment_cost), set by the caller */
	uint64_t data_bytes;		/* of the data area: what was asked for, in whole pages */
					/* (huge ones, if they are to be of a pool, and there are) */
	uint64_t dir_bytes;		/* of the directory; with it, what the owner's quota is charged */
	uint32_t max_participants;	/* with the defaults filled in */
	uint32_t max_objects;
};

/*
 * shmreg_segment_cost() - what a segment would take, before it is made; no request
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * Both are sparse: of memory, a new segment has the one page of its directory's head (with
 * SHMREG_CREATE_RESERVE the data area as well); an object's entry is 256 bytes of the directory, a
 * participant's 128. What an object takes of the data area says shmreg_shape_bytes().
 *
 * Return: 0; -EINVAL a size or limit that no segment can have, as the sentence says.
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_cost(const struct shmreg_segment_params *params,
						struct shmreg_segment_cost *ret);

/*
 * shmreg_segment_create() - make a segment and attach to it read-write
 * shmreg_segment_open() - attach to one that exists
 * shmreg_segment_open_or_create() - whichever it takes, atomically
 * @ret:	create: NULL = make it and do not attach (needs until-removed; is attached meanwhile
 *		if there is something to reserve or to place)
 * @name:	see shmreg/abi/name.h
 * @access:	SHMREG_ACCESS_READ or SHMREG_ACCESS_WRITE
 * @ret_created:	may be NULL
 *
 * A process may attach several times; each is a participant of its own.
 *
 * SHMREG_CREATE_RESERVE: when it returns, all of the data area is allocated, so that no store
 * can fail for want of memory, unless somebody punches holes into it. Allocated by the calling
 * process, whose control group is charged; the daemon and all others go on meanwhile. Others
 * may find the segment and attach while that lasts: the name is taken from the beginning.
 * If it fails, or this process is killed, the segment loses its name or its life. One that
 * open_or_create finds is reserved too if it was created so, even if who did is not done.
 *
 * placement: see shmreg/abi/placement.h. What was obtained says shmreg_segment_placement().
 * SHMREG_HUGE_2M and _1G make the segment larger, by whole pages, which are taken from their pool
 * at once and charged as reserved; if there are too few, it is made of ordinary pages, as if they
 * had not been asked for. Never is a store into them a SIGBUS, unless somebody punches holes.
 * NUMA nodes belong to the memory, whoever touches it first; they are set by the calling process,
 * and if it is killed before, by who has attached meanwhile, or the segment goes with it. PREFAULT and LOCK are done by all
 * who attach read-write, to their own mappings: who creates fails if he cannot; who opens goes on
 * without, for he may not know. They, and NUMA nodes with huge pages of a pool, imply RESERVE:
 * such pages are placed by who allocates them; if the nodes have too few, creating is -ENOMEM.
 *
 * Return: 0, or
 *	-EEXIST (create), -ENOENT (open)
 *	-EINVAL, -ENAMETOOLONG	name, size, mode, lifetime, limits, placement, a NUMA node that
 *				there is not
 *	-EACCES			the mode forbids it
 *	-EDQUOT			a quota of this uid; the sentence says which
 *	-ENOSPC			the registry's own limit, or participants used up
 *	-EUSERS			no seat is free; the sentence says who holds them
 *	-ENOMEM			RESERVE is beyond reserve-budget, or beyond what the machine or
 *				the control group of this process has left
 *				LOCK is beyond RLIMIT_MEMLOCK (also -EPERM, -EAGAIN)
 *	-EAGAIN			mapping it is beyond RLIMIT_MEMLOCK: this process has called
 *				mlockall(MCL_FUTURE); all of what it maps is then allocated, unless
 *				it said MCL_ONFAULT
 *	-EFBIG			larger than the file-size limit of the daemon (RLIMIT_FSIZE)
 *	-EPERM			this process may not place memory on NUMA nodes
 *	-EOPNOTSUPP		PREFAULT, and the kernel is older than 5.14
 *	-ENOTRECOVERABLE	quarantined
 *	-ECHILD, -ECONNREFUSED, ...	see shmreg_connect()
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_create(struct shmreg_connection *connection,
						  struct shmreg_segment **ret, const char *name,
						  const struct shmreg_segment_params *params);
SHMREG_API SHMREG_CHECK int shmreg_segment_open(struct shmreg_connection *connection,
						struct shmreg_segment **ret, const char *name,
						uint32_t access);
SHMREG_API SHMREG_CHECK int
shmreg_segment_open_or_create(struct shmreg_connection *connection, struct shmreg_segment **ret,
			      const char *name, const struct shmreg_segment_params *params,
			      int *ret_created);

/*
 * shmreg_segment_open_wait() - sleep until a segment of this name can be opened, and open it
 * @flags:	0 or SHMREG_WAIT_INTERRUPTIBLE
 * @deadline:	see shmreg/wait.h; NULL: none. Of the sleep: requests take as long as always.
 *
 * Sleeps on a word of the registry, which the daemon raises when a segment is created: no
 * polling. It asks only when that may have been the one. The daemon may be killed and
 * restarted meanwhile. One that comes back without what it had (it was not under systemd or
 * shmregctl run) wakes nobody, but any other call of this connection notices it, and then this
 * one goes on with the new one.
 *
 * Return: 0; as shmreg_segment_open(), but
 *	-ENOENT		does not occur
 *	-EINVAL		also the flags or the deadline
 *	-EACCES		at once: it exists, and the mode forbids it
 *	-ETIMEDOUT, -EINTR	see shmreg/wait.h
 *	-EHOSTDOWN	the daemon was stopped in order while this slept
 */
SHMREG_API SHMREG_CHECK int
shmreg_segment_open_wait(struct shmreg_connection *connection, struct shmreg_segment **ret,
			 const char *name, uint32_t access, uint32_t flags,
			 const struct timespec *deadline);

/*
 * shmreg_segment_close() - detach
 *
 * Closes all handles of its objects, unmaps it, and gives its seats back.
 * No other thread may be using the segment or its handles. NULL is fine. Of a daemon that was
 * stopped in order an answer is awaited for 5 seconds, and if it comes back later, it takes the
 * process for attached until that ends.
 *
 * Return: NULL.
 */
SHMREG_API struct shmreg_segment *shmreg_segment_close(struct shmreg_segment *segment);

/*
 * shmreg_segment_remove() - take its name away
 *
 * Those attached keep it until they detach. Owner, root and the daemon's uid may.
 *
 * Return: 0; -ENOENT; -EACCES; and as every control call.
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_remove(struct shmreg_connection *connection,
						  const char *name);

/*
 * shmreg_segment_list() - visit every segment, in the order of creation
 * @visit:	called without locks held; a value other than 0 ends the visit
 *		and is returned
 */
SHMREG_API SHMREG_CHECK int
shmreg_segment_list(struct shmreg_connection *connection,
		    int (*visit)(void *data, const struct shmreg_segment_info *info), void *data);

/*
 * shmreg_segment_describe() - what the daemon says of one segment
 * @ret_dir:	if not NULL: a read-only mapping of its directory, to be
 *		unmapped with shmreg_dir_unmap(); needs read permission
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_describe(struct shmreg_connection *connection,
						    const char *name,
						    struct shmreg_segment_info *ret,
						    const struct shmreg_dir **ret_dir);
SHMREG_API const struct shmreg_dir *shmreg_dir_unmap(const struct shmreg_dir *dir);

/* shmreg_segment_set() - change owner, mode or lifetime; @set->target is filled in from @name */
SHMREG_API SHMREG_CHECK int shmreg_segment_set(struct shmreg_connection *connection,
					       const char *name, const struct shmreg_set *set);

/* shmreg_stats() - usage and limits of @uid, UINT32_MAX = the whole registry */
SHMREG_API SHMREG_CHECK int shmreg_stats(struct shmreg_connection *connection, uint32_t uid,
					 struct shmreg_stats_reply *ret);

/*
 * shmreg_set_limit() - limits of one uid, in place of the configured ones; root only
 *
 * They outlive the daemon, until the machine is started anew or they are unset.
 *
 * Return: 0, or
 *	-EACCES		the caller is neither root nor the daemon's uid
 *	-EINVAL		@set is NULL or makes no sense; root's have been asked for
 *	other		the daemon cannot keep them, and nothing was changed; the connection's errors
 */
SHMREG_API SHMREG_CHECK int shmreg_set_limit(struct shmreg_connection *connection,
					     const struct shmreg_set_limit *set);

/*
 * shmreg_subscribe() - turn @connection into a stream of life-cycle events
 * @name:	only this segment; NULL: all that this uid may read
 * @mask:	bits 1 << enum shmreg_event_kind; 0 = all
 *
 * Segments created and removed, participants that join (ATTACHED), leave or die, what was
 * repaired, objects created and removed, ...: each event after what it tells of. Who wants to know
 * what there is subscribes first and then lists, over another connection: then nothing is missed,
 * and what happened in between is in both.
 *
 * Afterwards the connection is good only for shmreg_next_event(), shmreg_event_fd() and
 * shmreg_disconnect(); requests are -EBUSY. Events are never lost silently: one of kind LOST
 * says how many did not fit, whatever @mask.
 *
 * The stream ends when the daemon does, also if it is restarted: -ECONNRESET, and nobody tells
 * what happened meanwhile. Subscribe again, with this connection or another, and list what
 * there is. This waits, as every request, for a daemon that is being restarted.
 *
 * Return: 0; -EINVAL, -ENAMETOOLONG @name or @mask; -EBUSY segments are attached through the
 * connection, or it is a stream that has not ended; -EDQUOT too many subscriptions of this uid; and
 * as every control call.
 */
SHMREG_API SHMREG_CHECK int shmreg_subscribe(struct shmreg_connection *connection,
					     const char *name, uint32_t mask);

/*
 * shmreg_next_event() - the next one, for which it waits
 * @nonblock:	do not wait
 *
 * Return: 0; -EAGAIN nothing there (@nonblock); -ECONNRESET the stream has ended, and all that
 * was in it was read; -EINVAL not subscribed; -EBADMSG what came is no event; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_next_event(struct shmreg_connection *connection,
					      struct shmreg_event *ret, int nonblock);

/*
 * shmreg_event_fd() - a descriptor for poll(), epoll and the like
 *
 * Readable as long as shmreg_next_event() has something to say, be it an event or -ECONNRESET. For
 * loops that tell of a change only (EPOLLET): call it until -EAGAIN. The descriptor is the
 * library's; it is closed by the next shmreg_subscribe() and by shmreg_disconnect(): take it out of
 * the loop before.
 *
 * Return: the descriptor; -EINVAL not subscribed; -ECHILD.
 */
SHMREG_API int shmreg_event_fd(const struct shmreg_connection *connection);

/* Of an attached segment; no request, no failure. */
SHMREG_API const struct shmreg_dir *shmreg_segment_dir(const struct shmreg_segment *segment);
SHMREG_API uint64_t shmreg_segment_participant(const struct shmreg_segment *segment);
/* What memory a segment has, and what its placement has come to in this process. */
struct shmreg_segment_placement {
	size_t size;			/* sizeof(struct shmreg_segment_placement), set by the caller */
	struct shmreg_placement placement;	/* as created; nodes: those that there were */
	uint64_t page_bytes;		/* the kernel's (4096, often), or as asked for */
	/*
	 * 0, or a negative errno: why it has no huge pages though they were asked for. -ENOMEM: the
	 * pool has too few; -EINVAL, -ENODEV: the machine has none of this size. Of transparent
	 * ones it is about this mapping, and whether there are any is known with PREFAULT only.
	 */
	int32_t huge_error;
	int32_t prefault_error;		/* 0, or why not all of it is mapped; read-only: 0 */
	int32_t lock_error;		/* 0, or why it is not locked: -ENOMEM, -EPERM; read-only: 0 */
};
/*
 * shmreg_segment_placement() - of an attached segment; no request
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * Return: 0; -EINVAL ret->size; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_segment_placement(const struct shmreg_segment *segment,
						     struct shmreg_segment_placement *ret);
/* The data area, for those who bring their own structures. Bytes: dir->data_bytes. */
SHMREG_API const void *shmreg_segment_data(const struct shmreg_segment *segment);

/*
 * shmreg_object_remove() - take an object's name away
 *
 * Handles that are open keep working until they are closed (their slow paths
 * say -ESTALE); then, when no participant can have it open, its memory goes
 * back to the kernel and its range to the segment. A participant says so by itself
 * when it closes a handle or opens one, and with every request about the segment:
 * one that never does any of that again delays the memory until it ends.
 *
 * Return: 0; -ENOENT; -EROFS attached read-only; and as every control call.
 */
SHMREG_API SHMREG_CHECK int shmreg_object_remove(struct shmreg_segment *segment,
						 const char *name);

/*
 * shmreg_object_wait() - sleep until there is an object of this name, of whatever kind
 * @flags:	0 or SHMREG_WAIT_INTERRUPTIBLE
 * @deadline:	see shmreg/wait.h; NULL: none
 *
 * Sleeps on a word of the directory, which the daemon alone writes: no polling and no
 * request, attached read-only too. Whoever creates an object may die thereafter: it is there.
 * It may have been removed again before the caller opens it: then -ENOENT from that, and wait
 * again. One that came and went while the caller slept may go unseen. That the segment's own
 * name is removed does not end it: those who are attached can still create.
 *
 * Return: 0 it was there, or
 *	-EINVAL, -ENAMETOOLONG	the name, the flags or the deadline
 *	-ETIMEDOUT, -EHOSTDOWN, -ENOTRECOVERABLE, -EINTR	see shmreg/wait.h
 *	-ESTALE			a request found that the registry has lost the segment
 *	-ECHILD
 */
SHMREG_API SHMREG_CHECK int shmreg_object_wait(struct shmreg_segment *segment, const char *name,
					       uint32_t flags, const struct timespec *deadline);

SHMREG_END_DECLS

#endif /* SHMREG_SEGMENT_H */
