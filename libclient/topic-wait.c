/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>

#include <shmreg/topic.h>

#include "waiter.h"

/*
 * The loop is that of waiter.h. All that wait are woken, so that there is never a wake-up to pass
 * on.
 */

/* @message: wait for a message; else for room */
static int begin(struct waiter *w, const struct shmreg_topic *t, bool message,
		 const struct timespec *deadline)
{
	const struct shmreg_topic_shm *shm = shmreg_topic_shm_(t);

	if (shm == NULL)
		return -ECHILD;
	waiter_begin(w, &t->handle, message ? &shm->message : &shm->space, deadline);
	return 0;
}

int shmreg_publisher_publish_wait(struct shmreg_publisher *pub, const void *data, size_t bytes,
				  const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, &pub->topic, false, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_publisher_publish(pub, data, bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_publisher_publish_reserved_wait(struct shmreg_publisher *pub, size_t bytes,
					   const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, &pub->topic, false, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_publisher_publish_reserved(pub, bytes);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_subscriber_read_wait(struct shmreg_subscriber *sub, void *buffer, size_t size,
				struct shmreg_topic_message *ret, const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, &sub->topic, true, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_subscriber_read(sub, buffer, size, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_subscriber_peek_wait(struct shmreg_subscriber *sub, const void **ret_data,
				struct shmreg_topic_message *ret, const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, &sub->topic, true, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_subscriber_peek(sub, ret_data, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}

int shmreg_topic_read_at_wait(const struct shmreg_topic *topic, uint64_t position, void *buffer,
			      size_t size, struct shmreg_topic_message *ret,
			      const struct timespec *deadline)
{
	struct waiter w;
	int r = begin(&w, topic, true, deadline);

	if (r < 0)
		return r;
	do
		r = shmreg_topic_read_at(topic, position, buffer, size, ret);
	while (r == -EAGAIN && (r = waiter_next(&w)) == 0);
	return r;
}
