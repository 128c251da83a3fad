/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include <shmreg.h>

#include "answer.h"
#include "reply-daemon.h"
#include "transport.h"

#define PARTICIPANT 7u
#define N_OBJECTS 8u

int __wrap_transport_connect(const char *path);
int __wrap_transport_send(int fd, const struct shmreg_request *request);

static struct fuzz_input *input;
static int other_end = -1;	/* of the library's connection */
static int dir_fd, data_fd, short_fd, null_fd, dir_ro_fd, data_ro_fd;
static uint8_t *dir;
static uint8_t *pristine;
static struct shmreg_dir geometry;
static uint16_t next_seat;

static int memory(size_t bytes)
{
	const int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
	return fd;
}

static int read_only(int fd)
{
	char path[64];
	int ro;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ro = open(path, O_RDONLY | O_CLOEXEC);
	MUST(ro >= 0);
	return ro;
}

/* An entry of each kind, "o0" to "o7". */
static void add_objects(struct shmreg_dir *d)
{
	static const struct shmreg_shape shapes[N_OBJECTS] = {
		{ SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 8, 8, 16, { 0 } },
		{ SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } },
		{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 8, 8, { 0 } },
		{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 8, 8, 8, { 0 } },
		{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 4, { 1, 3, 0, 0 } },
		{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 64, 8, { 0 } },
		{ SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 64, 1, { 3, 0, 0, 0 } },
		{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, SHMREG_QUEUE_OBJECTS, 8, 8, 8, { 6, 0, 5, 0 } },
	};
	uint64_t at = 0, align;

	for (uint32_t i = 0; i < N_OBJECTS; i++) {
		struct shmreg_dir_object *o = &shmreg_dir_objects(d)[i];
		uint32_t *bucket;

		o->state = SHMREG_ENTRY_LIVE;
		o->id = i + 1;
		o->shape = shapes[i];
		MUST(shmreg_shape_bytes(&o->shape, &o->bytes, &align, NULL) == 0);
		at = (at + align - 1) / align * align;
		o->offset = at;
		at += o->bytes;
		snprintf(o->name, sizeof(o->name), "o%u", i);
		bucket = &shmreg_dir_buckets(d)[shmreg_name_hash(o->name) & (d->n_buckets - 1)];
		o->next = *bucket;
		*bucket = i + 1;
	}
	MUST(at <= REPLY_DATA_BYTES);
}

void reply_daemon_setup(void)
{
	struct shmreg_dir *d;

	MUST(shmreg_dir_layout(&geometry, 16, 16) == 0);
	dir_fd = memory((size_t)geometry.dir_bytes);
	data_fd = memory(REPLY_DATA_BYTES);
	short_fd = memory(100);
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	dir_ro_fd = read_only(dir_fd);
	data_ro_fd = read_only(data_fd);
	dir = mmap(NULL, (size_t)geometry.dir_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, dir_fd, 0);
	MUST(dir != MAP_FAILED);
	pristine = calloc(1, (size_t)geometry.dir_bytes);
	MUST(pristine != NULL);
	geometry.magic = SHMREG_DIR_MAGIC;
	geometry.layout = SHMREG_DIR_LAYOUT;
	geometry.segment = 3;
	geometry.registry = 1;
	geometry.data_bytes = REPLY_DATA_BYTES;
	geometry.max_participants = 16;
	geometry.max_objects = 16;
	geometry.state = SHMREG_DIR_LIVE;
	strcpy(geometry.name, "s0");
	d = (struct shmreg_dir *)(void *)pristine;
	*d = geometry;
	for (unsigned int i = 5; i < 64; i++)
		shmreg_dir_seats(d)[i] =
			PARTICIPANT << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;
	shmreg_dir_participants(d)[2] = (struct shmreg_dir_participant){
		.state = SHMREG_ENTRY_LIVE, .id = PARTICIPANT, .pid = (uint32_t)getpid(),
	};
	add_objects(d);
}

void reply_daemon_poke(struct fuzz_input *in, bool attached)
{
	const size_t constant = offsetof(struct shmreg_dir, state);

	switch (fuzz_u8(in) % 4) {
	case 0:
		if (attached)
			fuzz_poke(in, dir + constant, sizeof(struct shmreg_dir) - constant);
		else
			fuzz_poke(in, dir, sizeof(struct shmreg_dir));
		break;
	case 1:
		fuzz_poke(in, dir + geometry.objects_offset, N_OBJECTS * sizeof(struct shmreg_dir_object));
		break;
	case 2:
		fuzz_poke(in, dir + geometry.buckets_offset, geometry.n_buckets * sizeof(uint32_t));
		break;
	default:
		fuzz_poke(in, dir + sizeof(struct shmreg_dir),
			  (size_t)geometry.dir_bytes - sizeof(struct shmreg_dir));
	}
}

/* As a daemon that has one segment and does nothing. */
static void answer_well(struct answer *a, const struct shmreg_request *request)
{
	struct shmreg_reply *r = &a->reply;

	*a = answer_to(request);
	switch (request->header.type) {
	case SHMREG_PACKET_HELLO:
		if (!(request->u.hello.flags & SHMREG_HELLO_OBSERVER)) {
			a->fds[0] = memory(4096);
			a->n_fds = 1;
		}
		break;
	case SHMREG_PACKET_CREATE:
	case SHMREG_PACKET_OPEN:
	case SHMREG_PACKET_REATTACH:
		r->u.attach = (struct shmreg_attach_reply){
			.segment = 3, .participant = PARTICIPANT, .dir_bytes = geometry.dir_bytes,
			.data_bytes = REPLY_DATA_BYTES, .participant_index = 2,
			.access = SHMREG_ACCESS_WRITE, .created = 1, .n_seats = 2, .seat = { 5, 9 },
		};
		if (request->header.type == SHMREG_PACKET_OPEN)
			r->u.attach.access = request->u.open.access;
		if (request->header.type == SHMREG_PACKET_REATTACH)
			break;
		a->fds[0] = dir_ro_fd;
		a->fds[1] = r->u.attach.access & SHMREG_ACCESS_WRITE ? data_fd : data_ro_fd;
		a->n_fds = 2;
		break;
	case SHMREG_PACKET_SEATS:
		r->u.seats.n_seats = 1;
		r->u.seats.seat[0] = (uint16_t)(10 + next_seat++ % 50);
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		r->u.create_object.index = (uint32_t)fuzz_below(input, N_OBJECTS);
		r->u.create_object.object = r->u.create_object.index + 1;
		r->u.create_object.created = 1;
		break;
	case SHMREG_PACKET_LIST:
		r->u.list.n = request->u.list.after < 3;
		r->u.list.info[0].segment = 3;
		strcpy(r->u.list.info[0].name, "s0");
		break;
	case SHMREG_PACKET_DESCRIBE:
		r->u.describe.segment = 3;
		strcpy(r->u.describe.name, "s0");
		r->u.describe.access = SHMREG_ACCESS_READ;
		r->u.describe.data_bytes = REPLY_DATA_BYTES;
		a->fds[0] = dir_ro_fd;
		a->n_fds = 1;
		break;
	default:
		break;
	}
}

static void close_tokens(struct answer *a)
{
	for (unsigned int i = 0; i < a->n_fds; i++)
		if (a->fds[i] > other_end)
			close(a->fds[i]);
	a->n_fds = 0;
}

/* Descriptors that the daemon would not send, or in another order. */
static void other_descriptors(struct answer *a)
{
	const int all[] = { dir_fd, data_fd, dir_ro_fd, data_ro_fd, short_fd, null_fd, 0, 0 };

	close_tokens(a);
	for (unsigned int n = fuzz_u8(input) % 7; a->n_fds < n;)
		a->fds[a->n_fds++] = all[fuzz_u8(input) % 6];
}

static void hang_up(void)
{
	if (other_end >= 0)
		close(other_end);
	other_end = -1;
}

int __wrap_transport_connect(const char *path)
{
	int fds[2];

	(void)path;
	hang_up();
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds) == 0);
	other_end = fds[1];
	return fds[0];
}

int __wrap_transport_send(int fd, const struct shmreg_request *request)
{
	static const struct shmreg_event event = { .kind = SHMREG_EVENT_CREATED, .segment = 3,
						   .segment_name = "s0" };
	struct answer a;

	(void)fd;
	if (other_end < 0)
		return -ECONNRESET;
	/* What the library asks for is well-formed, whatever it was answered before. */
	MUST(shmreg_request_check(request, sizeof(*request), NULL) == 0);
	answer_well(&a, request);
	if (!answer_spoil(&a, input, close_tokens, other_descriptors)) {
		close_tokens(&a);
		hang_up();
		return 0;
	}
	MUST(answer_send(&a, other_end) == 0);
	close_tokens(&a);
	if (request->header.type != SHMREG_PACKET_SUBSCRIBE)
		return 0;
	a = (struct answer){ .bytes = sizeof(a.reply) };
	a.reply.header = request->header;
	a.reply.header.type = SHMREG_PACKET_EVENT;
	a.reply.header.serial = 0;
	a.reply.u.event = event;
	if (answer_spoil(&a, input, close_tokens, other_descriptors))
		MUST(answer_send(&a, other_end) == 0);
	else
		hang_up();
	return 0;
}

void reply_daemon_begin(struct fuzz_input *in)
{
	input = in;
	next_seat = 0;
	memcpy(dir, pristine, (size_t)geometry.dir_bytes);
	MUST(fallocate(data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, REPLY_DATA_BYTES) == 0);
}

void reply_daemon_end(void)
{
	hang_up();
	input = NULL;
}
