/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "actor.h"

struct cue {
	deed_fn deed;
	int64_t arg;
};

static int64_t deed_sentence(struct actor *a, int64_t unused)
{
	(void)a, (void)unused;
	return 0;
}

static void act(const struct mouth *mouth, void *arg)
{
	static struct actor a;
	struct cue cue;
	ssize_t n;

	(void)arg;
	for (;;) {
		do
			n = recv(mouth->fd, &cue, sizeof(cue), 0);
		while (n < 0 && errno == EINTR);
		if (n != (ssize_t)sizeof(cue))
			break;	/* process_finish() says one word */
		if (cue.deed == deed_sentence)
			send(mouth->fd, shmreg_error(), strlen(shmreg_error()) + 1, MSG_NOSIGNAL);
		else
			tell(mouth, cue.deed(&a, cue.arg));
	}
	shmreg_disconnect(a.connection);
}

void actor_start(struct process *p)
{
	process_start(p, act, NULL);
}

void actor_start_as(struct process *p, const struct identity *who)
{
	process_start_as(p, who, act, NULL);
}

void actor_begin(struct process *p, deed_fn deed, int64_t arg)
{
	const struct cue cue = { .deed = deed, .arg = arg };

	ck_assert_int_eq(send(p->fd, &cue, sizeof(cue), MSG_NOSIGNAL), sizeof(cue));
}

int64_t actor_do(struct process *p, deed_fn deed, int64_t arg)
{
	actor_begin(p, deed, arg);
	return process_hear(p);
}

const char *actor_sentence(struct process *p)
{
	const struct cue cue = { .deed = deed_sentence };
	static char sentence[512];
	ssize_t n;

	ck_assert_int_eq(send(p->fd, &cue, sizeof(cue), MSG_NOSIGNAL), sizeof(cue));
	n = recv(p->fd, sentence, sizeof(sentence) - 1, 0);
	ck_assert_int_gt(n, 0);
	sentence[n] = '\0';
	return sentence;
}

void actor_says(struct process *p, const char *text)
{
	const char *sentence = actor_sentence(p);

	ck_assert_msg(strstr(sentence, text) != NULL, "\"%s\" does not say \"%s\"", sentence, text);
}

int64_t deed_connect(struct actor *a, int64_t unused)
{
	(void)unused;
	return a->connection ? 0 : shmreg_connect(&a->connection, NULL);
}

int64_t deed_disconnect(struct actor *a, int64_t unused)
{
	(void)unused;
	shmreg_disconnect(a->connection);
	memset(a, 0, sizeof(*a));
	return 0;
}

static int64_t create(struct actor *a, uint32_t lifetime, uint32_t mode)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20,
						      .mode = mode, .lifetime = lifetime };
	const int64_t r = deed_connect(a, 0);

	return r < 0 ? r :
		       shmreg_segment_create(a->connection, &a->segment, ACTOR_SEGMENT, &params);
}

int64_t deed_create(struct actor *a, int64_t lifetime)
{
	return create(a, (uint32_t)lifetime, 0);
}

int64_t deed_create_mode(struct actor *a, int64_t mode)
{
	return create(a, SHMREG_UNTIL_REMOVED, (uint32_t)mode);
}

int64_t deed_open(struct actor *a, int64_t access)
{
	const int64_t r = deed_connect(a, 0);

	return r < 0 ? r :
		       shmreg_segment_open(a->connection, &a->segment, ACTOR_SEGMENT,
					   (uint32_t)access);
}

int64_t deed_close(struct actor *a, int64_t unused)
{
	(void)unused;
	a->segment = shmreg_segment_close(a->segment);
	a->queue = NULL;
	a->atomic = NULL;
	a->atomic_const = NULL;
	a->array = NULL;
	return 0;
}

int64_t deed_remove(struct actor *a, int64_t unused)
{
	const int64_t r = deed_connect(a, 0);

	(void)unused;
	return r < 0 ? r : shmreg_segment_remove(a->connection, ACTOR_SEGMENT);
}

int64_t deed_queue_create(struct actor *a, int64_t flags)
{
	return word_queue_create(a->segment, &a->queue, "queue", 8, (uint32_t)flags);
}

int64_t deed_queue_open(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_queue_open(a->segment, &a->queue, "queue");
}

int64_t deed_push(struct actor *a, int64_t word)
{
	return word_queue_push(a->queue, &(uint64_t){ (uint64_t)word });
}

int64_t deed_pop(struct actor *a, int64_t unused)
{
	uint64_t word;
	const int r = word_queue_pop(a->queue, &word);

	(void)unused;
	return r < 0 ? r : (int64_t)word;
}

int64_t deed_reserve(struct actor *a, int64_t word)
{
	const int r = word_queue_reserve(a->queue, &a->lease[a->n_leases]);

	if (r == 0)
		*a->lease[a->n_leases++].elem = (uint64_t)word;
	return r;
}

int64_t deed_commit(struct actor *a, int64_t lease)
{
	return word_queue_commit(a->queue, &a->lease[lease]);
}

int64_t deed_acquire(struct actor *a, int64_t unused)
{
	const int r = word_queue_acquire(a->queue, &a->lease[a->n_leases]);

	(void)unused;
	return r < 0 ? r : (int64_t)*a->lease[a->n_leases++].elem;
}

int64_t deed_release(struct actor *a, int64_t lease)
{
	return word_queue_release(a->queue, &a->lease[lease]);
}

int64_t deed_atomic_create(struct actor *a, int64_t value)
{
	const int r = word_atomic_create(a->segment, &a->atomic, "atomic");

	if (r == 0)
		word_atomic_store(a->atomic, (uint64_t)value);
	return r;
}

int64_t deed_atomic_open(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_atomic_open(a->segment, &a->atomic, "atomic");
}

int64_t deed_atomic_open_const(struct actor *a, int64_t unused)
{
	(void)unused;
	return word_atomic_open_const(a->segment, &a->atomic_const, "atomic");
}

int64_t deed_atomic_add(struct actor *a, int64_t n)
{
	return (int64_t)word_atomic_fetch_add(a->atomic, (uint64_t)n);
}

int64_t deed_atomic_load(struct actor *a, int64_t unused)
{
	(void)unused;
	return (int64_t)word_atomic_load(a->atomic ? a->atomic : a->atomic_const);
}
