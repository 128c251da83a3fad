/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "image.h"

void *image_now;
size_t image_room;
/* As it was when the case began. */
static void *start;

void *image_new(void)
{
	void *memory = malloc(subject.image_bytes);

	if (!memory) {
		perror("malloc");
		exit(99);
	}
	return memory;
}

void *image_shared_memory(size_t bytes)
{
	void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (memory == MAP_FAILED) {
		perror("mmap");
		exit(99);
	}
	return memory;
}

void image_init(void)
{
	const size_t page = (size_t)sysconf(_SC_PAGESIZE);

	image_room = (subject.image_bytes + page - 1) & ~(page - 1);
	image_now = image_shared_memory(image_room);
	start = image_new();
}

void *image_actor(enum actor_number number)
{
	return (unsigned char *)image_now + subject.actors_at + number * subject.actor_bytes;
}

void image_save(void *to)
{
	memcpy(to, image_now, subject.image_bytes);
}

void image_restore(const void *from)
{
	memcpy(image_now, from, subject.image_bytes);
}

bool image_equal(const void *with)
{
	return memcmp(image_now, with, subject.image_bytes) == 0;
}

void image_setup(const struct setting *setting)
{
	memset(image_now, 0, subject.image_bytes);
	subject.setup(image_now, setting);
	image_save(start);
}

void image_reset(void)
{
	image_restore(start);
}

void images_take(struct images *i)
{
	if (i->n > 0 && image_equal(i->image[i->n - 1]))
		return;
	if (i->n == IMAGES_MAX) {
		fprintf(stderr, "sweep: more than %d images\n", IMAGES_MAX);
		exit(99);
	}
	i->image[i->n] = image_new();
	image_save(i->image[i->n++]);
}

void images_free(struct images *i)
{
	while (i->n > 0)
		free(i->image[--i->n]);
}
