/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_LOOK_H
#define SHMREG_TOPIC_LOOK_H

/*
 * shmreg/topic-look.h - a look at a topic: by position, at its counters, at who is there
 *
 * Nothing here changes anything. What all functions may return is said in <shmreg/topic.h>.
 */

#include <shmreg/topic.h>

SHMREG_BEGIN_DECLS

struct shmreg_topic_stats {
	size_t size;		/* sizeof(struct shmreg_topic_stats), set by the caller */
	uint64_t capacity;
	uint64_t n_published;	/* messages so far: the position of the next one */
	uint64_t n_settled;	/* publications whose publisher died before it knew of them */
	uint64_t n_full;	/* positions without room; these three: of all roles */
	uint64_t n_evicted;
	uint64_t lag_high;	/* largest lag that a publisher saw (reliable) */
	uint32_t n_publishers;	/* roles that are taken */
	uint32_t n_subscribers;	/* cursors that are taken */
};

struct shmreg_topic_publisher_info {
	uint32_t index;
	uint32_t seat;
	uint64_t n_published;	/* by the role, so far */
	uint64_t n_full;
	uint64_t n_evicted;
};

struct shmreg_topic_subscriber_info {
	uint32_t index;
	uint32_t seat;
	uint32_t state;		/* SHMREG_TOPIC_ACTIVE, _EVICTED */
	uint32_t reserved;
	uint64_t position;	/* that it reads next */
	uint64_t lag;		/* messages that it has not read */
	uint64_t n_lost;
	uint64_t n_read;
};

/*
 * shmreg_topic_newest() - how many messages were published so far
 * @ret:	the position that will be published next
 *
 * Return: 0; nothing else but what all may return.
 */
SHMREG_API SHMREG_CHECK int shmreg_topic_newest(const struct shmreg_topic *topic, uint64_t *ret);

/*
 * shmreg_topic_read_at() - copy a message by its position, without moving anything
 *
 * For a look back: the last n are from newest - n on. @ret as for read(); n_lost is 0.
 *
 * Return: 0; -EAGAIN not there yet; -EPIPE overwritten; -EMSGSIZE larger than @size.
 */
SHMREG_API SHMREG_CHECK int shmreg_topic_read_at(const struct shmreg_topic *topic,
						 uint64_t position, void *buffer, size_t size,
						 struct shmreg_topic_message *ret);

/*
 * shmreg_topic_read_at_wait() - the same, but wait until it is there
 *
 * Return: as shmreg_topic_read_at(); in place of -EAGAIN as shmreg_subscriber_read_wait().
 */
SHMREG_API SHMREG_CHECK int shmreg_topic_read_at_wait(const struct shmreg_topic *topic,
						      uint64_t position, void *buffer, size_t size,
						      struct shmreg_topic_message *ret,
						      const struct timespec *deadline);

/*
 * shmreg_topic_last() - copy the last messages, oldest first, without gaps
 * @buffer:	room for @n messages, @stride bytes each; those are the largest copied
 * @ret:	if not NULL, @n of them
 *
 * Return: how many, up to @n, the capacity and INT_MAX: fewer if publishers overwrote
 * the older ones meanwhile; -EMSGSIZE one is larger than @stride.
 */
SHMREG_API SHMREG_CHECK int shmreg_topic_last(const struct shmreg_topic *topic, void *buffer,
					      size_t stride, uint32_t n,
					      struct shmreg_topic_message *ret);

/* 0 in a forked child. */
SHMREG_API uint64_t shmreg_topic_capacity(const struct shmreg_topic *topic);
SHMREG_API uint64_t shmreg_topic_message_bytes(const struct shmreg_topic *topic);

/*
 * shmreg_topic_stat() - counters, each by itself a consistent snapshot
 * @ret:	ret->size set by the caller; so much of it is filled in
 *
 * Return: 0; -EINVAL bad size; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int shmreg_topic_stat(const struct shmreg_topic *topic,
					      struct shmreg_topic_stats *ret);

/*
 * shmreg_topic_publishers() - visit those who have a role
 * shmreg_topic_subscribers() - visit those who have a cursor
 * @visit:	a value other than 0 ends the visit and is returned
 *
 * Who reads from a lossy topic shows where it is when it reads, looks or waits in vain, and now
 * and then before: until then it may have read up to 16 messages more than is said here.
 *
 * Return: 0; what @visit returned; -ECHILD.
 */
SHMREG_API SHMREG_CHECK int
shmreg_topic_publishers(const struct shmreg_topic *topic,
			int (*visit)(void *data, const struct shmreg_topic_publisher_info *info),
			void *data);
SHMREG_API SHMREG_CHECK int
shmreg_topic_subscribers(const struct shmreg_topic *topic,
			 int (*visit)(void *data, const struct shmreg_topic_subscriber_info *info),
			 void *data);

SHMREG_END_DECLS

#endif /* SHMREG_TOPIC_LOOK_H */
