/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "layouts.h"
#include "raw-watch.h"

void raw_segment_take(struct raw_segment *ret, struct raw *c)
{
	const struct shmreg_attach_reply *a = &c->reply.u.attach;

	ck_assert_int_eq(c->n_fds, 2);
	*ret = (struct raw_segment){ .segment = a->segment, .participant = a->participant };
	ret->dir = mmap(NULL, a->dir_bytes, PROT_READ, MAP_SHARED, c->fds[0], 0);
	ck_assert_ptr_ne(ret->dir, MAP_FAILED);
	ret->data_fd = fcntl(c->fds[1], F_DUPFD_CLOEXEC, 3);
	ck_assert_int_ge(ret->data_fd, 0);
}

void raw_segment_drop(struct raw_segment *s)
{
	munmap(s->dir, s->dir->dir_bytes);
	close(s->data_fd);
}

static struct shmreg_attachment attachment(const struct raw_segment *s)
{
	return (struct shmreg_attachment){ .segment = s->segment, .participant = s->participant };
}

uint64_t raw_object(struct raw *c, const struct raw_segment *s, const char *name, uint32_t kind)
{
	static uint64_t nonce = 100;
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at = attachment(s);
	in.u.create_object.nonce = ++nonce;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = kind, .layout = layout_of(kind), .elem_align = 8, .elem_bytes = 8, .capacity = 4,
		.param = { kind == SHMREG_KIND_CELL ? 2 : 0 },
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "%s", name);
	ck_assert_msg(raw_call(c, &in) == 0, "%s: %s", name, c->reply.u.error);
	return c->reply.u.create_object.object;
}

int raw_remove_object(struct raw *c, const struct raw_segment *s, uint64_t object)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_REMOVE_OBJECT);
	in.u.remove_object.at = attachment(s);
	in.u.remove_object.object = object;
	return raw_call(c, &in);
}

struct shmreg_dir_object *raw_entry(const struct raw_segment *s, uint64_t object)
{
	for (uint32_t i = 0; i < s->dir->max_objects; i++)
		if (shmreg_dir_objects(s->dir)[i].id == object)
			return &shmreg_dir_objects(s->dir)[i];
	ck_abort_msg("there is no entry of object %d", (int)object);
}

int raw_watch(struct raw *c, const struct raw_segment *s, uint64_t object, uint32_t events,
	      uint32_t flags)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_WATCH);
	in.u.watch.at = attachment(s);
	in.u.watch.object = object;
	in.u.watch.events = events;
	in.u.watch.flags = flags;
	return raw_call(c, &in);
}

int raw_bell(struct raw *c, const struct raw_segment *s, uint64_t object, uint32_t events,
	     uint64_t *ret_id)
{
	const int r = raw_watch(c, s, object, events, SHMREG_WATCH_DESCRIPTOR);

	ck_assert_msg(r == 0, "%d: %s", r, c->reply.u.error);
	ck_assert_int_eq(c->n_fds, 1);
	ck_assert_uint_ne(c->reply.u.watch.watch, 0);
	if (ret_id)
		*ret_id = c->reply.u.watch.watch;
	c->n_fds = 0;
	return c->fds[0];
}

int raw_unwatch(struct raw *c, uint64_t watch)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_UNWATCH);
	in.u.unwatch.watch = watch;
	return raw_call(c, &in);
}

int raw_notify(struct raw *c, const struct raw_segment *s, uint64_t object, uint64_t after,
	       uint32_t events)
{
	struct shmreg_request in;
	int r;

	raw_request(&in, SHMREG_PACKET_NOTIFY);
	in.u.notify.at = attachment(s);
	in.u.notify.object = object;
	in.u.notify.after = after;
	in.u.notify.events = events;
	r = raw_call(c, &in);
	if (r == 0)
		ck_assert_int_eq(c->n_fds, (int)c->reply.u.notify.n);
	return r;
}

int bell_drain(int bell)
{
	char bytes[4096];
	int total = 0;
	ssize_t n;

	while ((n = recv(bell, bytes, sizeof(bytes), MSG_DONTWAIT)) > 0)
		total += (int)n;
	if (n < 0)
		ck_assert_int_eq(errno, EAGAIN);
	return n == 0 && total == 0 ? -1 : total;
}

bool bell_rings(int bell)
{
	return poll(&(struct pollfd){ .fd = bell, .events = POLLIN }, 1, 0) == 1;
}
