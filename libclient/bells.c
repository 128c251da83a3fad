/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "bells.h"
#include "segment.h"

/*
 * Why no watcher is forgotten; labels are those of shmreg/wake.h. Who gets here has found A or
 * watch, and so has seen what the watcher saw before it set A: its WATCH was answered, which came
 * after watch_generation was raised for it. So with a generation that is what it was when the
 * daemon said who there is, that watcher is among them, or had ended. Otherwise the
 * daemon rings, who knows of all: the request lies in its socket when this returns, and is carried
 * out whether its answer is read or not. What comes in between:
 *
 *	this process dies	the request was sent; or the daemon tells of the death
 *	the daemon dies		its watchers hear it from their lines, and look again
 *	the request cannot be sent	the daemon is stopped, with dozens of ours before it: A
 *			stays, so the next waker tries again. Should none come, those who watch this
 *			object and none of the others hear of it with the next event, or death.
 *	the daemon may refuse	this uid has as many connections as it may have: until one request
 *			was carried out A stays as well, and after a refusal the daemon is left
 *			alone for a moment.
 */

/*
 * Descriptors kept for all objects of a connection: few enough that an application does not
 * miss them, and where there are more watchers the daemon is asked each time.
 */
#define ENDS_MAX 256

struct bell_end {
	struct bell_end *next;
	uint64_t watch;
	uint32_t events;
	uint32_t epoch;		/* of the line: another one's is not ours any more */
	int fd;
};

/* Of one object; by index of its entry. */
struct bells {
	uint64_t object;
	struct bell_end *ends;	/* by watch, descending */
	uint32_t generation;
	bool is_known;		/* ends are all there are as of generation */
};

static void drop(struct line *line, struct bell_end **link)
{
	struct bell_end *end = *link;

	*link = end->next;
	if (end->epoch == line->epoch)
		close(end->fd);
	end->next = line->free_ends;
	line->free_ends = end;
	line->n_ends--;
}

static void drop_all(struct line *line, struct bells *b)
{
	while (b->ends != NULL)
		drop(line, &b->ends);
	b->is_known = false;
}

static struct bell_end *end_new(struct line *line)
{
	struct bell_end *end;
	void *memory;
	int i;

	if (line->ends == NULL) {
		memory = mmap(NULL, ENDS_MAX * sizeof(*end), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		if (memory == MAP_FAILED)
			return NULL;
		line->ends = memory;
		for (i = 0; i < ENDS_MAX; i++) {
			line->ends[i].next = line->free_ends;
			line->free_ends = &line->ends[i];
		}
	}
	end = line->free_ends;
	if (end != NULL) {
		line->free_ends = end->next;
		line->n_ends++;
	}
	return end;
}

void bells_deinit(struct line *line)
{
	if (line->ends != NULL)
		munmap(line->ends, ENDS_MAX * sizeof(*line->ends));
	line->ends = NULL;
	line->free_ends = NULL;
}

static size_t table_bytes(const struct shmreg_segment *s)
{
	return s->dir->max_objects * sizeof(struct bells);
}

static uint32_t index_of(const struct shmreg_handle *handle)
{
	return (uint32_t)(handle->entry - shmreg_dir_objects(handle->segment->dir));
}

/* Untouched pages of it cost nothing. Return: NULL: no memory. */
static struct bells *bells_of(struct shmreg_segment *s, uint32_t index, uint64_t object)
{
	void *memory;
	struct bells *b;

	if (s->bells == NULL) {
		memory = mmap(NULL, table_bytes(s), PROT_READ | PROT_WRITE,
			      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (memory == MAP_FAILED)
			return NULL;
		s->bells = memory;
	}
	b = &s->bells[index];
	if (b->object != object || (b->ends != NULL && b->ends->epoch != s->connection->line.epoch)) {
		drop_all(&s->connection->line, b);
		b->object = object;
	}
	return b;
}

static int ask(struct shmreg_segment *s, uint32_t index, uint64_t object, uint32_t events,
	       uint64_t after)
{
	struct shmreg_request request = { .header.type = SHMREG_PACKET_NOTIFY };
	struct line *line = &s->connection->line;
	struct line_asked *asked;
	int r;

	/* The epoch may be older than what the daemon has. */
	request.u.notify.at.segment = s->id;
	request.u.notify.at.participant = s->participant;
	request.u.notify.object = object;
	request.u.notify.after = after;
	request.u.notify.events = events;
	r = line_send(s->connection, &request);
	if (r < 0)
		return r;
	asked = &line->asked[request.header.serial % LINE_ASKED];
	asked->serial = request.header.serial;
	asked->segment = s;
	asked->object = object;
	asked->after = after;
	asked->index = index;
	return 0;
}

static void add(struct line *line, struct bells *b, const struct shmreg_notify_reply *in,
		const int *fds)
{
	struct bell_end *end;
	uint32_t i;

	for (i = 0; i < in->n; i++) {
		end = end_new(line);
		if (end == NULL) {
			close(fds[i]);
			b->is_known = false;
			continue;
		}
		end->watch = in->watch[i];
		end->events = in->events[i];
		end->epoch = line->epoch;
		end->fd = fds[i];
		end->next = b->ends;
		b->ends = end;
	}
}

void bells_answered(struct shmreg_connection *c, const struct shmreg_reply *reply, const int *fds,
		    unsigned int n_fds)
{
	const struct shmreg_notify_reply *in = &reply->u.notify;
	struct line_asked *asked = &c->line.asked[reply->header.serial % LINE_ASKED];
	struct shmreg_segment *s = asked->segment;
	struct bells *b = NULL;

	if (reply->header.status == 0 && asked->serial == reply->header.serial && s != NULL)
		b = bells_of(s, asked->index, asked->object);
	/* A page of another generation than those before it is not the rest of them. */
	if (b == NULL || in->n != n_fds || n_fds > SHMREG_NOTIFY_MAX ||
	    (asked->after != 0 && (b->ends == NULL || b->generation != in->generation ||
				   b->ends->watch != asked->after))) {
		while (n_fds > 0)
			close(fds[--n_fds]);
		return;
	}
	if (asked->after == 0)
		drop_all(&c->line, b);
	b->generation = in->generation;
	b->is_known = in->more == 0;
	add(&c->line, b, in, fds);
	if (in->more != 0 && in->n > 0 && b->ends != NULL &&
	    b->ends->watch == in->watch[in->n - 1])
		ask(s, asked->index, asked->object, 0, in->watch[in->n - 1]);
}

static bool is_current(const struct bells *b, const struct shmreg_handle *handle)
{
	/* acquire: the watcher's own registration came before it set A, as did this */
	return b != NULL && b->is_known &&
	       b->generation == shmreg_load_acquire(&handle->entry->watch_generation);
}

static void ring_all(struct line *line, struct bells *b, uint32_t events)
{
	struct bell_end **link = &b->ends;
	const char byte = 0;

	while (*link != NULL) {
		/* EAGAIN: what is full is readable. */
		if (((*link)->events & events) != 0 &&
		    send((*link)->fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_NOSIGNAL) < 0 &&
		    errno != EAGAIN && errno != EINTR)
			drop(line, link);
		else
			link = &(*link)->next;
	}
}

int bells_ring(const struct shmreg_handle *handle, uint32_t events)
{
	struct shmreg_segment *s = handle->segment;
	struct shmreg_connection *c = s->connection;
	const uint32_t index = index_of(handle);
	struct line_guard guard;
	struct bells *b;
	int lives, r = 0;

	/* No descriptor has ever watched it: A is a peer's nonsense, or watch a sleeper's. */
	if (shmreg_load_acquire(&handle->entry->watch_generation) == 0)
		return 0;
	line_lock(c, &guard);
	line_check(&c->line);
	b = bells_of(s, index, handle->object); /* without memory for it the daemon rings */
	if (!is_current(b, handle))
		line_collect(c);
	/* A line that is lost shows when something is sent. */
	for (lives = 2; r == 0 && lives > 0; lives--) {
		if (is_current(b, handle)) {
			ring_all(&c->line, b, events);
			break;
		}
		r = line_was_refused(&c->line) ? -EAGAIN : line_ensure(c);
		if (r == 0)
			r = ask(s, index, handle->object, events, 0);
		if (r == 0 && !c->line.is_heard)
			r = -EAGAIN;
		if (r == 0)
			break;
		if (c->line.is_dead && lives > 1)
			r = 0;
	}
	line_unlock(c, &guard);
	return r;
}

void bells_forget(struct shmreg_segment *s)
{
	struct line *line = &s->connection->line;
	struct line_guard guard;
	uint32_t i;

	line_lock(s->connection, &guard);
	for (i = 0; i < LINE_ASKED; i++)
		if (line->asked[i].segment == s)
			line->asked[i].segment = NULL;
	if (s->bells != NULL) {
		line_check(line);
		for (i = 0; line->n_ends > 0 && i < s->dir->max_objects; i++)
			drop_all(line, &s->bells[i]);
		munmap(s->bells, table_bytes(s));
		s->bells = NULL;
	}
	line_unlock(s->connection, &guard);
}

void bells_forget_object(struct shmreg_segment *s, uint32_t index)
{
	struct line_guard guard;

	line_lock(s->connection, &guard);
	if (s->bells != NULL) {
		line_check(&s->connection->line);
		drop_all(&s->connection->line, &s->bells[index]);
	}
	line_unlock(s->connection, &guard);
}
