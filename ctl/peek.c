/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "access.h"
#include "json.h"
#include "look.h"
#include "source.h"
#include "stream.h"

/* peek, and get, which is peek for scripts: nothing but the values. */
struct peek {
	const struct access *access;
	const struct shmreg_dir *dir;
	struct look *look;
	struct stream_out out;
	uint64_t n;			/* elements shown */
	uint64_t n_known_missed;
	int status;
};

/* The process that has a seat. Return: false, if it is not to be seen. */
static bool find_process(const struct shmreg_dir *dir, uint32_t seat,
			 struct shmreg_dir_participant *ret)
{
	uint64_t word;

	if (!seat || seat >= SHMREG_SEATS)
		return false;
	word = __atomic_load_n(&shmreg_dir_seats(dir)[seat], __ATOMIC_RELAXED);
	if ((word & SHMREG_SEAT_STATE_MASK) == SHMREG_SEAT_FREE)
		return false;
	for (uint32_t i = 0; i < dir->max_participants; i++)
		if (shmreg_dir_read_participant(dir, i, ret) == 0 &&
		    ret->id == word >> SHMREG_SEAT_PARTICIPANT_SHIFT)
			return true;
	return false;
}

/* "[3]: ", "4711, being read by process 77: " */
static void print_label(const struct peek *p, const struct look_item *item)
{
	struct shmreg_dir_participant process;

	printf(look_has_indices(p->look) ? "[%" PRIu64 "]" : "%" PRIu64, item->number);
	if (item->state)
		printf(", %s", item->state);
	if (find_process(p->dir, item->seat, &process))
		printf(" by process %" PRIu32, process.pid);
	else if (item->seat)
		printf(" by seat %" PRIu32, item->seat);
	if (!item->data)
		putchar('\n');
	else
		fputs(p->out.format->kind == FORMAT_HEX ? ":\n" : ": ", stdout);
}

/* An object around the value, whose closing brace is yet to come. */
static void open_json(const struct peek *p, const struct look_item *item)
{
	struct shmreg_dir_participant process;

	printf("{\"%s\": %" PRIu64, look_has_indices(p->look) ? "index" : "number", item->number);
	if (item->state)
		printf(", \"state\": \"%s\"", item->state);
	if (find_process(p->dir, item->seat, &process))
		printf(", \"pid\": %" PRIu32, process.pid);
	fputs(", \"value\": ", stdout);
}

static int show(void *context, const struct look_item *item)
{
	struct peek *p = context;
	const struct access *a = p->access;
	const bool bare = a->bare || a->style == FORMAT_STYLE_CSV || a->format.kind == FORMAT_RAW;
	char why[FORMAT_WHY_MAX];
	int r = 0;

	if (!item->data && bare)
		return 0;
	if (item->data && p->out.vary) {
		r = format_fits(&a->format, item->bytes, why);
		if (r < 0)
			goto fail;
	}
	if (!bare && a->style == FORMAT_STYLE_JSON) {
		open_json(p, item);
		if (item->data)
			r = format_print(&a->format, a->style, p->out.vary, stdout, item->data,
					 item->bytes);
		else
			fputs("null", stdout);
		puts("}");
	} else {
		if (!bare)
			print_label(p, item);
		if (item->data)
			r = stream_out_put(&p->out, item->data, item->bytes, why);
	}
	if (r < 0)
		goto fail;
	return ++p->n == a->count;
fail:
	p->status = r == -ENOMEM ? ctl_failed(r) : ctl_fail("%s: of '%s' %s", a->command, a->object, why);
	return 1;
}

static void pause_for(uint64_t ns)
{
	const struct timespec t = { .tv_sec = (time_t)(ns / 1000000000),
				    .tv_nsec = (long)(ns % 1000000000) };

	nanosleep(&t, NULL);
}

/* By looking again and again: to sleep until there is something would cost those who push a wake-up. */
static int follow(struct peek *p)
{
	const struct access *a = p->access;
	int r = 0, trouble = 0;

	while (r == 0 && !trouble) {
		if (ctl_flush())
			return 1;
		pause_for(a->interval_ns);
		/* Before the look, so that what came last is seen. */
		trouble = look_trouble(p->look);
		if (!trouble &&
		    __atomic_load_n(&p->dir->state, __ATOMIC_ACQUIRE) == SHMREG_DIR_REMOVED)
			trouble = -ESTALE;
		r = look_each(p->look, show, p);
		if (p->look->n_missed > p->n_known_missed) {
			fflush(stdout);
			fprintf(stderr, "shmregctl: %s: %" PRIu64 " went by unseen\n", a->command,
				p->look->n_missed - p->n_known_missed);
			p->n_known_missed = p->look->n_missed;
		}
	}
	if (r == 0 && trouble)
		return ctl_fail("%s: '%s': %s", a->command, a->object, access_trouble(trouble));
	return r < 0 ? ctl_fail("%s: '%s': %s", a->command, a->object, access_trouble(r)) : p->status;
}

static int check_index(struct peek *p)
{
	const struct access *a = p->access;
	const uint64_t capacity = p->look->entry.shape.capacity;

	if (a->indexed && !look_has_indices(p->look))
		return ctl_fail("%s: '%s' is no array and no pool: its elements have no indices", a->command,
				a->object);
	if (a->indexed && (a->first >= capacity || (a->last != UINT64_MAX && a->last >= capacity)))
		return ctl_fail("%s: '%s' has %" PRIu64 " elements, [0] to [%" PRIu64 "]", a->command,
				a->object, capacity, capacity - 1);
	p->look->first = a->first;
	p->look->last = a->last;
	/* What was asked for by its index is shown, free or not. */
	p->look->all = a->all || a->indexed;
	p->look->newest = a->count;
	return 0;
}

static int peek(struct peek *p, bool get, bool is_file)
{
	const struct access *a = p->access;
	const uint32_t kind = p->look->entry.shape.kind;
	int r;

	if (get && kind != SHMREG_KIND_ARRAY && kind != SHMREG_KIND_ATOMIC && kind != SHMREG_KIND_CELL &&
	    kind != SHMREG_KIND_POOL)
		return ctl_fail("get: '%s' is a %s, whose elements come and go; peek shows them, pop takes "
				"them", a->object, shmreg_kind_name(kind));
	if (a->follow && (is_file || !look_has_order(p->look)))
		return ctl_fail("%s: --follow: %s", a->command, is_file ? "a snapshot does not change" :
				"of arrays and pools there are no new elements");
	r = check_index(p);
	if (r == 0)
		r = access_use_format((struct access *)(uintptr_t)a, p->look->entry.type_name,
				      p->look->bytes, p->look->vary, kind == SHMREG_KIND_ATOMIC);
	if (r)
		return r;
	p->out = (struct stream_out){
		.file = stdout,
		.format = &a->format,
		.style = a->style,
		.vary = p->look->vary,
	};
	r = look_each(p->look, show, p);
	if (r < 0)
		return ctl_fail("%s: '%s': %s", a->command, a->object, access_trouble(r));
	if (r == 0 && a->follow)
		return follow(p);
	if (p->status == 0 && get && p->n == 0)
		return ctl_fail("get: '%s' was never written", a->object);
	return p->status;
}

static int run(struct access *a, struct ctl *ctl, bool get)
{
	struct peek p = { .access = a };
	struct shmreg_segment *segment;
	struct source *source;
	const char *why;
	int r;

	a->bare |= get;
	r = source_open(ctl, a->command, a->words[0], &source);
	if (r)
		return r;
	p.dir = source_dir(source);
	if (source_segment(source, &segment, &why) < 0) {
		r = ctl_fail("%s: %s: %s", a->command, a->words[0], why);
	} else {
		struct shmreg_dir_object entry;

		r = access_find(a, segment, &entry);
		if (r == 0) {
			const int opened = look_open(segment, a->object, &p.look);

			r = opened == -EOPNOTSUPP ?
				    ctl_fail("%s: '%s' is of a kind that this version does not know",
					     a->command, a->object) :
			    opened < 0 ? ctl_failed(opened) :
					 peek(&p, get, source_is_file(a->words[0]));
		}
	}
	look_close(p.look);
	source_close(source);
	return ctl_flush() || r;
}

int ctl_peek(struct ctl *ctl, int argc, char **argv)
{
	struct access access;
	int r = access_parse(&access, ctl, ACCESS_FORMAT | ACCESS_COUNT | ACCESS_FOLLOW | ACCESS_BARE |
			     ACCESS_INDEX, 2, 2, "SEGMENT OBJECT[INDEX]", argc, argv);

	if (r)
		return r;
	r = run(&access, ctl, false);
	access_free(&access);
	return r;
}

int ctl_get(struct ctl *ctl, int argc, char **argv)
{
	struct access access;
	int r = access_parse(&access, ctl, ACCESS_FORMAT | ACCESS_INDEX, 2, 2, "SEGMENT OBJECT[INDEX]",
			     argc, argv);

	if (r)
		return r;
	r = run(&access, ctl, true);
	access_free(&access);
	return r;
}
