/* SPDX-License-Identifier: MIT */
#ifndef TEST_TOPIC_HALF_H
#define TEST_TOPIC_HALF_H

/* topic-half.h - publications that their publisher does not get to the end of */

#include <string.h>

#include <shmreg/topic.h>

/*
 * topic_publish_half() - publish, and stop right behind the change of the slot
 *
 * Nothing is settled and nobody is woken. There is room, and no other publisher publishes
 * meanwhile; @pub may only be left or forgotten afterwards.
 */
static inline void topic_publish_half(struct shmreg_publisher *pub, const void *data,
				      uint64_t bytes)
{
	const struct shmreg_topic *t = &pub->topic;
	unsigned char *const chunk = shmreg_topic_chunk_(t, pub->spare, t->stride);
	struct shmreg_topic_chunk *const header = shmreg_topic_header_(chunk);
	const uint64_t p = pub->next;
	uint64_t *const slot = shmreg_topic_slot_(t, p);
	const uint64_t displaced = shmreg_topic_absolute_(t, *slot, p & t->mask);

	memcpy(chunk + t->elem_offset, data, bytes);
	shmreg_publisher_head_(pub, header, bytes);
	header->displaced = (uint32_t)shmreg_topic_relative_(displaced,
							     pub->home);
	pub->role->want = p;
	shmreg_store_release(slot, shmreg_topic_turn_(t, p) |
					   shmreg_topic_relative_(pub->spare, p & t->mask));
}

#endif /* TEST_TOPIC_HALF_H */
