/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_PACKET_H
#define SHMREG_ABI_PACKET_H

/*
 * shmreg/abi/packet.h - what goes over the control socket
 *
 * SOCK_SEQPACKET; every packet in either direction has SHMREG_PACKET_BYTES
 * bytes. Each request is answered once, with its type and serial; but NOTIFY and
 * UNWATCH only if their answer can be sent at once, for which the client must have
 * read the answers before it. Descriptors
 * travel only from the daemon to the client, at most four a packet. Unused
 * bytes are zero in requests (else -EBADMSG) and in replies.
 *
 *	request			descriptors in the reply
 *	HELLO			token (a one-page memfd, read-write), unless OBSERVER
 *	CREATE, OPEN		directory (read-only), data (read-only or read-write)
 *	REATTACH, SEATS, DETACH, QUIESCE, REMOVE, SET, STATS	none
 *	CREATE_OBJECT, REMOVE_OBJECT, LIST			none
 *	DESCRIBE		directory (read-only), to those who may read it
 *	SUBSCRIBE		none; then EVENTs with serial 0 until hang-up
 *	WATCH			if asked for: a socket to be read from (see below)
 *	UNWATCH			none
 *	NOTIFY			sockets to be written to, at most SHMREG_NOTIFY_MAX
 *	ROOT			the root (shmreg/abi/root.h, read-only)
 *
 * The token: the client maps it MAP_SHARED, and keeps it mapped for as long as it
 * has a segment mapped (MADV_DONTFORK: a child has not got the segments), and closes
 * the descriptor. What it was given is an open file description with a lock on
 * a byte of the file (F_OFD_SETLK), which is let go when the last mapping and descriptor of it are gone. That
 * is, if the process lives, when it has exec'd: so the daemon learns that the
 * segments are mapped no more, without a word from the client.
 */

#include <shmreg/compiler.h>
#include <shmreg/abi/eventcount.h>
#include <shmreg/abi/name.h>
#include <shmreg/abi/object.h>
#include <shmreg/abi/placement.h>

SHMREG_BEGIN_DECLS

#define SHMREG_PACKET_MAGIC UINT32_C(0x50474d53)
#define SHMREG_PROTOCOL 1		/* version; must be equal */
#define SHMREG_PACKET_BYTES 1024
#define SHMREG_ERROR_MAX 255		/* bytes of a sentence */
#define SHMREG_SEATS_A_REPLY 64
#define SHMREG_LIST_MAX 4		/* entries a LIST reply has at most */

enum shmreg_packet_type {
	SHMREG_PACKET_HELLO = 1,
	SHMREG_PACKET_CREATE = 2,
	SHMREG_PACKET_OPEN = 3,
	SHMREG_PACKET_REATTACH = 4,
	SHMREG_PACKET_DETACH = 5,
	SHMREG_PACKET_QUIESCE = 6,
	SHMREG_PACKET_SEATS = 7,
	SHMREG_PACKET_REMOVE = 8,
	SHMREG_PACKET_CREATE_OBJECT = 9,
	SHMREG_PACKET_REMOVE_OBJECT = 10,
	SHMREG_PACKET_LIST = 11,
	SHMREG_PACKET_DESCRIBE = 12,
	SHMREG_PACKET_STATS = 13,
	SHMREG_PACKET_SUBSCRIBE = 14,
	SHMREG_PACKET_SET = 15,
	SHMREG_PACKET_EVENT = 16,	/* from the daemon only */
	SHMREG_PACKET_WATCH = 17,
	SHMREG_PACKET_UNWATCH = 18,
	SHMREG_PACKET_NOTIFY = 19,
	SHMREG_PACKET_ROOT = 20,
	SHMREG_PACKET_SET_LIMIT = 21,
	SHMREG_PACKET_MAX = 21,
};
#define SHMREG_PACKET_REPLY UINT16_C(0x8000)	/* added to a reply's type */

struct shmreg_packet_header {
	uint32_t magic;		/*  0 */
	uint16_t protocol;	/*  4 */
	uint16_t type;		/*  6 */
	uint64_t serial;	/*  8: from 1 */
	int32_t status;		/* 16: replies: 0 or -errno; requests: 0 */
	uint32_t reserved;	/* 20 */
};

/* HELLO */
#define SHMREG_HELLO_OBSERVER UINT32_C(1)	/* will attach to nothing; gets no token */
struct shmreg_hello {
	uint32_t flags;
	uint32_t reserved;
	char name[SHMREG_CLIENT_NAME_MAX + 1];	/* client's; may be empty, printable ASCII */
	char version[32];			/* of the library, for the log */
};
struct shmreg_hello_reply {
	uint64_t registry;	/* a registry that has lost its segments has another number */
	uint32_t uid;		/* of the client, as the daemon sees it */
	uint32_t pid;
	char version[32];	/* of the daemon */
};

/* CREATE, OPEN. Access: */
#define SHMREG_ACCESS_READ UINT32_C(1)
#define SHMREG_ACCESS_WRITE UINT32_C(2)		/* implies reading */
/* Flags: */
/* Who creates will allocate all memory himself, before he uses it; it is charged and kept so. */
#define SHMREG_CREATE_RESERVE UINT32_C(1)
#define SHMREG_CREATE_OPEN UINT32_C(2)		/* if it exists, open it instead */
#define SHMREG_CREATE_DETACHED UINT32_C(4)	/* do not attach (administration); needs until-removed */

struct shmreg_create {
	char name[SHMREG_SEGMENT_NAME_MAX + 1];
	uint64_t nonce;			/* not 0; same nonce, same process: same answer */
	uint64_t data_bytes;		/* 1 .. SHMREG_DATA_BYTES_MAX, rounded up to its pages */
	uint32_t flags;
	uint32_t mode;			/* 0 .. 0777; r and w count, x must be 0 */
	uint32_t lifetime;		/* enum shmreg_lifetime */
	uint32_t max_participants;	/* 0 = 256 */
	uint32_t max_objects;		/* 0 = 256 */
	uint32_t n_seats;		/* wanted at first, 1 .. SHMREG_SEATS_A_REPLY */
	struct shmreg_placement placement;
};
struct shmreg_open {
	char name[SHMREG_SEGMENT_NAME_MAX + 1];
	uint64_t nonce;
	uint32_t access;
	uint32_t n_seats;		/* 0 if access is read */
};
struct shmreg_attach_reply {
	uint64_t segment;
	uint64_t participant;	/* 0 if DETACHED */
	uint64_t dir_bytes;
	uint64_t data_bytes;
	uint32_t participant_index;	/* of its entry in the directory */
	uint32_t access;
	uint32_t created;	/* 1: this request made it; 0: it existed */
	uint32_t n_seats;
	uint16_t seat[SHMREG_SEATS_A_REPLY];
};

/*
 * Whatever speaks of an attachment. Epoch: see shmreg_dir_participant.epoch;
 * the daemon takes the larger of what it has and what it gets, up to the
 * directory's removal_epoch.
 */
struct shmreg_attachment {
	uint64_t segment;
	uint64_t participant;
	uint64_t epoch;
};
/*
 * DETACH. IDLE: all handles were closed, and nothing was left behind that somebody could wait
 * for. Only a hint: the daemon has the seats repaired all the same before it grants them again,
 * but not at once, so that one repair does for many who come and go.
 */
#define SHMREG_DETACH_IDLE UINT32_C(1)
struct shmreg_detach {
	struct shmreg_attachment at;
	uint32_t flags;
	uint32_t reserved;
};
struct shmreg_seats {
	struct shmreg_attachment at;
	uint32_t n_seats;	/* 1 .. SHMREG_SEATS_A_REPLY */
	uint32_t reserved;
};
struct shmreg_seats_reply {
	uint32_t n_seats;	/* at least 1, may be fewer than asked for */
	uint32_t reserved;
	uint16_t seat[SHMREG_SEATS_A_REPLY];
};
/*
 * SEATS is not idempotent: a client that lost the answer reads in the
 * directory which seats are its own. REATTACH (after the connection was lost)
 * succeeds only for the process that attached.
 */

/* REMOVE: by id, or by name if segment is 0. DESCRIBE: the same. */
struct shmreg_target {
	uint64_t segment;
	char name[SHMREG_SEGMENT_NAME_MAX + 1];
};

#define SHMREG_OBJECT_OPEN UINT32_C(1)	/* if it exists with equal shape and type, fine */
struct shmreg_create_object {
	struct shmreg_attachment at;	/* participant 0: administrator (owner or root) */
	uint64_t nonce;
	uint32_t flags;
	uint32_t reserved;
	struct shmreg_shape shape;
	char name[SHMREG_OBJECT_NAME_MAX + 1];
	char type_name[SHMREG_TYPE_NAME_MAX + 1];
};
struct shmreg_create_object_reply {
	uint64_t object;
	uint32_t index;		/* of its entry in the directory */
	uint32_t created;
};
struct shmreg_remove_object {
	struct shmreg_attachment at;
	uint64_t object;	/* id; 0: by name */
	char name[SHMREG_OBJECT_NAME_MAX + 1];
};

/* What LIST, DESCRIBE, STATS and events say of a segment. */
struct shmreg_segment_info {
	uint64_t segment;
	char name[SHMREG_SEGMENT_NAME_MAX + 1];
	uint32_t access;	/* the caller's; 0: everything below is 0 */
	uint32_t state;		/* SHMREG_DIR_... */
	uint32_t flags;
	uint32_t mode;
	uint32_t lifetime;
	uint32_t owner_uid;
	uint32_t owner_gid;
	uint32_t n_participants;
	uint32_t n_objects;
	uint32_t n_seats;	/* LIVE or DEAD */
	uint64_t data_bytes;
	uint64_t used_bytes;	/* taken by objects */
	uint64_t resident_bytes;	/* memory that both memfds really take */
	uint64_t n_deaths;
	uint64_t n_repairs;
	uint64_t created_ns;
};
struct shmreg_list {
	uint64_t after;		/* segment id; 0 = from the first */
};
struct shmreg_list_reply {
	uint32_t n;
	uint32_t more;		/* 1: ask again, after the last one's id */
	struct shmreg_segment_info info[SHMREG_LIST_MAX];
};

/*
 * STATS: of one uid (own, or any for root) or of the whole registry. Sums of which others could
 * tell what is in segments that they may not read are SHMREG_USAGE_UNKNOWN but for root.
 */
#define SHMREG_USAGE_UNKNOWN UINT64_MAX
struct shmreg_stats {
	uint32_t uid;		/* UINT32_MAX: of the whole registry */
	uint32_t reserved;
};
/* Limits are UINT64_MAX where there is none. */
struct shmreg_usage {
	uint64_t used;
	uint64_t limit;
};
enum shmreg_resource {
	SHMREG_RESOURCE_SEGMENTS = 0,
	SHMREG_RESOURCE_BYTES = 1,	/* sizes of data areas and directories, touched or not */
	SHMREG_RESOURCE_RESERVED_BYTES = 2,	/* of those created with RESERVE */
	SHMREG_RESOURCE_OBJECTS = 3,
	SHMREG_RESOURCE_PARTICIPANTS = 4,
	SHMREG_RESOURCE_SEATS = 5,
	SHMREG_RESOURCE_CONNECTIONS = 6,
	SHMREG_RESOURCE_SUBSCRIPTIONS = 7,
	SHMREG_N_RESOURCES = 8,
};
struct shmreg_stats_reply {
	struct shmreg_usage usage[SHMREG_N_RESOURCES];
	/* of the whole registry, since it was started */
	uint64_t n_requests;
	uint64_t n_refused;
	/* up to n_quarantined: for root, else SHMREG_USAGE_UNKNOWN */
	uint64_t n_deaths;
	uint64_t n_repairs;		/* jobs done */
	uint64_t n_repaired;		/* what they repaired: see shmreg/abi/reaper.h */
	uint64_t n_freed;
	uint64_t n_requeued;
	uint64_t n_gave_up;
	uint64_t n_reaper_failures;
	uint64_t n_quarantined;		/* segments */
	uint64_t n_restarts;		/* 0: started afresh; else the segments outlived so many */
	uint64_t started_ns;		/* CLOCK_REALTIME */
	uint32_t pid;
	uint32_t reserved;
};

/* SET: owner or root. */
#define SHMREG_SET_OWNER UINT32_C(1)	/* uid and gid; another uid: root only */
#define SHMREG_SET_MODE UINT32_C(2)
#define SHMREG_SET_LIFETIME UINT32_C(4)
struct shmreg_set {
	struct shmreg_target target;
	uint32_t what;		/* SHMREG_SET_... */
	uint32_t uid;
	uint32_t gid;
	uint32_t mode;
	uint32_t lifetime;
	uint32_t reserved;
};

/*
 * SET_LIMIT: of one uid, in place of what the configuration says; root only. Outlives the daemon
 * as segments do. Nothing is taken from who has more.
 */
struct shmreg_set_limit {
	uint32_t uid;		/* not 0: root has no limits */
	uint32_t what;		/* 1 << enum shmreg_resource, at least one */
	uint32_t unset;		/* those of them that are to be as configured again */
	uint32_t reserved;
	uint64_t limit[SHMREG_N_RESOURCES];	/* UINT64_MAX: none; 0 if not in what, or in unset */
};

/*
 * WATCH: tell this process when something happens to an object.
 *
 * Without DESCRIPTOR, for participants that are attached read-only and so cannot set a bit
 * in an event count: the event counts' watch halves are not 0 from before the answer until
 * the last such participant of the segment has gone.
 *
 * With DESCRIPTOR: the answer has a stream socket (a *bell*) that becomes readable: one byte
 * is in it at first; each NOTIFY or write to its other end adds one, if there is room;
 * the daemon adds one whenever the segment's death word is raised, a participant leaves, or
 * the object is removed.
 * What is in it means nothing else. If it is at its end while the connection is not,
 * somebody to whom NOTIFY gave the other one has shut it: UNWATCH, and WATCH anew. A watch ends with UNWATCH, with the connection, and
 * with the participant; not by itself when the object is removed. A client that loses the
 * connection asks again. For a read-only participant DESCRIPTOR does both.
 *
 * The connection need not be the one over which the participant attached, and may be an
 * OBSERVER's: but of the same process. So it is with NOTIFY.
 */
#define SHMREG_WATCH_DESCRIPTOR UINT32_C(1)
struct shmreg_watch_request {
	struct shmreg_attachment at;
	uint64_t object;	/* id */
	uint32_t events;	/* SHMREG_WAIT_..., at least one, that its kind has */
	uint32_t flags;
};
struct shmreg_watch_reply {
	uint64_t watch;		/* id, from 1, never reused by a daemon; 0: without DESCRIPTOR */
};
struct shmreg_unwatch {
	uint64_t watch;		/* made over this connection */
};

/*
 * NOTIFY: events have happened to an object that is watched. The daemon rings the bells of
 * these events, and then answers with other ends of bells, so that the client can ring
 * them itself: those of watches with an id above `after`, lowest first. They are as of
 * generation (shmreg_dir_object.watch_generation); if that has moved, ask again.
 *
 * Bells are rung with MSG_DONTWAIT: -EAGAIN is fine, for what is not empty is readable;
 * -EPIPE: its owner has gone.
 */
#define SHMREG_NOTIFY_MAX 4
struct shmreg_notify {
	struct shmreg_attachment at;
	uint64_t object;	/* id */
	uint64_t after;
	uint32_t events;	/* SHMREG_WAIT_...; 0: only answer */
	uint32_t reserved;
};
struct shmreg_notify_reply {
	uint32_t generation;
	uint32_t n;		/* descriptors in this packet */
	uint32_t more;		/* 1: ask again, after the last one's id */
	uint32_t reserved;
	uint64_t watch[SHMREG_NOTIFY_MAX];
	uint32_t events[SHMREG_NOTIFY_MAX];	/* that each wants to be rung for */
};

/* ROOT: words to sleep on until a segment is there. */
struct shmreg_root_request {
	uint64_t reserved;
};
struct shmreg_root_reply {
	uint64_t bytes;		/* sizeof(struct shmreg_root) */
};

struct shmreg_subscribe {
	uint32_t mask;		/* 1 << enum shmreg_event_kind; 0 = all */
	uint32_t reserved;
	char name[SHMREG_SEGMENT_NAME_MAX + 1];	/* only this segment; empty: all one may read */
};

enum shmreg_event_kind {
	SHMREG_EVENT_CREATED = 1,
	SHMREG_EVENT_REMOVED = 2,	/* its name */
	SHMREG_EVENT_DISPOSED = 3,	/* its memory */
	SHMREG_EVENT_ATTACHED = 4,
	SHMREG_EVENT_DETACHED = 5,
	SHMREG_EVENT_DIED = 6,
	SHMREG_EVENT_REPAIRED = 7,
	SHMREG_EVENT_QUARANTINED = 8,
	SHMREG_EVENT_OBJECT_CREATED = 9,
	SHMREG_EVENT_OBJECT_REMOVED = 10,
	SHMREG_EVENT_CHANGED = 11,	/* owner, mode or lifetime */
	SHMREG_EVENT_LOST = 12,		/* n_lost events did not fit */
};
struct shmreg_event {
	uint32_t kind;
	uint32_t reserved;
	uint64_t time_ns;	/* CLOCK_REALTIME */
	uint64_t segment;
	uint64_t participant;
	uint64_t object;
	uint32_t pid;
	uint32_t uid;
	uint64_t n_lost;
	/* REPAIRED: sums over the job */
	uint64_t n_repaired;
	uint64_t n_freed;
	uint64_t n_requeued;
	uint64_t n_gave_up;
	char segment_name[SHMREG_SEGMENT_NAME_MAX + 1];
	char object_name[SHMREG_OBJECT_NAME_MAX + 1];
	char client_name[SHMREG_CLIENT_NAME_MAX + 1];
};

struct shmreg_request {
	struct shmreg_packet_header header;
	union {
		struct shmreg_hello hello;
		struct shmreg_create create;
		struct shmreg_open open;
		struct shmreg_attachment attachment;	/* REATTACH, QUIESCE */
		struct shmreg_detach detach;
		struct shmreg_seats seats;
		struct shmreg_target target;		/* REMOVE, DESCRIBE */
		struct shmreg_create_object create_object;
		struct shmreg_remove_object remove_object;
		struct shmreg_list list;
		struct shmreg_stats stats;
		struct shmreg_subscribe subscribe;
		struct shmreg_set set;
		struct shmreg_watch_request watch;
		struct shmreg_unwatch unwatch;
		struct shmreg_notify notify;
		struct shmreg_root_request root;
		struct shmreg_set_limit set_limit;
		uint8_t bytes[SHMREG_PACKET_BYTES - sizeof(struct shmreg_packet_header)];
	} u;
};
struct shmreg_reply {
	struct shmreg_packet_header header;
	union {
		char error[SHMREG_ERROR_MAX + 1];	/* if status < 0: a sentence */
		struct shmreg_hello_reply hello;
		struct shmreg_attach_reply attach;	/* CREATE, OPEN, REATTACH (seats: read the directory) */
		struct shmreg_seats_reply seats;
		struct shmreg_create_object_reply create_object;
		struct shmreg_list_reply list;
		struct shmreg_segment_info describe;
		struct shmreg_stats_reply stats;
		struct shmreg_event event;
		struct shmreg_watch_reply watch;
		struct shmreg_notify_reply notify;
		struct shmreg_root_reply root;
		uint8_t bytes[SHMREG_PACKET_BYTES - sizeof(struct shmreg_packet_header)];
	} u;
};
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_packet_header) == 24, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_hello) == 72, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_create) == 192, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_open) == 144, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_attach_reply) == 176, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_create_object) == 216, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_remove_object) == 96, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_segment_info) == 224, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_stats_reply) == 232, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_event) == 312, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_watch_request) == 40, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_notify) == 48, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_notify_reply) == 64, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_set_limit) == 80, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_request) == SHMREG_PACKET_BYTES, "frozen");
SHMREG_STATIC_ASSERT(sizeof(struct shmreg_reply) == SHMREG_PACKET_BYTES, "frozen");

/*
 * shmreg_request_check() - is this a request the daemon may act on?
 * @n:		bytes received
 * @ret_why:	if refused, a sentence for the reply; the thread's own, good until
 *		its next call; may be NULL
 *
 * Checks the form alone: size, magic, protocol, type, serial, zeros where
 * zeros are due, terminated and valid names, known flags, enumerations and ranges. Shapes
 * (shmreg_shape_bytes()), policy and state are the registry's business.
 *
 * Return: 0; -EBADMSG not a packet (the connection is to be closed);
 * -EPROTONOSUPPORT another protocol (answer, then close); -EINVAL,
 * -ENAMETOOLONG, -EOPNOTSUPP (type unknown): answer.
 */
int shmreg_request_check(const struct shmreg_request *request, size_t n, const char **ret_why);

/*
 * shmreg_reply_check() - the same for what a client received
 * @type:	of the request (without SHMREG_PACKET_REPLY), and its serial; for
 *		events SHMREG_PACKET_EVENT (which is no reply: header.type is
 *		SHMREG_PACKET_EVENT as it stands) and 0
 *
 * A status below 0 is fine; the sentence is then terminated.
 *
 * Return: 0; -EBADMSG; -EPROTONOSUPPORT the daemon speaks another protocol,
 * header.protocol says which.
 */
int shmreg_reply_check(const struct shmreg_reply *reply, size_t n, uint16_t type,
		       uint64_t serial);

SHMREG_END_DECLS

#endif /* SHMREG_ABI_PACKET_H */
