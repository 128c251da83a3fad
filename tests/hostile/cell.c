/* SPDX-License-Identifier: MIT */
#include <string.h>

#include <shmreg/cell.h>

#include "cell-bind.h"
#include "rows.h"

struct pose {
	uint64_t word[3];
};
SHMREG_DEFINE_CELL(pose_cell, struct pose);

#define N_WRITERS 2

struct state {
	const struct shmreg_cell *cell;
	struct shmreg_cell_writer *writer[N_WRITERS];
	struct shmreg_cell own;
	struct shmreg_cell_writer own_writer[N_WRITERS];
	struct shmreg_cell_view view;
	size_t bytes;
	uint32_t align;
};

static const struct shmreg_shape shapes[] = {
	{ SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 24, 1, { 4, 0, 0, 0 } },
	{ SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 24, 3, { 2, 0, 0, 0 } },
	{ SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 1, 700, 2, { 3, 0, 0, 0 } },
};

static void bind(void *memory, void *base, const struct shmreg_shape *shape)
{
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->bytes = (size_t)shape->elem_bytes;
	s->align = shape->elem_align;
	s->cell = &s->own;
	cell_bind(&s->own, base, shape);
	for (unsigned int i = 0; i < N_WRITERS; i++) {
		s->writer[i] = &s->own_writer[i];
		if (!cell_writer_bind(s->writer[i], base, shape, HOSTILE_SEAT + i))
			memset(s->writer[i], 0, sizeof(*s->writer[i]));
	}
}

static void open_handles(void *memory, struct shmreg_segment *segment, const char *name,
			 const struct shmreg_shape *shape)
{
	const struct shmreg_cell_params params = { .size = sizeof(params),
						   .elem_bytes = shape->elem_bytes,
						   .elem_align = shape->elem_align,
						   .writers = (uint32_t)shape->capacity,
						   .slots = shape->param[0] };
	struct state *s = memory;

	memset(s, 0, sizeof(*s));
	s->bytes = (size_t)shape->elem_bytes;
	s->align = shape->elem_align;
	if (!OPENED(shmreg_cell_open_or_create(segment, &s->cell, name, &params)))
		s->cell = &s->own;
	for (unsigned int i = 0; i < N_WRITERS; i++)
		if (!OPENED(shmreg_cell_writer_open_or_create(segment, &s->writer[i], name, &params)))
			s->writer[i] = &s->own_writer[i];
}

static void write_one(struct state *s, struct shmreg_cell_writer *w, struct random_state *r)
{
	const struct shmreg_handle *h = &w->cell.handle;
	void *at = NULL;

	switch (random_below(r, 5)) {
	case 0:
	case 1:
		RESULT(h, shmreg_cell_write(w, hostile_buffer(0, s->bytes)), -EBUSY, -EUCLEAN);
		break;
	case 2:
		if (RESULT(h, shmreg_cell_begin(w, &at), -EBUSY, -EUCLEAN) != 0)
			break;
		INSIDE(h, at, s->bytes, s->align);
		memset(at, 1, s->bytes);
		break;
	case 3:
		RESULT(h, random_below(r, 4) ? shmreg_cell_commit(w) : shmreg_cell_abort(w), -EINVAL,
		       -EUCLEAN);
		break;
	default:
		if (s->bytes == sizeof(struct pose))
			RESULT(h, pose_cell_write((struct pose_cell_writer *)w,
						  hostile_buffer(0, sizeof(struct pose))),
			       -EBUSY, -EUCLEAN);
	}
}

static void read_one(struct state *s, const struct shmreg_cell *c, struct random_state *r)
{
	const struct shmreg_handle *h = &c->handle;
	uint64_t version;

	switch (random_below(r, 5)) {
	case 0:
		RESULT(h, shmreg_cell_read(c, hostile_buffer(0, s->bytes), &version), -ENODATA, -EBUSY,
		       -EUCLEAN);
		break;
	case 1:
		if (RESULT(h, shmreg_cell_peek(c, &s->view), -ENODATA, -EUCLEAN) != 0)
			break;
		INSIDE(h, s->view.elem, s->bytes, s->align);
		memcpy(hostile_buffer(0, s->bytes), s->view.elem, s->bytes);
		RESULT(h, shmreg_cell_validate(c, &s->view), -EAGAIN, -EUCLEAN);
		break;
	case 2:
		RESULT(h, shmreg_cell_changed(c, random_below(r, 2) ? shmreg_cell_version(c) : 7),
		       -EAGAIN, -EUCLEAN);
		break;
	case 3:
		if (s->bytes == sizeof(struct pose))
			RESULT(h, pose_cell_read((const struct pose_cell *)c,
						 hostile_buffer(0, sizeof(struct pose)), &version),
			       -ENODATA, -EBUSY, -EUCLEAN);
		break;
	default:
		RESULT(h, shmreg_cell_validate(c, &s->view), -EAGAIN, -EUCLEAN);
	}
}

static void act(void *memory, struct random_state *r)
{
	struct state *s = memory;
	struct shmreg_cell_writer *w = s->writer[random_below(r, N_WRITERS)];
	struct shmreg_cell_stats stats = { .size = sizeof(stats) };
	const struct shmreg_cell *c = random_below(r, 2) ? s->cell : shmreg_cell_of(w);

	switch (random_below(r, 9)) {
	case 0:
		if (RESULT(&c->handle, shmreg_cell_stat(c, &stats), 0) == 0)
			EXPECT(stats.n_writers <= stats.writers);
		EXPECT(shmreg_cell_seat(c, (uint32_t)random_below(r, 70)) < 4096);
		break;
	case 1:
	case 2:
	case 3:
	case 4:
		write_one(s, w, r);
		break;
	default:
		read_one(s, c, r);
	}
}

const struct hostile_row hostile_cell = {
	"cell", shapes, ROW_N(shapes), sizeof(struct state), bind, open_handles, act,
	NULL, NULL,
};
