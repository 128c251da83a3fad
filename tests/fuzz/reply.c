/* SPDX-License-Identifier: MIT */

/*
 * reply - the library, while a daemon answers what it likes
 *
 * The target is the daemon: what the library sends comes into __wrap_transport_send(), which
 * answers over a real socket: as it should, or with numbers changed, refused, hung up on,
 * cut off, with other descriptors or more of them. The directory that the library maps
 * has its numbers changed, too. Calls must return, clean up, and say why they failed.
 */

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

#include "fuzz.h"
#include "transport.h"

#define STEPS_MAX 24
#define DATA_BYTES 65536u
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
	MUST(at <= DATA_BYTES);
}

static void setup(void)
{
	struct shmreg_dir *d;

	MUST(shmreg_dir_layout(&geometry, 16, 16) == 0);
	dir_fd = memory((size_t)geometry.dir_bytes);
	data_fd = memory(DATA_BYTES);
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
	geometry.data_bytes = DATA_BYTES;
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

/* What a daemon writes once is checked once: it does not change under a segment that is attached. */
static void poke_directory(struct fuzz_input *in, bool attached)
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

struct answer {
	struct shmreg_reply reply;
	size_t bytes;
	int fds[8];
	unsigned int n_fds;
};

/* As a daemon that has one segment and does nothing. */
static void answer_well(struct answer *a, const struct shmreg_request *request)
{
	struct shmreg_reply *r = &a->reply;

	r->header = request->header;
	r->header.type |= SHMREG_PACKET_REPLY;
	switch (request->header.type) {
	case SHMREG_PACKET_HELLO:
		r->u.hello.registry = 1;
		strcpy(r->u.hello.version, "fuzz");
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
			.data_bytes = DATA_BYTES, .participant_index = 2,
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
		r->u.describe.data_bytes = DATA_BYTES;
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

/* Return: false: hang up instead. */
static bool spoil(struct answer *a)
{
	const uint8_t how = fuzz_u8(input);

	if (how < 128)
		return true;
	switch (how % 8) {
	case 0:
		return false;
	case 1:
		close_tokens(a);
		memset(&a->reply.u, 0, sizeof(a->reply.u));
		a->reply.header.status = -(int32_t)fuzz_below(input, 140);
		fuzz_take(input, a->reply.u.error, fuzz_below(input, 80));
		break;
	case 2:
		fuzz_poke(input, &a->reply.header, sizeof(a->reply.header));
		break;
	case 3:
		other_descriptors(a);
		break;
	case 4:
		a->bytes = (size_t)fuzz_below(input, 1200);
		break;
	default:
		for (uint8_t n = how % 3 + 1; n; n--)
			fuzz_poke(input, &a->reply.u, 256);
	}
	return true;
}

static void send_answer(const struct answer *a)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(8 * sizeof(int))] = { 0 };
	uint8_t bytes[1280] = { 0 };
	struct iovec iov = { bytes, a->bytes };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;

	memcpy(bytes, &a->reply, sizeof(a->reply));
	if (a->n_fds) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(a->n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(a->n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), a->fds, a->n_fds * sizeof(int));
	}
	MUST(sendmsg(other_end, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0);
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
	struct answer a = { .bytes = sizeof(a.reply) };
	static const struct shmreg_event event = { .kind = SHMREG_EVENT_CREATED, .segment = 3,
						   .segment_name = "s0" };

	(void)fd;
	if (other_end < 0)
		return -ECONNRESET;
	/* What the library asks for is well-formed, whatever it was answered before. */
	MUST(shmreg_request_check(request, sizeof(*request), NULL) == 0);
	answer_well(&a, request);
	if (!spoil(&a)) {
		close_tokens(&a);
		hang_up();
		return 0;
	}
	send_answer(&a);
	close_tokens(&a);
	if (request->header.type != SHMREG_PACKET_SUBSCRIBE)
		return 0;
	a = (struct answer){ .bytes = sizeof(a.reply) };
	a.reply.header = request->header;
	a.reply.header.type = SHMREG_PACKET_EVENT;
	a.reply.header.serial = 0;
	a.reply.u.event = event;
	if (spoil(&a))
		send_answer(&a);
	else
		hang_up();
	return 0;
}

/* What the library says of a failure is a sentence. */
static int result(int r)
{
	if (r < 0)
		MUST(r >= -4095);
	return r;
}

static int visit(void *data, const struct shmreg_segment_info *info)
{
	unsigned int *n = data;

	MUST(strlen(info->name) <= SHMREG_SEGMENT_NAME_MAX);
	return ++*n == 20;
}

static void open_object(struct shmreg_segment *s, struct fuzz_input *in)
{
	const uint32_t how = 1 + (uint32_t)fuzz_below(in, 3);
	const unsigned int which = (unsigned int)fuzz_below(in, 9);
	struct shmreg_cell_params cell = { .size = sizeof(cell), .elem_bytes = 64, .elem_align = 8 };
	struct shmreg_queue_params queue = { .size = sizeof(queue), .capacity = 8, .elem_bytes = 8,
					     .elem_align = 8 };
	struct shmreg_array_params array = { .size = sizeof(array) };
	struct shmreg_ring_params ring = { .size = sizeof(ring) };
	struct shmreg_topic_params topic = { .size = sizeof(topic) };
	struct shmreg_pool_params pool = { .size = sizeof(pool) };
	struct shmreg_atomic_params atomic = { .size = sizeof(atomic) };
	char name[8];
	union {
		struct shmreg_array *array;
		struct shmreg_atomic *atomic;
		struct shmreg_queue *queue;
		struct shmreg_ring_producer *ring;
		struct shmreg_publisher *pub;
		struct shmreg_subscriber *sub;
		struct shmreg_pool *pool;
		struct shmreg_cell_writer *writer;
		const struct shmreg_cell *cell;
	} h = { 0 };
	uint64_t value = 1;

	snprintf(name, sizeof(name), "o%u", (unsigned int)fuzz_below(in, 10));
	switch (which) {
	case 0:
		/* Of any length and size: the object's own. */
		if (result(shmreg_array_open(s, &h.array, name, &array)) == 0 &&
		    shmreg_array_length(h.array))
			memset(shmreg_array_data(h.array), 1, 1);
		break;
	case 1:
		result(shmreg_atomic_open(s, &h.atomic, name, &atomic));
		break;
	case 2:
		if (result(shmreg_queue_open_layout(s, &h.queue, how, name, &queue, SHMREG_QUEUE_LAYOUT,
						    sizeof(struct shmreg_queue))) == 0)
			result(shmreg_queue_push(h.queue, &value));
		break;
	case 3:
		result(shmreg_ring_producer_open(s, &h.ring, name, &ring));
		break;
	case 4:
		result(shmreg_publisher_open(s, &h.pub, name, &topic));
		break;
	case 5:
		result(shmreg_subscriber_open(s, &h.sub, name, &topic));
		break;
	case 6:
		result(shmreg_pool_open(s, &h.pool, name, &pool));
		break;
	case 7:
		result(shmreg_cell_writer_open_or_create(s, &h.writer, name, &cell));
		break;
	default:
		result(shmreg_cell_open(s, &h.cell, name, &cell));
	}
}

static void call(struct shmreg_connection *c, struct shmreg_segment **s, struct fuzz_input *in)
{
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = DATA_BYTES };
	const struct shmreg_dir *described = NULL;
	struct shmreg_segment_info info;
	struct shmreg_stats_reply stats;
	struct shmreg_set set = { .what = SHMREG_SET_MODE, .mode = 0600 };
	unsigned int n = 0;

	switch (fuzz_u8(in) % 16) {
	case 0:
		*s = shmreg_segment_close(*s);
		result(shmreg_segment_create(c, s, "s0", &params));
		break;
	case 1:
		*s = shmreg_segment_close(*s);
		result(shmreg_segment_open(c, s, "s0", 1 + (uint32_t)fuzz_below(in, 3)));
		break;
	case 2:
		result(shmreg_segment_list(c, visit, &n));
		break;
	case 3:
		if (result(shmreg_segment_describe(c, "s0", &info, &described)) == 0 && described) {
			struct shmreg_dir_object o;

			for (uint32_t i = 0; i < described->max_objects; i++)
				(void)shmreg_dir_read_object(described, i, &o);
		}
		shmreg_dir_unmap(described);
		break;
	case 4:
		result(shmreg_stats(c, UINT32_MAX, &stats));
		break;
	case 5:
		result(shmreg_segment_set(c, "s0", &set));
		break;
	case 6:
		result(shmreg_segment_remove(c, "s0"));
		break;
	case 7:
		poke_directory(in, *s != NULL);
		break;
	case 8:
		if (*s)
			result(shmreg_object_remove(*s, "o3"));
		break;
	default:
		if (*s)
			open_object(*s, in);
	}
}

static void stream(struct shmreg_connection *c)
{
	struct shmreg_event event;

	if (result(shmreg_subscribe(c, "s0", 0)) < 0)
		return;
	for (unsigned int i = 0; i < 3; i++)
		if (result(shmreg_next_event(c, &event, 1)) == 0)
			MUST(strlen(event.segment_name) <= SHMREG_SEGMENT_NAME_MAX);
}

static void run(struct fuzz_input *in)
{
	struct shmreg_connect_params params = {
		.size = sizeof(params), .socket = "/nonexistent/fuzz", .name = "fuzz",
	};
	struct shmreg_connection *c = NULL;
	struct shmreg_segment *s = NULL;

	input = in;
	next_seat = 0;
	memcpy(dir, pristine, (size_t)geometry.dir_bytes);
	MUST(fallocate(data_fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, DATA_BYTES) == 0);
	if (fuzz_u8(in) % 8 == 1)
		params.flags = SHMREG_CONNECT_OBSERVER;
	if (result(shmreg_connect(&c, &params)) == 0) {
		for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++)
			call(c, &s, in);
		if (!s && fuzz_u8(in) % 4 == 1)
			stream(c);
		s = shmreg_segment_close(s);
	}
	c = shmreg_disconnect(c);
	hang_up();
	input = NULL;
}

static void seeds(void)
{
	/* observer?; HELLO's answer; call, its answers' spoiling */
	static const uint8_t life[] = { 0, 0, 0, 0, 9, 1, 0, 0, 9, 1, 1, 1, 9, 1, 2, 2, 9, 1, 3, 3,
					9, 1, 4, 4, 9, 1, 5, 4, 9, 1, 6, 5, 9, 1, 7, 6, 8, 0, 6, 0 };
	uint8_t bytes[32];

	fuzz_seed(life, sizeof(life));
	for (uint8_t which = 0; which < 9; which++)
		for (uint8_t how = 0; how < 8; how++) {
			memset(bytes, 2, sizeof(bytes));
			memcpy(bytes, (const uint8_t[]){ 0, 0, which, (uint8_t)(128 + how) }, 4);
			fuzz_seed(bytes, sizeof(bytes));
		}
	memcpy(bytes, (const uint8_t[]){ 0, 0, 0, 0, 7, 1, 3, 16, 9, 1, 2, 2 }, 12);
	fuzz_seed(bytes, sizeof(bytes));
	fuzz_seed((const uint8_t[]){ 1, 0, 4, 0 }, 4);
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
