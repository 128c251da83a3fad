/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "bells.h"
#include "error.h"
#include "object.h"
#include "segment.h"

#define MORE_SEATS 8	/* asked for at once when they have run out */

int segment_usable(struct shmreg_segment *s)
{
	if (s == NULL)
		return error_set(-EINVAL, "the segment is NULL; shmreg_segment_open() and _create() "
				 "make one");
	return connection_usable(s->connection);
}

void segment_attachment(struct shmreg_segment *s, struct shmreg_attachment *ret)
{
	ret->segment = s->id;
	ret->participant = s->participant;
	pthread_mutex_lock(&s->mutex);
	ret->epoch = object_epoch(s);
	pthread_mutex_unlock(&s->mutex);
}

static void reported(struct shmreg_segment *s, uint64_t epoch)
{
	pthread_mutex_lock(&s->mutex);
	if (epoch > s->reported)
		shmreg_store_relaxed(&s->reported, epoch); /* relaxed: see segment_quiesce() */
	pthread_mutex_unlock(&s->mutex);
}

int segment_call(struct shmreg_segment *s, struct connection_call *call)
{
	int r;

	r = segment_usable(s);
	if (r < 0)
		return r;
	call->segment = s;
	segment_attachment(s, &call->request.u.attachment);
	r = connection_call(s->connection, call);
	if (r == 0)
		reported(s, call->request.u.attachment.epoch);
	return r;
}

/* The directory is right about which seats are ours, whatever became of the answers. */
static void read_seats(struct shmreg_segment *s)
{
	const uint64_t *seats = shmreg_dir_seats(s->dir);
	const uint64_t ours = s->participant << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;
	unsigned int seat;

	pthread_mutex_lock(&s->mutex);
	for (seat = 1; seat < SHMREG_SEATS; seat++)
		/* relaxed: the word is all there is to read, and REATTACH's answer came after it */
		if (shmreg_load_relaxed(&seats[seat]) == ours)
			s->seats[seat / 64] |= UINT64_C(1) << seat % 64;
	pthread_mutex_unlock(&s->mutex);
}

void segment_reattached(struct shmreg_segment *s, uint64_t epoch)
{
	reported(s, epoch);
	if (!s->read_only)
		read_seats(s);
}

void segment_lost(struct shmreg_segment *s, int error, const char *why)
{
	snprintf(s->lost_why, sizeof(s->lost_why), "%s", why);
	/* release, pairs with the acquire of those who look without the connection's mutex */
	shmreg_store_release(&s->lost, error);
}

int segment_add_seats(struct shmreg_segment *s, const uint16_t *seat, uint32_t n)
{
	uint32_t i;

	if (n > SHMREG_SEATS_A_REPLY)
		return -EBADMSG;
	for (i = 0; i < n; i++)
		if (seat[i] == 0 || seat[i] >= SHMREG_SEATS)
			return -EBADMSG;
	pthread_mutex_lock(&s->mutex);
	for (i = 0; i < n; i++)
		s->seats[seat[i] / 64] |= UINT64_C(1) << seat[i] % 64;
	pthread_mutex_unlock(&s->mutex);
	return 0;
}

static unsigned int count_seats(struct shmreg_segment *s)
{
	unsigned int i, n = 0;

	pthread_mutex_lock(&s->mutex);
	for (i = 0; i < SHMREG_SEATS / 64; i++)
		n += (unsigned int)__builtin_popcountll(s->seats[i]);
	pthread_mutex_unlock(&s->mutex);
	return n;
}

/* The answer was lost; reattaching has read the directory: are there more than before? */
static bool seats_settled(struct connection_call *call)
{
	return count_seats(call->segment) > *(unsigned int *)call->settled_data;
}

int segment_more_seats(struct shmreg_segment *s)
{
	unsigned int before = count_seats(s);
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_SEATS,
		.request.u.seats.n_seats = MORE_SEATS,
		.settled = seats_settled,
		.settled_data = &before,
	};
	int r;

	r = segment_call(s, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	if (segment_add_seats(s, call.reply.u.seats.seat, call.reply.u.seats.n_seats) < 0 ||
	    count_seats(s) == before)
		return error_set(-EBADMSG, "shmregd granted no seat of segment '%s' and said that it "
				 "did", s->name);
	return 0;
}

void segment_quiesce(struct shmreg_segment *s)
{
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_QUIESCE,
		.only_connected = true,
	};
	uint64_t epoch;
	bool news;
	int r;

	/* relaxed: only whether it moved; object_epoch() reads it again, with acquire */
	if (shmreg_load_acquire(&s->lost) < 0 ||
	    shmreg_load_relaxed(&s->dir->removal_epoch) == shmreg_load_relaxed(&s->reported))
		return;
	pthread_mutex_lock(&s->mutex);
	epoch = object_epoch(s);
	news = epoch > s->reported && epoch > s->refused;
	pthread_mutex_unlock(&s->mutex);
	if (!news)
		return;
	r = segment_call(s, &call);
	if (r == 0) {
		connection_call_done(&call);
	} else if (r != -ENOTCONN) {
		pthread_mutex_lock(&s->mutex);
		s->refused = epoch;
		pthread_mutex_unlock(&s->mutex);
	}
}

/*
 * Of a participant that cannot write: events are made known to it since the watch half is not 0,
 * and as long as the directory says that it has asked, wherever. Costs a request once.
 */
static int watch_read_only(const struct shmreg_handle *handle,
			   const union shmreg_eventcount *event)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_WATCH };
	struct shmreg_segment *s = handle->segment;
	const uint32_t *flags = &shmreg_dir_participants(s->dir)[s->participant_index].flags;
	const uint64_t offset = (uint64_t)((const unsigned char *)event - handle->base);
	int r;

	/* acquire: the half was set before the flag, and is cleared after the flag has gone */
	if ((shmreg_load_acquire(flags) & SHMREG_PARTICIPANT_WATCHES) != 0 &&
	    shmreg_load_acquire(&event->half[SHMREG_EVENTCOUNT_WATCH]) != 0)
		return 0;
	call.request.u.watch.object = handle->object;
	call.request.u.watch.events =
		offset == shmreg_kind_eventcount(handle->shape.kind, SHMREG_WAIT_ITEMS)
			? SHMREG_WAIT_ITEMS : SHMREG_WAIT_SPACE;
	r = segment_call(s, &call);
	if (r == 0)
		connection_call_done(&call);
	return r == -ENOENT ? -ESTALE : r;
}

void segment_free(struct shmreg_segment *s)
{
	if (s->connection != NULL)
		bells_forget(s);
	if (s->data != NULL)
		munmap(s->data, s->dir->data_bytes);
	if (s->dir != NULL)
		munmap((void *)(uintptr_t)s->dir, s->dir->dir_bytes);
	if (s->data_fd >= 0)
		close(s->data_fd);
	arena_deinit(&s->arena);
	free(s->notes);
	free(s->by_index);
	pthread_mutex_destroy(&s->mutex);
	free(s);
}

/* In place of a part of what was mapped for it, so that nobody else gets in between. */
static void *map_aligned(int fd, uint64_t bytes, uint64_t align, int protection)
{
	/* Where the kernel's pages are larger than 4096 bytes, the last may be there in part. */
	const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE), whole = (bytes + page - 1) / page * page;
	unsigned char *p = mmap(NULL, whole + align, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const uint64_t before = (align - (uintptr_t)p % align) % align;
	void *memory;
	int e;

	if (p == MAP_FAILED)
		return MAP_FAILED;
	memory = mmap(p + before, bytes, protection, MAP_SHARED | MAP_FIXED, fd, 0);
	if (memory == MAP_FAILED) {
		e = errno;
		munmap(p, whole + align);
		errno = e;
		return MAP_FAILED;
	}
	if (before != 0)
		munmap(p, before);
	if (before != align)
		munmap(p + before + whole, align - before);
	return memory;
}

int segment_map(void **ret, int fd, uint64_t bytes, uint64_t align, int protection,
		const char *what)
{
	struct stat st;
	void *memory;
	int r;

	if (fstat(fd, &st) < 0 || bytes == 0 || st.st_size < 0 || (uint64_t)st.st_size < bytes)
		return error_set(-EBADMSG, "the %s that shmregd sent is smaller than it says", what);
	memory = align != 0 ? map_aligned(fd, bytes, align, protection)
			    : mmap(NULL, bytes, protection, MAP_SHARED, fd, 0);
	if (memory == MAP_FAILED) {
		r = -errno;
		return error_set(r, "cannot map the %s (%" PRIu64 " bytes): %s", what, bytes,
				 r != -EAGAIN ? strerror(-r) :
				 "this process has locked all its memory, also what is to come "
				 "(mlockall), and RLIMIT_MEMLOCK ('ulimit -l') is too small for that");
	}
	/* fork: a child must not go on writing after its parent died and was repaired. */
	madvise(memory, bytes, MADV_DONTFORK);
	*ret = memory;
	return 0;
}

int segment_new_empty(struct shmreg_segment **ret, const char *name)
{
	struct shmreg_segment *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return error_set(-ENOMEM, "no memory is left");
	pthread_mutex_init(&s->mutex, NULL);
	s->data_fd = -1;
	s->ring = bells_ring;
	s->watch = watch_read_only;
	snprintf(s->name, sizeof(s->name), "%s", name);
	*ret = s;
	return 0;
}

int segment_prepare(struct shmreg_segment *s)
{
	s->by_index = calloc(s->dir->max_objects, sizeof(*s->by_index));
	if (s->by_index == NULL)
		return error_set(-ENOMEM, "no memory is left");
	/* Nobody reports what is in a file. */
	if (s->apart)
		s->reported = s->dir->removal_epoch;
	return 0;
}

/*
 * When the daemon has been stopped in order, its socket may be held by a manager that does
 * not start it again; who closes a segment then is not to wait for ever.
 */
#define PATIENCE_MS 5000

void segment_detach(struct shmreg_connection *c, const struct shmreg_attachment *at, bool idle,
		    bool orphaned)
{
	struct connection_call call = {
		.request.header.type = SHMREG_PACKET_DETACH,
		.patience_ms = orphaned ? PATIENCE_MS : 0,
	};

	call.request.u.detach.at = *at;
	call.request.u.detach.flags = idle ? SHMREG_DETACH_IDLE : 0;
	/* That it is not known any more is as good. A daemon that is not there sees us end. */
	if (connection_call(c, &call) == 0)
		connection_call_done(&call);
}

struct shmreg_segment *shmreg_segment_close(struct shmreg_segment *segment)
{
	struct shmreg_connection *c;
	struct shmreg_attachment at;
	struct shmreg_segment **link;
	bool lost, orphaned, idle;

	if (segment == NULL || connection_usable(segment->connection) < 0)
		return NULL;
	if (segment->apart)
		return segment_free_apart(segment);
	c = segment->connection;
	pthread_mutex_lock(&c->mutex);
	for (link = &c->segments; *link != NULL && *link != segment; link = &(*link)->next)
		;
	if (*link != NULL)
		*link = segment->next;
	lost = shmreg_load_relaxed(&segment->lost) < 0; /* relaxed: written under the mutex */
	pthread_mutex_unlock(&c->mutex);
	idle = object_close_all(segment);
	segment_attachment(segment, &at);
	/* relaxed: a hint */
	orphaned = (shmreg_load_relaxed(&segment->dir->flags) & SHMREG_DIR_ORPHANED) != 0;
	/* Unmapped before it is said: once it is, others may be given what was ours. */
	segment_free(segment);
	if (!lost)
		segment_detach(c, &at, idle, orphaned);
	return NULL;
}

const struct shmreg_dir *shmreg_segment_dir(const struct shmreg_segment *segment)
{
	return connection_inherited(segment->connection) ? NULL : segment->dir;
}

uint64_t shmreg_segment_participant(const struct shmreg_segment *segment)
{
	return connection_inherited(segment->connection) ? 0 : segment->participant;
}

const void *shmreg_segment_data(const struct shmreg_segment *segment)
{
	return connection_inherited(segment->connection) ? NULL : segment->data;
}
