/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/topic.h>

#include "rows.h"
#include "topic-bind.h"

struct quote {
	uint64_t word[3];
};
SHMREG_DEFINE_TOPIC(quotes, struct quote);

#define N_PUBLISHERS 2
#define N_SUBSCRIBERS 3
#define MAX_LAST 9

struct state {
	struct shmreg_publisher *pub[N_PUBLISHERS];
	struct shmreg_subscriber *sub[N_SUBSCRIBERS];
	struct shmreg_publisher own_pub[N_PUBLISHERS];
	struct shmreg_subscriber own_sub[N_SUBSCRIBERS];
	struct shmreg_shape shape;
};

/* param: publishers, subscribers, lag at which one is evicted */
static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 2, { 1, 3, 0, 0 } },
	{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 16, { 2, 4, 0, 0 } },
	{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, SHMREG_TOPIC_RELIABLE, 8, 24, 8, { 2, 4, 0, 0 } },
	{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, SHMREG_TOPIC_RELIABLE, 1, 101, 8, { 3, 5, 4, 0 } },
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;
	int r;

	memset(s, 0, sizeof(*s));
	s->shape = *shape;
	for (unsigned int i = 0; i < N_PUBLISHERS; i++) {
		s->pub[i] = &s->own_pub[i];
		if (i >= shape->param[0])
			continue;
		r = publisher_bind(s->pub[i], base, shape, HOSTILE_SEAT + i, NULL, i);
		EXPECT(r == 0 || r == -EBUSY || r == -EUCLEAN);
		if (r < 0)
			memset(s->pub[i], 0, sizeof(*s->pub[i]));
	}
	for (unsigned int i = 0; i < N_SUBSCRIBERS; i++) {
		s->sub[i] = &s->own_sub[i];
		r = subscriber_bind(s->sub[i], base, shape, HOSTILE_SEAT + N_PUBLISHERS + i, NULL,
				    i == 0 ? SHMREG_TOPIC_ALL : i);
		EXPECT(r == 0 || r == -EBUSY || r == -EUCLEAN);
		if (r < 0)
			memset(s->sub[i], 0, sizeof(*s->sub[i]));
	}
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	struct shmreg_topic_params params = { .size = sizeof(params),
					      .capacity = shape->capacity,
					      .message_bytes = shape->elem_bytes,
					      .message_align = shape->elem_align,
					      .flags = shape->flags,
					      .publishers = shape->param[0],
					      .subscribers = shape->param[1],
					      .lag_max = shape->param[2] };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->shape = *shape;
	for (unsigned int i = 0; i < N_PUBLISHERS; i++)
		if (!OPENED(shmreg_publisher_open_or_create(segment, &s->pub[i], name, &params)))
			s->pub[i] = &s->own_pub[i];
	for (unsigned int i = 0; i < N_SUBSCRIBERS; i++) {
		params.history = i;
		if (!OPENED(shmreg_subscriber_open_or_create(segment, &s->sub[i], name, &params)))
			s->sub[i] = &s->own_sub[i];
	}
}

static void publish(struct state *s, struct shmreg_publisher *pub, struct random_state *r)
{
	const size_t max = (size_t)s->shape.elem_bytes, bytes = (size_t)random_below(r, max + 2);
	const struct shmreg_handle *h = &pub->topic.handle;
	void *at = NULL;

	switch (random_below(r, 5)) {
	case 0:
	case 1:
		RESULT(h, shmreg_publisher_publish(pub, hostile_buffer(0, bytes), bytes), -EAGAIN,
		       -EMSGSIZE, -EBUSY, -EUCLEAN);
		break;
	case 2:
		if (RESULT(h, shmreg_publisher_reserve(pub, &at), -EBUSY, -EUCLEAN) != 0)
			break;
		INSIDE(h, at, max, s->shape.elem_align);
		memset(at, 1, max);
		/* fallthrough */
	case 3:
		RESULT(h, shmreg_publisher_publish_reserved(pub, bytes), -EAGAIN, -EMSGSIZE, -EBUSY,
		       -EUCLEAN);
		break;
	default:
		if (max == sizeof(struct quote))
			RESULT(h, quotes_publisher_publish((struct quotes_publisher *)pub,
							   hostile_buffer(0, max)),
			       -EAGAIN, -EBUSY, -EUCLEAN);
	}
}

static void subscribe(struct state *s, struct shmreg_subscriber *sub, struct random_state *r)
{
	const size_t max = (size_t)s->shape.elem_bytes, size = (size_t)random_below(r, max + 2);
	const struct shmreg_handle *h = &sub->topic.handle;
	struct shmreg_topic_message message;
	const void *at = NULL;

	switch (random_below(r, 6)) {
	case 0:
	case 1:
		if (RESULT(h, shmreg_subscriber_read(sub, hostile_buffer(0, size), size, &message),
			   -EAGAIN, -EMSGSIZE, -EBUSY, -EUCLEAN) == 0)
			EXPECT(message.bytes <= size);
		break;
	case 2:
		if (RESULT(h, shmreg_subscriber_peek(sub, &at, &message), -EAGAIN, -EBUSY, -EUCLEAN) != 0)
			break;
		EXPECT(message.bytes <= max);
		INSIDE(h, at, max, s->shape.elem_align);
		memcpy(hostile_buffer(0, (size_t)message.bytes), at, (size_t)message.bytes);
		/* fallthrough */
	case 3:
		RESULT(h, shmreg_subscriber_consume(sub), -EPIPE, -EINVAL, -EBUSY, -EUCLEAN);
		break;
	case 4:
		(void)shmreg_subscriber_lag(sub);
		break;
	default:
		if (max == sizeof(struct quote))
			RESULT(h, quotes_subscriber_read((struct quotes_subscriber *)sub,
							 hostile_buffer(0, max), &message),
			       -EAGAIN, -EMSGSIZE, -EBUSY, -EUCLEAN);
	}
}

static int visit_publisher(void *data, const struct shmreg_topic_publisher_info *info)
{
	const struct shmreg_shape *shape = data;

	EXPECT(info->index < shape->param[0]);
	return 0;
}

static int visit_subscriber(void *data, const struct shmreg_topic_subscriber_info *info)
{
	const struct shmreg_shape *shape = data;

	EXPECT(info->index < shape->param[1] && info->seat < 4096);
	return info->seat == 3 ? 77 : 0;
}

static void look(struct state *s, const struct shmreg_topic *t, struct random_state *r)
{
	struct shmreg_topic_stats stats = { .size = sizeof(stats) };
	const size_t max = (size_t)s->shape.elem_bytes;
	const uint32_t n = (uint32_t)random_below(r, MAX_LAST) + 1;
	struct shmreg_topic_message message;
	uint64_t newest;
	long long got;

	switch (random_below(r, 5)) {
	case 0:
		if (RESULT(&t->handle, shmreg_topic_newest(t, &newest), -EBUSY, -EUCLEAN) == 0 &&
		    RESULT(&t->handle,
			   shmreg_topic_read_at(t, newest - random_below(r, 5), hostile_buffer(0, max),
						max, &message),
			   -EAGAIN, -EPIPE, -EMSGSIZE, -EBUSY, -EUCLEAN) == 0)
			EXPECT(message.bytes <= max);
		break;
	case 1:
		got = RESULT(&t->handle,
			     shmreg_topic_last(t, hostile_buffer(0, n * max), max, n,
					       hostile_buffer(1, n * sizeof(message))),
			     -EMSGSIZE, -EBUSY, -EUCLEAN);
		EXPECT(got <= (long long)n && got <= (long long)s->shape.capacity);
		break;
	case 2:
		RESULT(&t->handle, shmreg_topic_stat(t, &stats), -EBUSY, -EUCLEAN);
		break;
	case 3:
		RESULT(&t->handle, shmreg_topic_publishers(t, visit_publisher, &s->shape), -EBUSY,
		       -EUCLEAN);
		break;
	default:
		RESULT(&t->handle, shmreg_topic_subscribers(t, visit_subscriber, &s->shape), -EBUSY,
		       -EUCLEAN);
	}
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;
	struct shmreg_publisher *pub = s->pub[random_below(r, N_PUBLISHERS)];
	struct shmreg_subscriber *sub = s->sub[random_below(r, N_SUBSCRIBERS)];

	switch (random_below(r, 10)) {
	case 0:
		look(s, random_below(r, 2) ? shmreg_publisher_topic(pub) : shmreg_subscriber_topic(sub),
		     r);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		publish(s, pub, r);
		break;
	default:
		subscribe(s, sub, r);
	}
}

const struct hostile_row hostile_topic = {
	"topic", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	NULL, NULL,
};
