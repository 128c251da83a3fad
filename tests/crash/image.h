/* SPDX-License-Identifier: MIT */
#ifndef CRASH_IMAGE_H
#define CRASH_IMAGE_H

/*
 * image.h - the image in which a case happens, and copies of it
 *
 * See subject.h for what is in one.
 */

#include "subject.h"

/* It is in whole pages of its own, which are shared with all children. */
extern void *image_now;
extern size_t image_room;	/* bytes of these pages */

/* Once in every process that sweeps. */
void image_init(void);

/* Zeroed pages that children share. */
void *image_shared_memory(size_t bytes);

/* What an operation of this actor is given. */
void *image_actor(enum actor_number number);

/* Makes it what @setting says; image_reset() makes it that again. */
void image_setup(const struct setting *setting);
void image_reset(void);

/* Room for a copy, for free(). */
void *image_new(void);
void image_save(void *to);
void image_restore(const void *from);
bool image_equal(const void *with);

/* Distinct images, in the order in which a victim went through them. */
#define IMAGES_MAX 512
struct images {
	void *image[IMAGES_MAX];
	unsigned int n;
};

void images_take(struct images *i);
void images_free(struct images *i);

#endif /* CRASH_IMAGE_H */
