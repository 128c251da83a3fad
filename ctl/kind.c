/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>

#include <shmreg/atomic.h>

#include "format.h"
#include "kind.h"

void kind_note(FILE *out, const char *what, uint64_t n)
{
	if (n)
		fprintf(out, "; %s %" PRIu64, what, n);
}

void kind_part(FILE *out, uint64_t n, uint64_t total, const char *word)
{
	/* Nothing that is sound has 2^57; what is not sound does not divide by 0. */
	const uint64_t percent = total && n < UINT64_C(1) << 57 ? n * 100 / total : 100;

	fprintf(out, "%" PRIu64 " %s, %" PRIu64 "%%", n, word, percent > 100 ? 100 : percent);
}

/* --- what nothing is known of, or what has no occupancy ----------------------------------------- */

static const struct snapshot_fact nothing[] = { { .name = NULL } };

static int read_nothing(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	(void)s, (void)i, (void)segment;
	return -EOPNOTSUPP;
}

static void print_nothing(FILE *out, const struct snapshot_object *o)
{
	(void)o;
	fputc('-', out);
}

static const struct kind kind_other = {
	.facts = nothing,
	.read = read_nothing,
	.print_occupancy = print_nothing,
};

/* --- atomic ----------------------------------------------------------------------------------- */

static const struct snapshot_fact atomic_facts[] = {
	{ .name = "value", .metric = GAUGE("atomic_value", "Its value, taken to be without a sign.") },
	{ .name = NULL },
};

static int read_atomic(struct snapshot *s, size_t i, struct shmreg_segment *segment)
{
	const struct shmreg_atomic_params params = { .size = sizeof(params) };
	struct snapshot_object *o = &s->objects[i];
	const struct shmreg_atomic *atomic;
	int r;

	r = shmreg_atomic_open_const(segment, &atomic, o->entry.name, &params);
	if (r < 0)
		return r;
	switch (o->entry.shape.elem_bytes) {
	case 1:
		o->value[0] = shmreg_atomic8_load_relaxed(shmreg_atomic8_cell_const(atomic));
		break;
	case 2:
		o->value[0] = shmreg_atomic16_load_relaxed(shmreg_atomic16_cell_const(atomic));
		break;
	case 4:
		o->value[0] = shmreg_atomic32_load_relaxed(shmreg_atomic32_cell_const(atomic));
		break;
	case 8:
		o->value[0] = shmreg_atomic64_load_relaxed(shmreg_atomic64_cell_const(atomic));
		break;
	default:
		r = -EOPNOTSUPP;
	}
	shmreg_atomic_close(atomic);
	return r;
}

/* With the sign that its type has, as shmregctl get prints it. */
static void print_atomic(FILE *out, const struct snapshot_object *o)
{
	const unsigned int unused = 64 - 8 * (unsigned int)o->entry.shape.elem_bytes;
	struct format format;
	bool is_signed;

	is_signed = unused < 64 && format_guess(&format, o->entry.type_name) == 0;
	if (is_signed) {
		is_signed = format.kind == FORMAT_VALUES &&
			    format.fields[0].base == FORMAT_SIGNED;
		format_free(&format);
	}
	if (is_signed)
		fprintf(out, "value %" PRId64, (int64_t)(o->value[0] << unused) >> unused);
	else
		fprintf(out, "value %" PRIu64, o->value[0]);
}

const struct kind kind_atomic = {
	.facts = atomic_facts,
	.read = read_atomic,
	.print_occupancy = print_atomic,
};

static const struct kind *const kinds[SHMREG_KIND_MAX + 1] = {
	[SHMREG_KIND_ATOMIC] = &kind_atomic,
	[SHMREG_KIND_QUEUE] = &kind_queue,
	[SHMREG_KIND_RING] = &kind_ring,
	[SHMREG_KIND_TOPIC] = &kind_topic,
	[SHMREG_KIND_POOL] = &kind_pool,
	[SHMREG_KIND_CELL] = &kind_cell,
};

const struct kind *kind_of(const struct snapshot_object *o)
{
	const uint32_t kind = o->entry.shape.kind;

	if (kind == SHMREG_KIND_RING && o->entry.shape.flags & SHMREG_RING_RECORDS)
		return &kind_records;
	return kind <= SHMREG_KIND_MAX && kinds[kind] ? kinds[kind] : &kind_other;
}
