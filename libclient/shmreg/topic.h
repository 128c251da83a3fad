/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_H
#define SHMREG_TOPIC_H

/*
 * shmreg/topic.h - messages of up to a fixed size, from a few publishers to many subscribers
 *
 * Every subscriber gets every message. *Lossy* (default): publishers never wait, and
 * a subscriber that is overtaken by a whole lap is told exactly which messages it lost.
 * SHMREG_TOPIC_RELIABLE: publishers do not overtake a subscriber that lives; or, with
 * a limit of lag, evict it, and it is told exactly what it lost.
 *
 * Callers	As many publishers at a time as the topic was made for (1, if
 *		nothing else was said), each a handle of its own, with a role
 *		that is free again when the handle is closed or its process has
 *		died. Subscribers: any number if lossy; if reliable, those that
 *		have a cursor. A handle is used by one thread at a time and may
 *		move between threads with a happens-before. A signal handler
 *		counts as another thread.
 *
 * Progress	Lock-free: no call but open, close and those that are to wait waits
 *		for anybody, allocates or sleeps; nor enters the kernel, unless somebody
 *		is to be woken. A publisher that is *stopped*
 *		anywhere holds up nobody: the others publish around it, as far
 *		as they like. A subscriber that is stopped holds up publishers
 *		only if the topic is reliable and it has a cursor; one that has
 *		died does not, from the moment at which the daemon sees it.
 *		Retries are bounded: -EBUSY after SHMREG_TOPIC_TRIES lost races
 *		in one call, with nothing done.
 *
 * Ordering	Every message has a position; positions have no gaps. All
 *		subscribers see the messages in the order of positions, so those
 *		of one publisher in the order in which it published. What a
 *		publisher wrote before is visible to whoever reads the message
 *		(release/acquire), and if reliable, what a subscriber did before
 *		read() or consume() to the publisher that reuses its slot.
 *
 * Crashes	A process killed at any instruction of a call:
 *		 publish, publish_reserved
 *				the message is there whole, or not at all
 *		 reserve, and while it holds the reserved message
 *				nothing was published
 *		 read, peek, consume, open, close
 *				nothing happened to anybody else
 *		Nothing is lost, repeated or torn for those who live, and no slot
 *		stays unused. The role of the dead is free again when the reaper
 *		has visited the topic: opening waits for that. A subscriber that
 *		died does not get its place back: its successor joins anew.
 *
 * Trust	A peer with write access can garble messages, repeat or lose
 *		them, claim losses that there were not, hold publishers of a
 *		reliable topic, have a call fail (-EUCLEAN, -EBUSY), and have those
 *		who wait wake for nothing, or sleep on. It cannot make a call
 *		read or write outside of the topic or loop without bound.
 *		Geometry comes from the directory; chunk numbers and sizes are
 *		read once and bounded. A message that is looked at in place
 *		stays in shared memory: copy once, check the copy.
 *
 * Waiting	The functions whose names end in _wait, see <shmreg/wait.h>: who reads, for
 *		messages, and each message wakes all; publishers of a reliable topic, for
 *		room, and all are woken when a subscriber that may have held them reads,
 *		closes, is evicted or was found dead. So of several one that is stopped holds up
 *		none. All others never wait. read-only may: subscribe to a lossy
 *		topic, open_const, newest, read_at, stat, publishers, subscribers, and
 *		wait for messages; the rest is -EROFS, or does not compile.
 *
 * Units	Messages; their sizes are bytes; positions are counted from 0.
 *		Times are those of CLOCK_MONOTONIC, in nanoseconds.
 *
 * Cost		publish: a copy and a few stores, however many subscribe; with
 *		several publishers also one compare-and-swap, and a look at the
 *		message that is displaced. Reliable: once in a while (at least
 *		once a lap) one look at each cursor. read: a copy between two
 *		loads of one word; if reliable, one store, or with a limit of lag
 *		one compare-and-swap. To see whether anybody is to be woken: one load a
 *		message published, and if reliable one a message read. Memory: capacity
 *		and publishers, times the
 *		largest message and 32 bytes.
 *
 * Bytes: <shmreg/abi/topic.h>. Why it is correct: <shmreg/topic-inline.h>.
 */

#include <time.h>

#include <shmreg/abi/topic.h>
#include <shmreg/handle.h>

SHMREG_BEGIN_DECLS

#define SHMREG_TOPIC_TRIES (UINT32_C(1) << 20)
#define SHMREG_TOPIC_SUBSCRIBERS_DEFAULT 32
#define SHMREG_TOPIC_ALL UINT64_MAX	/* as history: as many as there are */

struct shmreg_topic_params {
	size_t size;		/* sizeof(struct shmreg_topic_params) */
	uint64_t capacity;	/* messages: a power of two, 2 .. 2^22; opening: 0 = any */
	uint64_t message_bytes;	/* the largest message, 1 .. 64 MiB; opening: 0 = any */
	uint32_t message_align;	/* a power of two, 1 .. 128 */
	uint32_t flags;		/* SHMREG_TOPIC_RELIABLE */
	uint32_t publishers;	/* at a time, 1 .. 64; 0: 1 */
	uint32_t subscribers;	/* at a time with a cursor, .. 4095; 0: 32 */
	uint32_t lag_max;	/* reliable: evict at this many unread, .. capacity; 0: never */
	uint32_t reserved;	/* 0 */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
	/* Not of the topic, but of the subscriber that is opened: */
	uint64_t history;	/* so many of the messages that are there already; see open */
};

/* What there is to know of a message besides its bytes. */
struct shmreg_topic_message {
	uint64_t position;
	uint64_t bytes;		/* as published */
	uint64_t time_ns;	/* as its publisher said, see shmreg_publisher_stamp(); else 0 */
	uint64_t first_lost;	/* of the messages before this one that were lost, the first's position */
	uint64_t n_lost;	/* how many, up to this one; 0: none */
	uint32_t publisher;	/* its number among the topic's publishers */
	uint32_t flags;		/* SHMREG_TOPIC_WAS_EVICTED: since the message before this one */
};
#define SHMREG_TOPIC_WAS_EVICTED UINT32_C(1)

/* A private view of a topic. Fields are the library's own, here and below. */
struct shmreg_topic {
	struct shmreg_handle handle;
	uint64_t mask;		/* capacity - 1 */
	uint64_t n_chunks;
	uint64_t *slots;	/* NULL in a forked child, as all is 0 */
	unsigned char *chunks;
	uint32_t shift;		/* log2 of capacity */
	uint32_t reserved;
	size_t stride;
	size_t elem_offset;
	size_t elem_bytes;
	const uint64_t *seats;	/* the directory's */
};

struct shmreg_publisher {
	struct shmreg_topic topic;
	struct shmreg_topic_publisher *role;	/* NULL: a forked child */
	uint64_t next;		/* no position before this one is unpublished */
	uint64_t turn;		/* what its slot's word begins with until it is published */
	uint64_t gate;		/* no subscriber needs a position before this one */
	uint64_t room;		/* how far beyond the gate one may publish at most */
	uint64_t full_at;	/* the last position at which there was no room */
	uint64_t sequence;	/* of the spare chunk, 40 bits at the word's top */
	uint64_t time_ns;
	uint32_t index;		/* of the role */
	uint32_t spare;		/* chunk */
	uint32_t home;		/* from which its chunks are counted */
	uint32_t single;	/* the topic's only publisher */
};

struct shmreg_subscriber {
	struct shmreg_topic topic;
	struct shmreg_topic_cursor *cursor;	/* NULL: none */
	uint64_t next;		/* position to be read next */
	uint64_t page;		/* before this one there is nothing to think of */
	uint64_t word_at;	/* and words, once published, are this plus their position ... */
	uintptr_t slots_at;	/* and slots here plus 8 times that */
	uint64_t mine;		/* of the cursor's word, what is the same at all positions */
	uint32_t mode;		/* what the cursor is for */
	uint32_t has_news;	/* to be told with the next message: the two below are not 0 */
	uint32_t flags;
	uint32_t reserved;
	uint64_t word;		/* the cursor's, as last stored, if one may be evicted */
	uint64_t n_gap;		/* messages lost since the last that was read */
	uint64_t n_lost;
	uint64_t peeked;	/* the slot's word */
	uint64_t peeked_end;	/* the position behind the one that was peeked at; 0: none */
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version and the handle that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int
shmreg_publisher_open_layout(struct shmreg_segment *segment, struct shmreg_publisher **ret,
			     uint32_t how, const char *name,
			     const struct shmreg_topic_params *params, uint32_t layout,
			     size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_subscriber_open_layout(struct shmreg_segment *segment, struct shmreg_subscriber **ret,
			      uint32_t how, const char *name,
			      const struct shmreg_topic_params *params, uint32_t layout,
			      size_t handle_bytes);
SHMREG_API SHMREG_CHECK int
shmreg_topic_open_const_layout(struct shmreg_segment *segment, const struct shmreg_topic **ret,
			       const char *name, const struct shmreg_topic_params *params,
			       uint32_t layout, size_t handle_bytes);

/*
 * shmreg_publisher_create() - make a topic, and become a publisher of it
 * shmreg_publisher_open() - become a publisher of one that exists
 * shmreg_publisher_open_or_create() - whichever it takes
 *
 * One whose process has just died is waited for until the reaper has freed its role.
 *
 * Return: 0, or as shmreg_object_open(); -EBUSY all roles are taken by the living, or
 * one of the dead was not repaired for 10 s; -EROFS attached read-only; -EUCLEAN the
 * topic holds what no correct process writes: remove it.
 */
static inline SHMREG_CHECK int shmreg_publisher_create(struct shmreg_segment *segment,
						       struct shmreg_publisher **ret,
						       const char *name,
						       const struct shmreg_topic_params *params)
{
	return shmreg_publisher_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
					    SHMREG_TOPIC_LAYOUT, sizeof(struct shmreg_publisher));
}

static inline SHMREG_CHECK int shmreg_publisher_open(struct shmreg_segment *segment,
						     struct shmreg_publisher **ret,
						     const char *name,
						     const struct shmreg_topic_params *params)
{
	return shmreg_publisher_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
					    SHMREG_TOPIC_LAYOUT, sizeof(struct shmreg_publisher));
}

static inline SHMREG_CHECK int
shmreg_publisher_open_or_create(struct shmreg_segment *segment, struct shmreg_publisher **ret,
				const char *name, const struct shmreg_topic_params *params)
{
	return shmreg_publisher_open_layout(segment, ret,
					    SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name,
					    params, SHMREG_TOPIC_LAYOUT,
					    sizeof(struct shmreg_publisher));
}

/*
 * shmreg_subscriber_create() - make a topic, and subscribe to it
 * shmreg_subscriber_open() - subscribe to one that exists; lossy: also read-only
 * shmreg_subscriber_open_or_create() - whichever it takes
 *
 * The first message read is the first that is published after some moment of the
 * call, so that none is missed that is published after it returned; or with
 * params->history = n, the n-th before that, or the oldest that is there. If some
 * of that history is overwritten before it is read (of a reliable topic, too: what a
 * subscriber of a reliable topic never loses is what is published from then on), the
 * loss is told like any other.
 *
 * A subscriber that can write has a cursor, so that its lag can be seen; if none
 * is free, a subscriber of a lossy topic goes without.
 *
 * Return: 0, or as shmreg_object_open(); -EBUSY reliable: all cursors are taken by the
 * living, or one of the dead was not repaired for 10 s; also: SHMREG_TOPIC_TRIES races
 * were lost; -EROFS reliable, and attached read-only; -EUCLEAN as above.
 */
static inline SHMREG_CHECK int shmreg_subscriber_create(struct shmreg_segment *segment,
							struct shmreg_subscriber **ret,
							const char *name,
							const struct shmreg_topic_params *params)
{
	return shmreg_subscriber_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
					     SHMREG_TOPIC_LAYOUT,
					     sizeof(struct shmreg_subscriber));
}

static inline SHMREG_CHECK int shmreg_subscriber_open(struct shmreg_segment *segment,
						      struct shmreg_subscriber **ret,
						      const char *name,
						      const struct shmreg_topic_params *params)
{
	return shmreg_subscriber_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
					     SHMREG_TOPIC_LAYOUT,
					     sizeof(struct shmreg_subscriber));
}

static inline SHMREG_CHECK int
shmreg_subscriber_open_or_create(struct shmreg_segment *segment, struct shmreg_subscriber **ret,
				 const char *name, const struct shmreg_topic_params *params)
{
	return shmreg_subscriber_open_layout(segment, ret,
					     SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, name,
					     params, SHMREG_TOPIC_LAYOUT,
					     sizeof(struct shmreg_subscriber));
}

/*
 * shmreg_topic_open_const() - open one that exists, to look at it; takes no seat
 *
 * Return: 0, or as shmreg_object_open().
 */
static inline SHMREG_CHECK int shmreg_topic_open_const(struct shmreg_segment *segment,
						       const struct shmreg_topic **ret,
						       const char *name,
						       const struct shmreg_topic_params *params)
{
	return shmreg_topic_open_const_layout(segment, ret, name, params, SHMREG_TOPIC_LAYOUT,
					      sizeof(struct shmreg_topic));
}

/*
 * Give a handle back, and with it the role or the cursor; NULL is fine. The topic stays.
 * A reserved or peeked message may not be used any more.
 *
 * Return: 0; -ECHILD.
 */
SHMREG_API int shmreg_publisher_close(struct shmreg_publisher *pub);
SHMREG_API int shmreg_subscriber_close(struct shmreg_subscriber *sub);
SHMREG_API int shmreg_topic_close(const struct shmreg_topic *topic);

/*
 * All functions below that return a negative errno may also return
 *	-ECHILD		the handle was inherited by fork()
 *	-EUCLEAN	the topic holds what no correct process writes: remove it
 *	-EBUSY		SHMREG_TOPIC_TRIES races were lost; nothing was done
 * and, only in place of -EAGAIN,
 *	-ESTALE		the topic was removed
 *	-ENOTRECOVERABLE	its segment was quarantined
 */

/*
 * shmreg_publisher_publish() - publish a message
 * @data:	@bytes bytes, not referenced after the call
 *
 * Return: 0; -EMSGSIZE larger than the topic's messages; reliable: -EAGAIN a subscriber
 * has not read the message whose slot would be used.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_publisher_publish(struct shmreg_publisher *pub,
								const void *data, size_t bytes);

/*
 * shmreg_publisher_reserve() - memory in which to make the next message
 * shmreg_publisher_publish_reserved() - publish it
 * @ret:	aligned as the topic's messages, as large as the largest; contents undefined
 *
 * The memory is the publisher's alone: it may take its time, and forget about it.
 * It is what publish() uses, too, so that between the two no other message can be
 * published. If -EAGAIN, it stays reserved, filled as it is. (Subscribers of a lossy
 * topic may still be copying the message that was there before, and will find that
 * they lost it: ThreadSanitizer reports that, rightly, but harmlessly.)
 *
 * Return: 0; publish_reserved: -EMSGSIZE, -EAGAIN as above.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_publisher_reserve(struct shmreg_publisher *pub,
								void **ret);
SHMREG_API SHMREG_CHECK SHMREG_HOT int
shmreg_publisher_publish_reserved(struct shmreg_publisher *pub, size_t bytes);

/*
 * shmreg_publisher_publish_wait() - the same, but wait for room
 * shmreg_publisher_publish_reserved_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * Of a lossy topic there is nothing to wait for.
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>.
 */
SHMREG_API SHMREG_CHECK int shmreg_publisher_publish_wait(struct shmreg_publisher *pub,
							  const void *data, size_t bytes,
							  const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int
shmreg_publisher_publish_reserved_wait(struct shmreg_publisher *pub, size_t bytes,
				       const struct timespec *deadline);

/* shmreg_publisher_stamp() - the time that goes with the messages from now on; 0: none */
static inline void shmreg_publisher_stamp(struct shmreg_publisher *pub, uint64_t time_ns)
{
	pub->time_ns = time_ns;
}

/*
 * shmreg_subscriber_read() - copy the next message
 * @buffer:	written only if 0 is returned (and garbled if the message was overwritten meanwhile)
 * @size:	of @buffer
 * @ret:	what is known of it; NULL: not asked for
 *
 * What was lost before this message is told with it, exactly: with @ret->n_lost > 0,
 * messages from first_lost to position - 1 were published and not read.
 *
 * Return: 0; -EAGAIN nothing new; -EMSGSIZE the message is larger than @size, and
 * stays the next one.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_subscriber_read(struct shmreg_subscriber *sub,
							      void *buffer, size_t size,
							      struct shmreg_topic_message *ret);

/*
 * shmreg_subscriber_peek() - look at the next message in place
 * shmreg_subscriber_consume() - done with it: was it whole?
 *
 * Of a lossy topic the message may be overwritten at any time: what was made of
 * it counts only if consume() returns 0. Of a reliable one it stays until consume(), unless
 * the subscriber is evicted. peek() again, or read(), gives the same message again.
 *
 * Return: 0; peek: -EAGAIN nothing new; consume: -EPIPE it was overwritten meanwhile, and
 * counts as lost; -EINVAL nothing was peeked at.
 */
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_subscriber_peek(struct shmreg_subscriber *sub,
							      const void **ret_data,
							      struct shmreg_topic_message *ret);
SHMREG_API SHMREG_CHECK SHMREG_HOT int shmreg_subscriber_consume(struct shmreg_subscriber *sub);

/*
 * shmreg_subscriber_read_wait() - the same, but wait for a message
 * shmreg_subscriber_peek_wait()
 * @deadline:	CLOCK_MONOTONIC; NULL: for ever
 *
 * A subscriber that was overtaken does not wait: there is something to read, and it is told
 * what was lost.
 *
 * Return: as without _wait; in place of -EAGAIN: -ETIMEDOUT, -EINVAL, -EINTR, -ESTALE,
 * -ENOTRECOVERABLE, -EHOSTDOWN as in <shmreg/wait.h>; attached read-only also as
 * <shmreg/watch.h> says.
 */
SHMREG_API SHMREG_CHECK int shmreg_subscriber_read_wait(struct shmreg_subscriber *sub,
							void *buffer, size_t size,
							struct shmreg_topic_message *ret,
							const struct timespec *deadline);
SHMREG_API SHMREG_CHECK int shmreg_subscriber_peek_wait(struct shmreg_subscriber *sub,
							const void **ret_data,
							struct shmreg_topic_message *ret,
							const struct timespec *deadline);

/*
 * shmreg_subscriber_lag() - messages that it has not read; 0 in a forked child
 * shmreg_subscriber_n_lost() - lost so far, as far as it has been found out
 */
SHMREG_API uint64_t shmreg_subscriber_lag(const struct shmreg_subscriber *sub);
static inline uint64_t shmreg_subscriber_n_lost(const struct shmreg_subscriber *sub)
{
	return sub->n_lost;
}

/* What both can be asked. */
static inline const struct shmreg_topic *shmreg_publisher_topic(const struct shmreg_publisher *pub)
{
	return &pub->topic;
}

static inline const struct shmreg_topic *
shmreg_subscriber_topic(const struct shmreg_subscriber *sub)
{
	return &sub->topic;
}

SHMREG_END_DECLS

#include <shmreg/topic-look.h>
#include <shmreg/topic-inline.h>
#include <shmreg/topic-typed.h>

#endif /* SHMREG_TOPIC_H */
