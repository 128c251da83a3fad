/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_REGISTRY_H
#define SHMREGD_REGISTRY_H

/*
 * registry.h - all segments, and everything that may be done to them
 *
 * Pure: knows no loop, no socket, no systemd. It decides (policy, quota),
 * writes the directories, allocates in the data areas, makes and punches the
 * memfds, and applies lifetimes. What the world outside must do about it, it
 * says through struct registry_ops. One thread.
 *
 * Every function that can refuse takes an error buffer of
 * SHMREG_ERROR_MAX + 1 bytes, which is set to a sentence (what was wrong, what
 * would be right) exactly when a negative errno is returned:
 *
 *	-ENOENT		no such segment or object
 *	-ESTALE		an attachment that has ended or was never known; an object that was removed
 *	-EPERM		an attachment of another process
 *	-EACCES		mode, owner
 *	-EROFS		attached read-only
 *	-EEXIST		name taken
 *	-EMEDIUMTYPE, -EPROTONOSUPPORT	an object of that name, but another shape or layout
 *	-EINVAL, -ENAMETOOLONG, -EOVERFLOW	names, sizes, modes, lifetimes, shapes, events
 *	-EDQUOT		a limit of the uid
 *	-ENOSPC		max-segments, max_participants, max_objects, data area
 *	-EUSERS		seats
 *	-ENOMEM		reserve-budget; the daemon's own memory
 *	-ENOTRECOVERABLE	quarantined
 *
 * Reply structures are written only on success.
 */

#include <stdbool.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>
#include <shmreg/abi/reaper.h>

struct registry;
struct uid_limits;
struct segment;

/* Who a process is, also after the daemon was restarted. */
struct process_id {
	uint32_t pid;
	uint64_t pidfd_inode;	/* 0: unknown */
	uint64_t start_time;	/* 0: unknown */
};
/* Equal pids, and no known field differs. */
bool process_id_equal(const struct process_id *a, const struct process_id *b);

struct caller {
	uint32_t uid;
	uint32_t gid;
	const uint32_t *groups;		/* supplementary */
	size_t n_groups;
	bool admin;			/* root or the daemon's own uid */
	struct process_id process;
	char name[SHMREG_CLIENT_NAME_MAX + 1];
};

/*
 * Called while the registry works. They may read it, and repair() may also call
 * registry_repair_begin(), _end() and registry_quarantine(), event() registry_uncharge() and
 * registry_watch_changed(); nothing else that changes it. What free() and discard() begin ends
 * when the registry does not work.
 */
struct registry_ops {
	/* A segment has come into being; keep its descriptors (fd store). */
	void (*created)(void *data, struct segment *segment);
	/* It is about to be freed: stop keeping them. Called before they are closed. */
	void (*disposed)(void *data, struct segment *segment);
	/*
	 * It has dead seats, or object queues that were removed: registry_repair_begin(), run
	 * a reaper, registry_repair_end(). Called once, then again only after an end with success.
	 * Also for segments that are just being restored.
	 */
	void (*repair)(void *data, struct segment *segment);
	/*
	 * All of its dead seats were left idle, by a few, and nothing waits for the repair: call
	 * registry_rested() in a moment, unless there is repair() or disposed() before. NULL:
	 * repair() comes at once.
	 */
	void (*rest)(void *data, struct segment *segment);
	/*
	 * Memory is to be given back, which may take long: clear the ranges that
	 * segment_freeing() says, then registry_freed(). For registry_discard: all of the data
	 * area, after disposed(), then registry_discarded(), also for segments that are about
	 * to be restored and are discarded instead. NULL: it is done at once, by the registry.
	 */
	void (*free)(void *data, struct segment *segment);
	void (*discard)(void *data, struct segment *segment);
	/* A process attached for the first time, or its last attachment went. */
	void (*watch)(void *data, const struct process_id *process);
	void (*unwatch)(void *data, const struct process_id *process);
	/* It has happened: the directory says so, and who sleeps on its words was woken. */
	void (*event)(void *data, const struct shmreg_event *event);
};

struct registry_config {
	uint32_t max_segments;			/* default 500 */
	uint64_t reserve_budget;		/* bytes RESERVE may take in all */
	uint32_t max_seats_participant;		/* default 1024; owner and root: no limit but the last */
	uint32_t reserved_seats;		/* of each segment, kept for owner and root; default 64 */
	uint64_t limit[SHMREG_N_RESOURCES];	/* per uid; root: none */
	/* Of single uids, see quota_set_uid_limits(); the caller's, NULL is none. */
	const struct uid_limits *uid_limits_configured, *uid_limits_set;
};

int registry_new(struct registry **ret, const struct registry_config *config,
		 const struct registry_ops *ops, void *data);
/*
 * Frees what is in memory; leaves directories and names as they are (a restart
 * follows) and calls no op. Asserts that all connections and subscriptions were uncharged.
 */
struct registry *registry_free(struct registry *r);
void registry_reconfigure(struct registry *r, const struct registry_config *config);
/* Asserts every invariant: index, quotas against sums, directories against memory. */
void registry_verify(const struct registry *r);

/* Restarts of the daemon that the segments which there are outlived: the most of any. */
uint64_t registry_n_restarts(const struct registry *r);
/* What there is: segments, and attachments that live. */
void registry_count(const struct registry *r, uint64_t *ret_segments, uint64_t *ret_participants);
uint64_t registry_id(const struct registry *r);		/* see shmreg_hello_reply.registry */

/*
 * CREATE and OPEN; the shell sends the descriptors of *ret_segment with the
 * answer, the data area's read-only unless ret->access has WRITE, and none if
 * ret->participant is 0 (DETACHED).
 */
int registry_create(struct registry *r, const struct caller *c, const struct shmreg_create *in,
		    struct shmreg_attach_reply *ret, struct segment **ret_segment, char *error);
int registry_open(struct registry *r, const struct caller *c, const struct shmreg_open *in,
		  struct shmreg_attach_reply *ret, struct segment **ret_segment, char *error);
int registry_reattach(struct registry *r, const struct caller *c,
		      const struct shmreg_attachment *in, struct shmreg_attach_reply *ret,
		      char *error);
int registry_detach(struct registry *r, const struct caller *c,
		    const struct shmreg_attachment *in, char *error);
/* The same, of who says that he leaves nothing behind: the repair may come later, see rest(). */
int registry_detach_idle(struct registry *r, const struct caller *c,
			 const struct shmreg_attachment *in, char *error);
int registry_quiesce(struct registry *r, const struct caller *c,
		     const struct shmreg_attachment *in, char *error);
int registry_seats(struct registry *r, const struct caller *c, const struct shmreg_seats *in,
		   struct shmreg_seats_reply *ret, char *error);
int registry_remove(struct registry *r, const struct caller *c, const struct shmreg_target *in,
		    char *error);
int registry_create_object(struct registry *r, const struct caller *c,
			   const struct shmreg_create_object *in,
			   struct shmreg_create_object_reply *ret, char *error);
int registry_remove_object(struct registry *r, const struct caller *c,
			   const struct shmreg_remove_object *in, char *error);
int registry_list(struct registry *r, const struct caller *c, const struct shmreg_list *in,
		  struct shmreg_list_reply *ret);
/* *ret_segment is set if the caller may read it, else NULL, and only id and name are filled in. */
int registry_describe(struct registry *r, const struct caller *c, const struct shmreg_target *in,
		      struct shmreg_segment_info *ret, struct segment **ret_segment, char *error);
/* Fills in usage only; the counters are the shell's. Sums of all uids are for admins. */
int registry_usage(struct registry *r, const struct caller *c, uint32_t uid,
		   struct shmreg_usage ret[SHMREG_N_RESOURCES], char *error);
int registry_set(struct registry *r, const struct caller *c, const struct shmreg_set *in,
		 char *error);
/* May @c be told of this event's segment? (Names are public, the rest is for readers.) */
bool registry_may_read(struct registry *r, const struct caller *c, uint64_t segment);

/* An object that a request is about. */
struct registry_object {
	struct segment *segment;
	uint32_t index;		/* of its entry */
};
/*
 * WATCH and NOTIFY. What they ask for is checked, and those attached read-only are from now
 * on woken by whoever makes the events happen; bells are the shell's. WATCH is for
 * objects that are LIVE, NOTIFY also for those that were removed.
 */
int registry_watch(struct registry *r, const struct caller *c,
		   const struct shmreg_watch_request *in, struct registry_object *ret, char *error);
int registry_notify(struct registry *r, const struct caller *c, const struct shmreg_notify *in,
		    struct registry_object *ret, char *error);
/* A descriptor begins or ends to watch object @id; nothing happens if that has gone. */
void registry_watch_changed(const struct registry_object *object, uint64_t id);
uint32_t registry_watch_generation(const struct registry_object *object);

/* Connections and subscriptions are the shell's, but charged to the same account. */
int registry_charge(struct registry *r, uint32_t uid, enum shmreg_resource what, uint64_t n,
		    char *error);
void registry_uncharge(struct registry *r, uint32_t uid, enum shmreg_resource what, uint64_t n);

/* The process is dead, or its mappings are gone (exec): all its attachments die. */
void registry_process_died(struct registry *r, const struct process_id *process);
bool registry_process_attached(const struct registry *r, const struct process_id *process);

/*
 * Repair. Between begin and end no range of the segment is punched or used again,
 * for the reaper may be writing to it: so end (and quarantine) may be called only
 * when the reaper *process* is gone, whatever it said. disposed() may come in
 * between; then the job's end is not reported any more.
 * registry_repair_begin() notes which seats are dead now;
 * registry_repair_end(true) frees those, settles their participants, applies
 * the lifetime, and calls repair again if more died meanwhile;
 * (false) leaves them dead: the shell begins again, or gives up and quarantines,
 * which ends the repair too. @s may be gone afterwards; then disposed() was called.
 * A segment may also be disposed of while it is repaired: stop the reaper then.
 */
void registry_repair_begin(struct registry *r, struct segment *s);
void registry_repair_end(struct registry *r, struct segment *s, bool success,
			 const struct shmreg_reaper_report *sum);
void registry_quarantine(struct registry *r, struct segment *s);
/* What rest() began is over. */
void registry_rested(struct registry *r, struct segment *s);

/*
 * The end of what free() and discard() began. What could not be freed is tried again some
 * time. Until then the memory is charged, and the ranges are not used.
 */
void registry_freed(struct registry *r, struct segment *s, bool success);
void registry_discarded(struct registry *r, struct segment *s);
/* Is memory of what is charged to this uid being given back? */
bool registry_is_freeing(const struct registry *r, uint32_t uid);

/*
 * Restart. registry_restore() takes over the descriptors of one segment
 * (closes them on failure), checks the directory, finishes what its writer left
 * half-done, and rebuilds allocator, index and quotas. Participants keep their
 * seats; watch() is called for their processes. Segments whose creation was
 * not finished, or that have nobody left to live for, are discarded without a call of
 * created(), disposed() or event(). All segments of one store go into one new registry,
 * before it serves anybody; it takes over their registry's id.
 *
 * registry_orphan() marks all directories when the daemon stops in order; restore
 * clears the mark.
 *
 * Return: 0; -EBADMSG not a directory; -EPROTONOSUPPORT of another layout;
 * -EEXIST id or name is there already; -ENOENT it was disposed of or unfinished; -ENOMEM.
 */
int registry_restore(struct registry *r, int dir_fd, int data_fd, struct segment **ret,
		     char *error);
void registry_orphan(struct registry *r);

/* For the shell. Descriptors stay the segment's own; *_ro is opened anew, the caller closes it. */
uint64_t segment_id(const struct segment *s);
const char *segment_name(const struct segment *s);
int segment_dir_fd(const struct segment *s);
int segment_data_fd(const struct segment *s);
int segment_open_dir_ro(const struct segment *s);	/* fd or -errno */
/*
 * The same for less, where the same few segments are asked for again and again: it stays the
 * segment's, and is open until SEGMENT_RO_KEPT others have been asked for.
 */
#define SEGMENT_RO_KEPT 16
int segment_dir_ro(struct segment *s);
int segment_open_data_ro(const struct segment *s);	/* fd or -errno */
const struct shmreg_dir *segment_dir(const struct segment *s);
/* For free(): @ret has room for SEGMENT_FREEING_MAX. Return: how many. */
struct segment_range {
	uint64_t offset, bytes;
};
#define SEGMENT_FREEING_MAX 64
uint32_t segment_freeing(const struct segment *s, struct segment_range *ret);
/* Is its memory to stay allocated (SHMREG_CREATE_RESERVE, huge pages of a pool)? */
bool segment_keeps_memory(const struct segment *s);
/* For discard(): the caller's from now on. */
int segment_give_data_away(struct segment *s);
/*
 * The newest removal that is over for everybody: no participant, LIVE or DEAD, holds a
 * handle of an object that was removed then or before.
 */
uint64_t segment_quiesced_epoch(const struct segment *s);
/* Of one that lives, or has an event of its end just now. True, if it is not known. */
bool registry_could_write(const struct registry *r, uint64_t segment, uint64_t participant);
struct segment *registry_find(struct registry *r, uint64_t id);
struct segment *registry_first(struct registry *r);	/* by id, ascending */
struct segment *registry_next(struct registry *r, const struct segment *s);
/* For whatever the shell hangs on a segment (a repair job, a store state). */
void segment_set_userdata(struct segment *s, void *userdata);
void *segment_userdata(const struct segment *s);

#endif /* SHMREGD_REGISTRY_H */
