/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_TOPIC_TYPED_H
#define SHMREG_TOPIC_TYPED_H

/*
 * shmreg/topic-typed.h - a topic of one C type
 *
 * SHMREG_DEFINE_TOPIC(quotes, struct quote) makes types struct quotes_publisher and struct
 * quotes_subscriber and functions quotes_publisher_publish() and so on, as in <shmreg/topic.h>,
 * which take and give struct quote and cost what an assignment of one costs. Topics of
 * different types, and the two roles, are different types, so mixing them up does not
 * compile; between processes, name, size and alignment are compared at open.
 *
 *	publisher_create, _open_or_create (segment, &pub, "name", &params)
 *	publisher_open (segment, &pub, "name"), publisher_close (pub)
 *	publisher_publish (pub, &quote)
 *	publisher_publish_wait (pub, &quote, deadline)
 *	publisher_reserve (pub, &place) with struct quote *place; publisher_publish_reserved (pub)
 *	publisher_publish_reserved_wait (pub, deadline)
 *	subscriber_create, _open_or_create (segment, &sub, "name", &params)
 *	subscriber_open (segment, &sub, "name", history), subscriber_close (sub)
 *	subscriber_read (sub, &quote, &message), subscriber_lag (sub)
 *	subscriber_peek (sub, &place, &message) with const struct quote *place
 *	subscriber_consume (sub)
 *	subscriber_read_wait (sub, &quote, &message, deadline)
 *	subscriber_peek_wait (sub, &place, &message, deadline)
 *	publisher_untyped (pub), subscriber_untyped (sub), for what is not listed here
 *
 * Of the params, size, message_bytes, message_align and type_name are set by the functions.
 * Write the macro at file scope, with a semicolon.
 */

#include <shmreg/topic.h>

SHMREG_BEGIN_DECLS

/* As shmreg_topic_geometry() has it; the handle's are equal, open has compared what they follow from. */
#define SHMREG_TOPIC_ALIGN_(type) (SHMREG_ALIGNOF(type) > 64 ? SHMREG_ALIGNOF(type) : 64)
#define SHMREG_TOPIC_ELEM_OFFSET_(type)                                                            \
	((size_t)(SHMREG_ALIGNOF(type) > sizeof(struct shmreg_topic_chunk)                         \
			  ? SHMREG_ALIGNOF(type)                                                   \
			  : sizeof(struct shmreg_topic_chunk)))
#define SHMREG_TOPIC_STRIDE_(type)                                                                 \
	((SHMREG_TOPIC_ELEM_OFFSET_(type) + sizeof(type) + SHMREG_TOPIC_ALIGN_(type) - 1) &        \
	 ~(size_t)(SHMREG_TOPIC_ALIGN_(type) - 1))

#define SHMREG_TOPIC_OPEN_(name, side, type)                                                       \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##side##_open_how(                                  \
		struct shmreg_segment *segment, struct name##_##side **ret, uint32_t how,          \
		const char *topic, const struct shmreg_topic_params *given)                        \
	{                                                                                          \
		struct shmreg_topic_params params = *given;                                        \
		struct shmreg_##side *untyped;                                                     \
		int r;                                                                             \
		params.size = sizeof(params);                                                      \
		params.message_bytes = sizeof(type);                                               \
		params.message_align = (uint32_t)SHMREG_ALIGNOF(type);                             \
		params.type_name = #type;                                                          \
		r = shmreg_##side##_open_layout(segment, &untyped, how, topic, &params,            \
						SHMREG_TOPIC_LAYOUT,                               \
						sizeof(struct name##_##side));                     \
		if (r >= 0)                                                                        \
			*ret = (struct name##_##side *)untyped;                                    \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##side##_create(                                    \
		struct shmreg_segment *segment, struct name##_##side **ret, const char *topic,     \
		const struct shmreg_topic_params *params)                                          \
	{                                                                                          \
		return name##_##side##_open_how(segment, ret, SHMREG_OBJECT_CREATE, topic,         \
						params);                                           \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##side##_open_or_create(                            \
		struct shmreg_segment *segment, struct name##_##side **ret, const char *topic,     \
		const struct shmreg_topic_params *params)                                          \
	{                                                                                          \
		return name##_##side##_open_how(segment, ret,                                      \
						SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,       \
						topic, params);                                    \
	}                                                                                          \
	SHMREG_WRAPPER int name##_##side##_close(struct name##_##side *handle)                     \
	{                                                                                          \
		return shmreg_##side##_close((struct shmreg_##side *)handle);                      \
	}                                                                                          \
	SHMREG_WRAPPER struct shmreg_##side *name##_##side##_untyped(struct name##_##side *handle) \
	{                                                                                          \
		return &handle->side;                                                              \
	}

#define SHMREG_DEFINE_TOPIC(name, type)                                                            \
	struct name##_publisher {                                                                  \
		struct shmreg_publisher publisher;                                                 \
	};                                                                                         \
	struct name##_subscriber {                                                                 \
		struct shmreg_subscriber subscriber;                                               \
	};                                                                                         \
	SHMREG_TOPIC_OPEN_(name, publisher, type)                                                  \
	SHMREG_TOPIC_OPEN_(name, subscriber, type)                                                 \
	SHMREG_WRAPPER SHMREG_CHECK int name##_publisher_open(                                     \
		struct shmreg_segment *segment, struct name##_publisher **ret, const char *topic)  \
	{                                                                                          \
		struct shmreg_topic_params params;                                                 \
		memset(&params, 0, sizeof(params));                                                \
		return name##_publisher_open_how(segment, ret, SHMREG_OBJECT_ATTACH, topic,        \
						 &params);                                         \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_subscriber_open(                                    \
		struct shmreg_segment *segment, struct name##_subscriber **ret, const char *topic, \
		uint64_t history)                                                                  \
	{                                                                                          \
		struct shmreg_topic_params params;                                                 \
		memset(&params, 0, sizeof(params));                                                \
		params.history = history;                                                          \
		return name##_subscriber_open_how(segment, ret, SHMREG_OBJECT_ATTACH, topic,       \
						  &params);                                        \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_publisher_publish(struct name##_publisher *pub, \
								 const type *message)              \
	{                                                                                          \
		return shmreg_publisher_publish_sized(&pub->publisher, message, sizeof(type),      \
						      SHMREG_TOPIC_ELEM_OFFSET_(type),             \
						      SHMREG_TOPIC_STRIDE_(type));                 \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_publisher_reserve(struct name##_publisher *pub,     \
								 type **ret)                       \
	{                                                                                          \
		void *place;                                                                       \
		const int r = shmreg_publisher_reserve_sized(&pub->publisher, &place,              \
							     SHMREG_TOPIC_ELEM_OFFSET_(type),      \
							     SHMREG_TOPIC_STRIDE_(type));          \
		if (r >= 0)                                                                        \
			*ret = (type *)place;                                                      \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_publisher_publish_reserved(                         \
		struct name##_publisher *pub)                                                      \
	{                                                                                          \
		return shmreg_publisher_publish_reserved_sized(&pub->publisher, sizeof(type),      \
							       SHMREG_TOPIC_STRIDE_(type));        \
	}                                                                                          \
	/* The first try costs what it costs without _wait. */                                     \
	SHMREG_WRAPPER SHMREG_CHECK int name##_publisher_publish_wait(                             \
		struct name##_publisher *pub, const type *message,                                 \
		const struct timespec *deadline)                                                   \
	{                                                                                          \
		const int r = name##_publisher_publish(pub, message);                              \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_publisher_publish_wait(&pub->publisher, message,           \
							       sizeof(type), deadline);            \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_publisher_publish_reserved_wait(                    \
		struct name##_publisher *pub, const struct timespec *deadline)                     \
	{                                                                                          \
		const int r = name##_publisher_publish_reserved(pub);                              \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_publisher_publish_reserved_wait(                           \
					 &pub->publisher, sizeof(type), deadline);                 \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_subscriber_read(struct name##_subscriber *sub,  \
							       type *message,                      \
							       struct shmreg_topic_message *ret)   \
	{                                                                                          \
		return shmreg_subscriber_read_sized(&sub->subscriber, message, sizeof(type), 1,    \
						    sizeof(type), SHMREG_TOPIC_ELEM_OFFSET_(type), \
						    SHMREG_TOPIC_STRIDE_(type), ret);              \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_subscriber_peek(struct name##_subscriber *sub,      \
							       const type **ret_message,           \
							       struct shmreg_topic_message *ret)   \
	{                                                                                          \
		const void *place;                                                                 \
		const int r = shmreg_subscriber_peek_sized(                                        \
			&sub->subscriber, &place, sizeof(type), SHMREG_TOPIC_ELEM_OFFSET_(type),   \
			SHMREG_TOPIC_STRIDE_(type), ret);                                          \
		if (r >= 0)                                                                        \
			*ret_message = (const type *)place;                                        \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_subscriber_read_wait(                               \
		struct name##_subscriber *sub, type *message,                                      \
		struct shmreg_topic_message *ret, const struct timespec *deadline)                 \
	{                                                                                          \
		const int r = name##_subscriber_read(sub, message, ret);                           \
		return SHMREG_LIKELY(r != -EAGAIN)                                                 \
			       ? r                                                                 \
			       : shmreg_subscriber_read_wait(&sub->subscriber, message,            \
							     sizeof(type), ret, deadline);         \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_subscriber_peek_wait(                               \
		struct name##_subscriber *sub, const type **ret_message,                           \
		struct shmreg_topic_message *ret, const struct timespec *deadline)                 \
	{                                                                                          \
		const void *place;                                                                 \
		int r = name##_subscriber_peek(sub, ret_message, ret);                             \
		if (SHMREG_LIKELY(r != -EAGAIN))                                                   \
			return r;                                                                  \
		r = shmreg_subscriber_peek_wait(&sub->subscriber, &place, ret, deadline);          \
		if (r >= 0)                                                                        \
			*ret_message = (const type *)place;                                        \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER int name##_subscriber_consume(struct name##_subscriber *sub)                \
	{                                                                                          \
		return shmreg_subscriber_consume(&sub->subscriber);                                \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_subscriber_lag(const struct name##_subscriber *sub)         \
	{                                                                                          \
		return shmreg_subscriber_lag(&sub->subscriber);                                    \
	}                                                                                          \
	struct name##_publisher /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_TOPIC_TYPED_H */
