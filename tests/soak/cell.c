/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include "soak.h"

static const struct shmreg_cell_params params = { .size = sizeof(params),
						  .elem_bytes = sizeof(struct item),
						  .elem_align = 8,
						  .writers = LANES + 1 };
static const struct shmreg_cell *cell;	/* a reader's, or the director's */
static struct shmreg_cell_writer *writer;
static uint64_t n_poked, version;
static uint32_t last_seq[LANES];

void cell_create(const struct stage *stage, struct shmreg_segment *segment)
{
	(void)stage;
	n_poked = 0;
	must(shmreg_cell_create(segment, &cell, "c", &params));
}

bool cell_is_empty(const struct stage *stage)
{
	return all_know(stage, shmreg_cell_version(cell));
}

void cell_poke(const struct stage *stage, struct shmreg_segment *segment)
{
	const struct item stop = item_make(NO_LANE, 0);
	struct shmreg_cell_writer *w;

	(void)stage;
	must(shmreg_cell_writer_open(segment, &w, "c", NULL));
	must(shmreg_cell_write(w, &stop));
	must(shmreg_cell_writer_close(w));
	n_poked++;
}

void cell_open(struct client *c)
{
	if (c->produces)
		must(shmreg_cell_writer_open(c->segment, &writer, "c", &params));
	else
		must(shmreg_cell_open(c->segment, &cell, "c", &params));
}

void cell_close(struct client *c)
{
	must(c->produces ? shmreg_cell_writer_close(writer) : shmreg_cell_close(cell));
}

void cell_produce(struct client *c)
{
	const uint32_t seq = lane_take(c, 1);
	const struct item item = item_make(c->lane, seq);
	void *room = NULL;

	if (seq == 0)
		return;
	if (random_below(&c->random, 2)) {
		must(shmreg_cell_begin(writer, &room));
		memcpy(room, &item, sizeof(item));
		sudden_while_held(c);
		must(shmreg_cell_commit(writer));
	} else {
		must(shmreg_cell_write(writer, &item));
	}
	lane_certain(c, seq, 1);
}

void cell_consume(struct client *c)
{
	uint64_t now = 0;
	struct item item;
	int r;

	if (random_below(&c->random, 4) == 0) {
		watch_wait(c, &cell->handle, SHMREG_WAIT_ITEMS);
		r = shmreg_cell_read(cell, &item, &now);
		if (r == -ENODATA)
			return;
		must(r);
		if (now < version)
			complain("cell: version %llu after %llu", (unsigned long long)now,
				 (unsigned long long)version);
	} else {
		must(shmreg_cell_read_wait(cell, version, &item, &now, NULL));
		if (now <= version)
			complain("cell: waited beyond version %llu and got %llu",
				 (unsigned long long)version, (unsigned long long)now);
	}
	version = now;
	c->me->knows = now;
	if (!item_is_good(&item))
		complain("cell: a value is torn");
	if (item.lane < LANES) {
		if (item.seq < last_seq[item.lane])
			complain("cell: lane %u went back to %u", item.lane, item.seq);
		last_seq[item.lane] = item.seq;
	}
	atomic_fetch_add(&c->books->n_ops, 1);
	atomic_fetch_add(&c->books->n_waits, 1);
}

void cell_judge(const struct stage *stage, struct books *b, struct row *row)
{
	struct shmreg_cell_stats stats = { .size = sizeof(stats) };
	uint64_t certain = n_poked, uncertain = 0, u, written;

	(void)stage;
	must(shmreg_cell_stat(cell, &stats));
	for (uint32_t lane = 0; lane < LANES; lane++) {
		certain += n_certain(b, lane, &u);
		uncertain += u;
	}
	written = stats.version + stats.n_superseded;
	if (written < certain || written > certain + uncertain)
		complain("cell: %llu published and %llu superseded, not %llu or up to %llu more",
			 (unsigned long long)stats.version,
			 (unsigned long long)stats.n_superseded, (unsigned long long)certain,
			 (unsigned long long)uncertain);
	if (stats.n_writers != 0)
		complain("cell: %u places are taken, and nobody is there", stats.n_writers);
	row->dropped += stats.n_superseded;
	must(shmreg_cell_close(cell));
}
