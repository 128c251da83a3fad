/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ARRAY_H
#define SHMREG_ARRAY_H

/*
 * shmreg/array.h - contiguous elements of one size, shared as they are
 *
 * Callers	Any number of threads and processes, through as many handles or
 *		as few as they like: a handle is only read. Who may touch which
 *		element when is the application's business, exactly as for an
 *		array that threads of one process share.
 *
 * Progress	data() and at() are wait-free: a load, and an addition. Opening
 *		is a look-up in the mapped directory, creating one request.
 *
 * Ordering	None. An array of plain data needs a queue, an atomic or the
 *		like beside it to hand elements over; what was written before a
 *		push is visible after the pop that returned it.
 *
 * Crashes	Stores that were made stay, stores that were not made do not
 *		happen; the store being made is whole if it is one aligned load
 *		or store of at most 8 bytes. Nothing is ever to repair, so a
 *		handle takes no seat.
 *
 * Trust	Whoever is attached read-write may write any element at any
 *		time: check a copy, not the shared bytes. Length and element
 *		size come from the directory, which no client can write.
 *
 * Waiting	Never. read-only may: open_const, data_const, at_const, length;
 *		anything else is -EROFS, or does not compile.
 *
 * Units	Lengths and indices are elements, sizes bytes.
 *
 * Cost		That of a pointer: the compiler sees an ordinary array. at(), get()
 *		and set() load the pointer from the handle, once before a loop, but
 *		in every round of one that has a barrier or an atomic operation in
 *		it, or stores what may be anything (char; with clang, structs):
 *		ask data() before such a loop. Debug
 *		builds (-DSHMREG_DEBUG=1, or without -DNDEBUG) check the
 *		index in at(), get() and set() and abort with a sentence.
 *
 * fork: a pointer that was taken before is unmapped in the child and faults;
 * data() of an inherited handle is NULL there.
 */

#include <shmreg/handle.h>

#ifndef SHMREG_DEBUG
# ifdef NDEBUG
#  define SHMREG_DEBUG 0
# else
#  define SHMREG_DEBUG 1
# endif
#endif

SHMREG_BEGIN_DECLS

struct shmreg_array {
	struct shmreg_handle handle;
};

struct shmreg_array_params {
	size_t size;		/* sizeof(struct shmreg_array_params) */
	uint64_t length;	/* elements, at least 1; opening: 0 = any */
	uint64_t elem_bytes;	/* sizeof an element; opening: 0 = any */
	uint32_t elem_align;	/* a power of two, 1 .. 4096; ignored if elem_bytes is 0 */
	uint32_t reserved;	/* 0 */
	const char *type_name;	/* see shmreg/abi/name.h; NULL = none, opening: any */
};

/*
 * Not for applications: what create, open and the like below come to, with the
 * layout version that the application was compiled with.
 */
SHMREG_API SHMREG_CHECK int shmreg_array_open_layout(struct shmreg_segment *segment,
						     struct shmreg_array **ret, uint32_t how,
						     const char *name,
						     const struct shmreg_array_params *params,
						     uint32_t layout);
SHMREG_API SHMREG_CHECK int
shmreg_array_open_const_layout(struct shmreg_segment *segment, const struct shmreg_array **ret,
			       const char *name, const struct shmreg_array_params *params,
			       uint32_t layout);

/*
 * shmreg_array_create() - make an array; its elements are zero
 * shmreg_array_open() - open one that exists, to read and write it
 * shmreg_array_open_or_create() - whichever it takes
 * shmreg_array_open_const() - open one that exists, to read it
 *
 * Return: 0, or as shmreg_object_open(); -EROFS also if the segment is attached
 * read-only and the array is not opened by open_const.
 */
static inline SHMREG_CHECK int shmreg_array_create(struct shmreg_segment *segment,
						   struct shmreg_array **ret, const char *name,
						   const struct shmreg_array_params *params)
{
	return shmreg_array_open_layout(segment, ret, SHMREG_OBJECT_CREATE, name, params,
					SHMREG_ARRAY_LAYOUT);
}

static inline SHMREG_CHECK int shmreg_array_open(struct shmreg_segment *segment,
						 struct shmreg_array **ret, const char *name,
						 const struct shmreg_array_params *params)
{
	return shmreg_array_open_layout(segment, ret, SHMREG_OBJECT_ATTACH, name, params,
					SHMREG_ARRAY_LAYOUT);
}

static inline SHMREG_CHECK int
shmreg_array_open_or_create(struct shmreg_segment *segment, struct shmreg_array **ret,
			    const char *name, const struct shmreg_array_params *params)
{
	return shmreg_array_open_layout(segment, ret, SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH,
					name, params, SHMREG_ARRAY_LAYOUT);
}

static inline SHMREG_CHECK int
shmreg_array_open_const(struct shmreg_segment *segment, const struct shmreg_array **ret,
			const char *name, const struct shmreg_array_params *params)
{
	return shmreg_array_open_const_layout(segment, ret, name, params, SHMREG_ARRAY_LAYOUT);
}

/* shmreg_array_close() - see shmreg_object_close(); NULL is fine. The array stays. */
SHMREG_API int shmreg_array_close(const struct shmreg_array *array);

/* An index is out of range: says so on standard error and aborts. */
SHMREG_API SHMREG_COLD void shmreg_array_out_of_range(const struct shmreg_array *array,
						      uint64_t index)
	__attribute__((noreturn));

/* Elements; 0 in a forked child. */
SHMREG_API SHMREG_HOT uint64_t shmreg_array_length(const struct shmreg_array *array);
/* The first element; NULL in a forked child. */
SHMREG_API SHMREG_HOT void *shmreg_array_data(struct shmreg_array *array);
SHMREG_API SHMREG_HOT const void *shmreg_array_data_const(const struct shmreg_array *array);
/* The element @index, which must be below length(). */
SHMREG_API SHMREG_HOT void *shmreg_array_at(struct shmreg_array *array, uint64_t index);
SHMREG_API SHMREG_HOT const void *shmreg_array_at_const(const struct shmreg_array *array,
							 uint64_t index);

SHMREG_HOT uint64_t shmreg_array_length(const struct shmreg_array *array)
{
	return array->handle.shape.capacity;
}

SHMREG_HOT void *shmreg_array_data(struct shmreg_array *array)
{
	return array->handle.base;
}

SHMREG_HOT const void *shmreg_array_data_const(const struct shmreg_array *array)
{
	return array->handle.base;
}

SHMREG_HOT void *shmreg_array_at(struct shmreg_array *array, uint64_t index)
{
	if (SHMREG_DEBUG && SHMREG_UNLIKELY(index >= array->handle.shape.capacity))
		shmreg_array_out_of_range(array, index);
	return array->handle.base + index * array->handle.shape.elem_bytes;
}

SHMREG_HOT const void *shmreg_array_at_const(const struct shmreg_array *array, uint64_t index)
{
	if (SHMREG_DEBUG && SHMREG_UNLIKELY(index >= array->handle.shape.capacity))
		shmreg_array_out_of_range(array, index);
	return array->handle.base + index * array->handle.shape.elem_bytes;
}

/*
 * SHMREG_DEFINE_ARRAY() - struct name and functions name_...() for elements of @type
 *
 * @type is recorded as the array's type name, with its size and alignment: a
 * program that was compiled with another one is refused at open. In name_open()
 * length 0 is any.
 */
#define SHMREG_DEFINE_ARRAY(name, type)                                                           \
	struct name {                                                                             \
		struct shmreg_array array;                                                        \
	};                                                                                        \
	SHMREG_WRAPPER struct shmreg_array_params name##_params(uint64_t length)                  \
	{                                                                                         \
		struct shmreg_array_params params;                                                \
		params.size = sizeof(params);                                                     \
		params.length = length;                                                           \
		params.elem_bytes = sizeof(type);                                                 \
		params.elem_align = SHMREG_ALIGNOF(type);                                         \
		params.reserved = 0;                                                              \
		params.type_name = #type;                                                         \
		return params;                                                                    \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_how(struct shmreg_segment *segment,           \
						       struct name **ret, uint32_t how,           \
						       const char *object, uint64_t length)       \
	{                                                                                         \
		const struct shmreg_array_params params = name##_params(length);                  \
		struct shmreg_array *array;                                                       \
		const int r = shmreg_array_open_layout(segment, &array, how, object, &params,     \
						       SHMREG_ARRAY_LAYOUT);                      \
		if (r >= 0)                                                                       \
			*ret = (struct name *)array;                                              \
		return r;                                                                         \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_create(struct shmreg_segment *segment,             \
						     struct name **ret, const char *object,       \
						     uint64_t length)                             \
	{                                                                                         \
		return name##_open_how(segment, ret, SHMREG_OBJECT_CREATE, object, length);       \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open(struct shmreg_segment *segment,               \
						   struct name **ret, const char *object,         \
						   uint64_t length)                               \
	{                                                                                         \
		return name##_open_how(segment, ret, SHMREG_OBJECT_ATTACH, object, length);       \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_or_create(struct shmreg_segment *segment,     \
							     struct name **ret,                   \
							     const char *object,                  \
							     uint64_t length)                     \
	{                                                                                         \
		return name##_open_how(segment, ret,                                              \
				       SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, object,       \
				       length);                                                   \
	}                                                                                         \
	SHMREG_WRAPPER SHMREG_CHECK int name##_open_const(struct shmreg_segment *segment,         \
							 const struct name **ret,                 \
							 const char *object, uint64_t length)     \
	{                                                                                         \
		const struct shmreg_array_params params = name##_params(length);                  \
		const struct shmreg_array *array;                                                 \
		const int r = shmreg_array_open_const(segment, &array, object, &params);          \
		if (r >= 0)                                                                       \
			*ret = (const struct name *)array;                                        \
		return r;                                                                         \
	}                                                                                         \
	SHMREG_WRAPPER int name##_close(const struct name *a)                                     \
	{                                                                                         \
		return shmreg_array_close((const struct shmreg_array *)a);                        \
	}                                                                                         \
	SHMREG_WRAPPER uint64_t name##_length(const struct name *a)                               \
	{                                                                                         \
		return a->array.handle.shape.capacity;                                            \
	}                                                                                         \
	SHMREG_WRAPPER type *name##_data(struct name *a)                                          \
	{                                                                                         \
		return (type *)(void *)a->array.handle.base;                                      \
	}                                                                                         \
	SHMREG_WRAPPER const type *name##_data_const(const struct name *a)                        \
	{                                                                                         \
		return (const type *)(const void *)a->array.handle.base;                          \
	}                                                                                         \
	SHMREG_WRAPPER type *name##_at(struct name *a, uint64_t index)                            \
	{                                                                                         \
		if (SHMREG_DEBUG && SHMREG_UNLIKELY(index >= name##_length(a)))                   \
			shmreg_array_out_of_range(&a->array, index);                              \
		return name##_data(a) + index;                                                    \
	}                                                                                         \
	SHMREG_WRAPPER const type *name##_at_const(const struct name *a, uint64_t index)          \
	{                                                                                         \
		if (SHMREG_DEBUG && SHMREG_UNLIKELY(index >= name##_length(a)))                   \
			shmreg_array_out_of_range(&a->array, index);                              \
		return name##_data_const(a) + index;                                              \
	}                                                                                         \
	SHMREG_WRAPPER type name##_get(const struct name *a, uint64_t index)                      \
	{                                                                                         \
		return *name##_at_const(a, index);                                                \
	}                                                                                         \
	SHMREG_WRAPPER void name##_set(struct name *a, uint64_t index, type value)                \
	{                                                                                         \
		*name##_at(a, index) = value;                                                     \
	}                                                                                         \
	struct name /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_ARRAY_H */
