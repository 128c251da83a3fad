/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_CELL_TYPED_H
#define SHMREG_CELL_TYPED_H

/*
 * shmreg/cell-typed.h - a cell of one C type
 *
 * SHMREG_DEFINE_CELL(pose_cell, struct pose) makes types struct pose_cell, which reads,
 * and struct pose_cell_writer, and functions pose_cell_read() and so on, as in
 * <shmreg/cell.h>, which take and give struct pose and cost what an assignment of one
 * costs. Cells of different types are different types, and so are the roles; between
 * processes, name, size and alignment of the value are compared at open.
 *
 *	create, open_or_create (segment, &c, "name", writers, slots), open (segment, &c, "name")
 *	writer_create, writer_open_or_create, writer_open: the same with a writer *
 *	close (c), writer_close (w)
 *	of (w): the writer's cell, to read
 *	write (w, &pose), begin (w, &pointer), commit (w), abort (w)
 *	read (c, &pose, &version), version (c), changed (c, since)
 *	changed_wait (c, since, deadline), read_wait (c, since, &pose, &version, deadline)
 *	peek (c, &view), validate (c, &view) with struct pose_cell_view, whose elem is a
 *		const struct pose *
 *	untyped (c), writer_untyped (w), for what is not listed here
 *
 * Write the macro at file scope, with a semicolon.
 */

#include <shmreg/cell.h>

SHMREG_BEGIN_DECLS

/* Size, offset and stride as constants; the handle's are equal, open has compared them. */
#define SHMREG_CELL_CONSTANTS_(type)                                                               \
	sizeof(type), (size_t)shmreg_cell_word_offset(sizeof(type)),                               \
		(size_t)shmreg_cell_stride(sizeof(type), SHMREG_ALIGNOF(type))

#define SHMREG_CELL_OPEN_(name, what, type, self, const_, untyped)                                 \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##what##_how(                                       \
		struct shmreg_segment *segment, const_ struct self **ret, uint32_t how,            \
		const char *object, uint32_t writers, uint32_t slots)                              \
	{                                                                                          \
		struct shmreg_cell_params params;                                                  \
		const_ struct untyped *c;                                                          \
		int r;                                                                             \
		memset(&params, 0, sizeof(params));                                                \
		params.size = sizeof(params);                                                      \
		params.elem_bytes = sizeof(type);                                                  \
		params.elem_align = (uint32_t)SHMREG_ALIGNOF(type);                                \
		params.writers = writers;                                                          \
		params.slots = slots;                                                              \
		params.type_name = #type;                                                          \
		r = untyped##_open_layout(segment, &c, how, object, &params, SHMREG_CELL_LAYOUT,   \
					  sizeof(struct self));                                    \
		if (r >= 0)                                                                        \
			*ret = (const_ struct self *)c;                                            \
		return r;                                                                          \
	}
#define SHMREG_CELL_OPENERS_(name, prefix, how_, self, const_)                                     \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##prefix##create(                                   \
		struct shmreg_segment *segment, const_ struct self **ret, const char *object,      \
		uint32_t writers, uint32_t slots)                                                  \
	{                                                                                          \
		return name##_##how_##_how(segment, ret, SHMREG_OBJECT_CREATE, object, writers,    \
					   slots);                                                 \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##prefix##open(                                     \
		struct shmreg_segment *segment, const_ struct self **ret, const char *object)      \
	{                                                                                          \
		return name##_##how_##_how(segment, ret, SHMREG_OBJECT_ATTACH, object, 0, 0);      \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_##prefix##open_or_create(                           \
		struct shmreg_segment *segment, const_ struct self **ret, const char *object,      \
		uint32_t writers, uint32_t slots)                                                  \
	{                                                                                          \
		return name##_##how_##_how(segment, ret,                                           \
					   SHMREG_OBJECT_CREATE | SHMREG_OBJECT_ATTACH, object,    \
					   writers, slots);                                        \
	}

#define SHMREG_DEFINE_CELL(name, type)                                                             \
	struct name {                                                                              \
		struct shmreg_cell cell;                                                           \
	};                                                                                         \
	struct name##_writer {                                                                     \
		struct shmreg_cell_writer writer;                                                  \
	};                                                                                         \
	struct name##_view {                                                                       \
		const type *elem;                                                                  \
		uint64_t version;                                                                  \
		uint64_t word;                                                                     \
	};                                                                                         \
	SHMREG_CELL_OPEN_(name, reader, type, name, const, shmreg_cell)                            \
	SHMREG_CELL_OPEN_(name, writer, type, name##_writer, , shmreg_cell_writer)                 \
	SHMREG_CELL_OPENERS_(name, , reader, name, const)                                          \
	SHMREG_CELL_OPENERS_(name, writer_, writer, name##_writer, )                               \
	SHMREG_WRAPPER int name##_close(const struct name *c)                                      \
	{                                                                                          \
		return shmreg_cell_close((const struct shmreg_cell *)c);                           \
	}                                                                                          \
	SHMREG_WRAPPER int name##_writer_close(struct name##_writer *w)                            \
	{                                                                                          \
		return shmreg_cell_writer_close((struct shmreg_cell_writer *)w);                   \
	}                                                                                          \
	SHMREG_WRAPPER const struct name *name##_of(const struct name##_writer *w)                 \
	{                                                                                          \
		return (const struct name *)(const void *)&w->writer.cell;                         \
	}                                                                                          \
	SHMREG_WRAPPER const struct shmreg_cell *name##_untyped(const struct name *c)              \
	{                                                                                          \
		return &c->cell;                                                                   \
	}                                                                                          \
	SHMREG_WRAPPER struct shmreg_cell_writer *name##_writer_untyped(struct name##_writer *w)   \
	{                                                                                          \
		return &w->writer;                                                                 \
	}                                                                                          \
	SHMREG_WRAPPER_HOT int name##_write(struct name##_writer *w, const type *elem)             \
	{                                                                                          \
		return shmreg_cell_write_sized(&w->writer, elem, SHMREG_CELL_CONSTANTS_(type));    \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_begin(struct name##_writer *w, type **ret)          \
	{                                                                                          \
		void *elem;                                                                        \
		const int r = shmreg_cell_begin(&w->writer, &elem);                                \
		if (r >= 0)                                                                        \
			*ret = (type *)elem;                                                       \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER int name##_commit(struct name##_writer *w)                                  \
	{                                                                                          \
		return shmreg_cell_commit(&w->writer);                                             \
	}                                                                                          \
	SHMREG_WRAPPER int name##_abort(struct name##_writer *w)                                   \
	{                                                                                          \
		return shmreg_cell_abort(&w->writer);                                              \
	}                                                                                          \
	SHMREG_WRAPPER_HOT SHMREG_CHECK int name##_read(const struct name *c, type *elem,          \
						    uint64_t *ret_version)                         \
	{                                                                                          \
		return shmreg_cell_read_sized(&c->cell, elem, ret_version,                         \
					      SHMREG_CELL_CONSTANTS_(type));                       \
	}                                                                                          \
	SHMREG_WRAPPER uint64_t name##_version(const struct name *c)                               \
	{                                                                                          \
		return shmreg_cell_version(&c->cell);                                              \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_changed(const struct name *c, uint64_t since)       \
	{                                                                                          \
		return shmreg_cell_changed(&c->cell, since);                                       \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_changed_wait(const struct name *c, uint64_t since,  \
							    const struct timespec *deadline)       \
	{                                                                                          \
		return shmreg_cell_changed_wait(&c->cell, since, deadline);                        \
	}                                                                                          \
	/* If there is a change to read already, it costs what read() costs. */                    \
	SHMREG_WRAPPER SHMREG_CHECK int name##_read_wait(const struct name *c, uint64_t since,     \
							 type *elem, uint64_t *ret_version,        \
							 const struct timespec *deadline)          \
	{                                                                                          \
		const uint64_t version = name##_version(c);                                        \
		return SHMREG_LIKELY(version != since && version != 0)                             \
			       ? name##_read(c, elem, ret_version)                                 \
			       : shmreg_cell_read_wait(&c->cell, since, elem, ret_version,         \
						       deadline);                                  \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_peek(const struct name *c, struct name##_view *ret) \
	{                                                                                          \
		struct shmreg_cell_view view;                                                      \
		const int r = shmreg_cell_peek(&c->cell, &view);                                   \
		if (r >= 0) {                                                                      \
			ret->elem = (const type *)view.elem;                                       \
			ret->version = view.version;                                               \
			ret->word = view.word;                                                     \
		}                                                                                  \
		return r;                                                                          \
	}                                                                                          \
	SHMREG_WRAPPER SHMREG_CHECK int name##_validate(const struct name *c,                      \
							const struct name##_view *view)            \
	{                                                                                          \
		struct shmreg_cell_view untyped;                                                   \
		untyped.elem = view->elem;                                                         \
		untyped.version = view->version;                                                   \
		untyped.word = view->word;                                                         \
		return shmreg_cell_validate(&c->cell, &untyped);                                   \
	}                                                                                          \
	struct name /* so that the macro's use ends in a semicolon */

SHMREG_END_DECLS

#endif /* SHMREG_CELL_TYPED_H */
