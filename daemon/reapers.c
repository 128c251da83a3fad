/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "reapers-internal.h"

#define RETRY_SEC 1.	/* after a fork or descriptor that could not be had */
#define MOMENT_SEC 0.02	/* most repairs are done in a hundredth of that */

static void kick(struct reapers *all);

static unsigned int n_spares(const struct reapers *all)
{
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++)
		n += all->slots[i].state == REAPER_SPARE && all->slots[i].fd >= 0;
	return n;
}

static bool wants_spare(const struct reapers *all)
{
	return !all->prevented && !all->spare_died && n_spares(all) < REAPERS_SPARE;
}

void reapers_succeeded(struct reaper *r)
{
	struct reapers *all = r->all;
	struct repair *job = r->job;
	struct segment *s = job->segment;
	const struct log_about about = repair_about(s, MESSAGE_REPAIRED);

	r->state = REAPER_ENDING;
	lock_release(r->lock_fd);	/* a janitor may be next */
	job->n_failures = job->n_prevented = 0;
	all->spare_died = false;
	all->stats->n_repairs++;
	all->stats->n_repaired += r->sum.n_repaired;
	all->stats->n_freed += r->sum.n_freed;
	all->stats->n_requeued += r->sum.n_requeued;
	all->stats->n_gave_up += r->sum.n_gave_up;
	log_client(LOG_DEBUG, &about, "segment '%s' is repaired, %" PRIu32 " dead seats",
		   segment_name(s), r->sum.n_seats);
	/*
	 * The segment may go, or need the next repair: of another process, and not before this one
	 * has been waited for.
	 */
	registry_repair_end(all->registry, s, true, &r->sum);
	/* After that, for which somebody waits. */
	reaper_linger(r);
	kick(all);
	if (wants_spare(all))
		ev_idle_start(all->loop, &all->idle);
}

static void enqueue(struct reapers *all, struct repair *job)
{
	if (job->queued)
		return;
	job->queued = true;
	TAILQ_INSERT_TAIL(&all->queue, job, link);
}

static void job_failed(struct reapers *all, struct repair *job, const char *why,
		       bool segments_fault)
{
	struct segment *s = job->segment;
	const uint64_t id = segment_id(s);
	struct log_about about = repair_about(s, MESSAGE_REPAIR_FAILED);

	all->stats->n_reaper_failures++;
	if (segments_fault) {
		job->n_failures++;
		log_client(LOG_WARNING, &about,
			   "the repair of segment '%s' (%" PRIu64 ") failed, %u of %d: %s",
			  segment_name(s), id, job->n_failures, REAPERS_TRIES, why);
	} else {
		job->n_prevented++;
		log_client(LOG_WARNING, &about,
			   "the repair of segment '%s' (%" PRIu64 ") was prevented and is tried again: %s",
			  segment_name(s), id, why);
		if (job->n_prevented >= REAPERS_TRIES) {
			all->prevented = true;
			ev_timer_again(all->loop, &all->retry);
		}
	}
	registry_repair_end(all->registry, s, false, NULL);
	/* Its last participant may have gone meanwhile, and so may it. */
	s = registry_find(all->registry, id);
	if (!s)
		return;
	if (job->n_failures < REAPERS_TRIES) {
		enqueue(all, job);
		return;
	}
	all->stats->n_quarantined++;
	about.message = MESSAGE_QUARANTINED;
	log_client(LOG_ERR, &about,
		   "segment '%s' (%" PRIu64 ") is quarantined: its repair failed %d times in a row, at "
		  "last since %s. Nobody can attach to it any more; end those who are, or remove it "
		  "with 'shmregctl rm %s'", segment_name(s), id, REAPERS_TRIES, why,
		  segment_name(s));
	registry_quarantine(all->registry, s);
}

void reapers_ended(struct ev_loop *loop, ev_child *w, int revents)
{
	struct reaper *r = w->data;
	struct reapers *all = r->all;
	const bool spare = r->state == REAPER_SPARE;
	struct repair *job;
	char why[128];
	bool busy, segments_fault;

	(void)revents;
	r->pid = 0;
	/* What it said last may not have been read yet. */
	reaper_read_rest(r);
	reaper_describe_end(r, w->rstatus, why, sizeof(why));
	segments_fault = reaper_segments_fault(r, w->rstatus);
	ev_child_stop(loop, &r->child);
	ev_timer_stop(loop, &r->limit);
	if (spare) {
		all->spare_died = true;
		log_warning("a reaper ended before it had a job: %s", why);
	}
	busy = r->state == REAPER_BUSY;
	job = r->job;
	r->state = REAPER_NONE;
	r->job = NULL;
	if (job) {
		job->reaper = NULL;
		if (busy)
			job_failed(all, job, why, segments_fault);
	}
	kick(all);
}

static struct reaper *start_one(struct reapers *all)
{
	struct reaper *r = NULL;
	int e;

	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]) && !r; i++)
		if (all->slots[i].state == REAPER_NONE)
			r = &all->slots[i];
	if (!r)
		return NULL;
	e = reaper_start(r);
	if (e == 0)
		return r;
	if (log_is_due(&all->said))
		log_client(LOG_WARNING, NULL, "no reaper can be started, will try again: %s",
			   strerror(-e));
	return NULL;
}

/* The oldest: the youngest may not have been executed yet. */
static struct reaper *find_spare(struct reapers *all)
{
	struct reaper *best = NULL;

	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++) {
		struct reaper *r = &all->slots[i];

		if (r->state == REAPER_SPARE && r->fd >= 0 && (!best || r->serial < best->serial))
			best = r;
	}
	return best;
}

/* Return: 0 it has begun; -errno nothing can be begun now. */
static int begin(struct reapers *all, struct repair *job)
{
	struct segment *s = job->segment;
	struct reaper *r;
	int dir_fd, e = -EPIPE;

	dir_fd = segment_dir_ro(s);
	if (dir_fd < 0)
		return dir_fd;
	/* One that died while it waited is not this segment's fault. */
	while ((r = find_spare(all))) {
		e = reaper_send_job(r, s, dir_fd);
		if (e != -EPIPE && e != -ECONNRESET)
			break;
		reaper_fail(r, NULL);
	}
	if (!r && (r = start_one(all)))
		e = reaper_send_job(r, s, dir_fd);
	/* The other end of a fresh one is open at least until it is executed. */
	if (!r || (e < 0 && e != -EPIPE && e != -ECONNRESET))
		return r ? e : -EAGAIN;

	registry_repair_begin(all->registry, s);
	r->state = REAPER_BUSY;
	r->job = job;
	r->uid = segment_dir(s)->charged_uid;
	r->segment = segment_id(s);
	r->n_reports = 0;
	r->sum = (struct shmreg_reaper_report){ .segment = r->segment };
	ev_timer_set(&r->limit, (double)all->timeout_sec, 0.);
	ev_timer_start(all->loop, &r->limit);
	job->reaper = r;
	return 0;
}

/* Without those that were killed and have not ended yet. */
static unsigned int n_running(const struct reapers *all, const uint32_t *uid)
{
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++)
		n += all->slots[i].state >= REAPER_BUSY && !all->slots[i].killed &&
		     (!uid || all->slots[i].uid == *uid);
	return n;
}

/* Such a one may be unkillable: whoever can write a data area can keep its lock (janitor.h). */
static bool must_wait(const struct reapers *all, uint32_t uid)
{
	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++)
		if (all->slots[i].state >= REAPER_BUSY && all->slots[i].killed &&
		    all->slots[i].uid == uid)
			return true;
	return false;
}

static struct repair *pick(struct reapers *all)
{
	struct repair *job, *best = NULL;
	unsigned int fewest = 0;

	TAILQ_FOREACH(job, &all->queue, link) {
		const uint32_t uid = segment_dir(job->segment)->charged_uid;
		unsigned int n;

		if (job->reaper || must_wait(all, uid) ||
		    lock_wait_busy(&all->lock_wait, all->lock_fd, job->segment))
			continue;
		n = n_running(all, &uid);
		/* One place is always somebody else's, if there are several. */
		if (n > 0 && n + 1 >= all->max)
			continue;
		if (!best || n < fewest) {
			best = job;
			fewest = n;
		}
		if (fewest == 0)
			break;
	}
	return best;
}

static void start_spare_soon(struct reapers *all)
{
	if (!wants_spare(all) || ev_is_active(&all->moment))
		return;
	ev_timer_set(&all->moment, MOMENT_SEC, 0.);
	ev_timer_start(all->loop, &all->moment);
}

/* One: while it starts, nobody is served. */
static void start_spare(struct reapers *all)
{
	ev_idle_stop(all->loop, &all->idle);
	ev_timer_stop(all->loop, &all->moment);
	if (!wants_spare(all))
		return;
	if (!start_one(all))
		ev_timer_again(all->loop, &all->retry);
	else
		start_spare_soon(all);
}

static void on_idle(struct ev_loop *loop, ev_idle *w, int revents)
{
	(void)loop, (void)revents;
	start_spare(w->data);
}

static void on_moment(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	start_spare(w->data);
}

static void kick(struct reapers *all)
{
	struct repair *job;

	/* Prevented repairs wait, lest they fork in a circle; a mere lack of something does not. */
	if (!all->started || all->prevented)
		return;
	while (n_running(all, NULL) < all->max && (job = pick(all))) {
		if (begin(all, job) < 0) {
			ev_timer_again(all->loop, &all->retry);
			return;
		}
		TAILQ_REMOVE(&all->queue, job, link);
		job->queued = false;
	}
	/* Not now: a start takes as long as a repair, and what the reaper reports would wait. */
	start_spare_soon(all);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct reapers *all = w->data;

	(void)revents;
	ev_timer_stop(loop, w);
	all->prevented = false;
	kick(all);
}

static void look_again(void *data)
{
	kick(data);
}

void reapers_repair(struct reapers *all, struct repair *job, struct segment *segment)
{
	job->segment = segment;
	enqueue(all, job);
	kick(all);
}

void reapers_cancel(struct reapers *all, struct repair *job)
{
	struct reaper *r = job->reaper;

	if (job->queued)
		TAILQ_REMOVE(&all->queue, job, link);
	job->queued = false;
	job->reaper = NULL;
	if (!r)
		return;
	r->job = NULL;
	if (r->state == REAPER_BUSY)
		reaper_fail(r, NULL);
}

int reapers_new(struct reapers **ret, struct ev_loop *loop, struct registry *registry,
		struct shmreg_stats_reply *stats)
{
	struct reapers *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->registry = registry;
	all->stats = stats;
	all->lock_fd = -1;
	TAILQ_INIT(&all->queue);
	lock_wait_init(&all->lock_wait, loop, "repaired", look_again, all);
	ev_timer_init(&all->retry, on_retry, 0., RETRY_SEC);
	all->retry.data = all;
	ev_idle_init(&all->idle, on_idle);
	ev_init(&all->moment, on_moment);
	all->idle.data = all->moment.data = all;
	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++)
		reaper_init(&all->slots[i], all);
	*ret = all;
	return 0;
}

void reapers_configure(struct reapers *all, const char *path, unsigned int max,
		       unsigned int timeout_sec)
{
	all->path = path;
	all->max = max;
	all->timeout_sec = timeout_sec;
}

void reapers_start(struct reapers *all, int lock_fd)
{
	all->started = true;
	all->lock_fd = lock_fd;
	kick(all);
	while (wants_spare(all) && start_one(all))
		;
	start_spare_soon(all);
}

struct reapers *reapers_free(struct reapers *all)
{
	if (!all)
		return NULL;
	all->started = false;
	ev_timer_stop(all->loop, &all->retry);
	lock_wait_deinit(&all->lock_wait);
	ev_timer_stop(all->loop, &all->moment);
	ev_idle_stop(all->loop, &all->idle);
	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++) {
		struct reaper *r = &all->slots[i];

		if (r->state == REAPER_NONE)
			continue;
		ev_timer_stop(all->loop, &r->limit);
		ev_child_stop(all->loop, &r->child);
		reaper_hang_up(r);
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(all);
	return NULL;
}
