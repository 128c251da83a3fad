/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "log.h"
#include "options.h"
#include "reapers.h"
#include "spawn.h"

#define REPORTS_A_TURN 16
#define LINGER_SEC 5.	/* from DONE, or its hang-up, to SIGKILL */
#define RETRY_SEC 1.	/* after a fork or descriptor that could not be had */

struct reaper {
	struct reapers *all;
	enum { REAPER_NONE = 0, REAPER_WARM, REAPER_BUSY, REAPER_ENDING } state;
	pid_t pid;			/* 0: waited for */
	int fd;				/* -1: closed */
	ev_io io;
	ev_child child;
	ev_timer limit;
	struct repair *job;		/* NULL: none, or its segment has gone */
	uint32_t uid;			/* charged for the segment */
	uint64_t segment;		/* id */
	const char *why;		/* it failed, if that is known before its end */
	uint32_t n_reports;
	struct shmreg_reaper_report sum;
};

struct reapers {
	struct ev_loop *loop;
	struct registry *registry;
	struct shmreg_stats_reply *stats;
	const char *path;
	unsigned int max, timeout_sec;
	int lock_fd;
	bool started;
	bool warm_died;			/* so none is started in advance until a repair succeeds */
	TAILQ_HEAD(, repair) queue;
	ev_timer retry;
	struct reaper slots[OPTIONS_REAPERS_MAX + 1];
};

static void kick(struct reapers *all);

static struct log_about about_segment(const struct segment *s)
{
	return (struct log_about){ .segment = segment_name(s), .segment_id = segment_id(s) };
}

static void hang_up(struct reaper *r)
{
	ev_io_stop(r->all->loop, &r->io);
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

/* What it was at fails as soon as its end is known. */
static void fail(struct reaper *r, const char *why)
{
	if (!r->why)
		r->why = why;
	ev_timer_stop(r->all->loop, &r->limit);
	hang_up(r);
	if (r->pid > 0)
		kill(r->pid, SIGKILL);
}

/*
 * It has nothing more to say, and is about to end. In its own way: the exit status
 * tells whose fault it was.
 */
static void linger(struct reaper *r)
{
	hang_up(r);
	ev_timer_stop(r->all->loop, &r->limit);
	ev_timer_set(&r->limit, LINGER_SEC, 0.);
	ev_timer_start(r->all->loop, &r->limit);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct reaper *r = w->data;

	(void)loop, (void)revents;
	fail(r, "it took too long (repair-timeout)");
}

static void log_object(const struct reaper *r, const struct shmreg_reaper_report *report)
{
	const struct segment *s = r->job->segment;
	const struct shmreg_dir *dir = segment_dir(s);
	const struct log_about about = about_segment(s);
	struct shmreg_dir_object o;

	for (uint32_t i = 0; i < dir->max_objects; i++) {
		if (shmreg_dir_read_object(dir, i, &o) < 0 || o.id != report->object)
			continue;
		log_client(report->status < 0 || report->n_gave_up ? LOG_WARNING : LOG_INFO, &about,
			   "repaired %s of segment '%s': %" PRIu64 " words put right, %" PRIu64
			   " elements lost, %" PRIu64 " to be delivered again, %" PRIu64
			   " words make no sense%s", o.name, segment_name(s), report->n_repaired,
			   report->n_freed, report->n_requeued, report->n_gave_up,
			   report->status < 0 ? "; no correct program wrote them" : "");
		return;
	}
}

static void succeed(struct reaper *r)
{
	struct reapers *all = r->all;
	struct repair *job = r->job;
	struct segment *s = job->segment;
	const struct log_about about = about_segment(s);

	r->state = REAPER_ENDING;
	linger(r);
	job->n_failures = job->n_prevented = 0;
	all->warm_died = false;
	all->stats->n_repairs++;
	all->stats->n_repaired += r->sum.n_repaired;
	all->stats->n_freed += r->sum.n_freed;
	all->stats->n_requeued += r->sum.n_requeued;
	all->stats->n_gave_up += r->sum.n_gave_up;
	log_client(LOG_DEBUG, &about, "segment '%s' is repaired, %" PRIu32 " dead seats",
		   segment_name(s), r->sum.n_seats);
	/* Last: the segment may go, and it may need the next repair. */
	registry_repair_end(all->registry, s, true, &r->sum);
	kick(all);
}

static void take_report(struct reaper *r, const struct shmreg_reaper_report *report)
{
	const bool object = report->type == SHMREG_REAPER_OBJECT;

	if (report->magic != SHMREG_REAPER_MAGIC || report->segment != r->segment ||
	    (!object && report->type != SHMREG_REAPER_DONE)) {
		fail(r, "its report makes no sense");
		return;
	}
	if (object) {
		/* Not one for ever: each costs a look-up. */
		if (++r->n_reports > SHMREG_OBJECTS_MAX) {
			fail(r, "it reports more objects than there are");
			return;
		}
		r->sum.n_repaired += report->n_repaired;
		r->sum.n_freed += report->n_freed;
		r->sum.n_requeued += report->n_requeued;
		r->sum.n_gave_up += report->n_gave_up;
		log_object(r, report);
		return;
	}
	r->sum.n_seats = report->n_seats;
	ev_timer_stop(r->all->loop, &r->limit);
	if (report->status < 0)
		fail(r, strerror(-report->status));
	else
		succeed(r);
}

/* Return: false if there is nothing more to be read. */
static bool read_report(struct reaper *r)
{
	struct shmreg_reaper_report report;
	ssize_t n;

	if (r->fd < 0)
		return false;
	n = recv(r->fd, &report, sizeof(report), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0)
		linger(r);
	else if (r->state != REAPER_BUSY || !r->job || n != sizeof(report))
		fail(r, "its report makes no sense");
	else
		take_report(r, &report);
	return true;
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	for (int i = 0; i < REPORTS_A_TURN && read_report(w->data); i++)
		;
}

static void describe_end(const struct reaper *r, int status, char *ret, size_t size)
{
	if (r->why)
		snprintf(ret, size, "%s", r->why);
	else if (WIFSIGNALED(status))
		snprintf(ret, size, "it was killed by signal %d (%s)", WTERMSIG(status),
			 strsignal(WTERMSIG(status)));
	else if (WEXITSTATUS(status) == 127)
		snprintf(ret, size, "'%s' cannot be executed (see --reaper)", r->all->path);
	else
		snprintf(ret, size, "it exited with %d before it was done", WEXITSTATUS(status));
}

/*
 * Does this end speak against the segment? SIGKILL that was not ours is an administrator's
 * or the kernel's, and what cannot be executed fails for every segment: three of them must
 * not quarantine one that is in order.
 */
static bool is_segments_fault(const struct reaper *r, int status)
{
	if (r->why)
		return true;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) != SIGKILL;
	return WEXITSTATUS(status) != 127;
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
	const struct log_about about = about_segment(s);

	all->stats->n_reaper_failures++;
	if (segments_fault) {
		job->n_failures++;
		log_write(LOG_WARNING, &about,
			  "the repair of segment '%s' (%" PRIu64 ") failed, %u of %d: %s",
			  segment_name(s), id, job->n_failures, REAPERS_TRIES, why);
	} else {
		job->n_prevented++;
		log_write(LOG_WARNING, &about,
			  "the repair of segment '%s' (%" PRIu64 ") was prevented and is tried again: %s",
			  segment_name(s), id, why);
		if (job->n_prevented >= REAPERS_TRIES)
			ev_timer_again(all->loop, &all->retry);
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
	log_write(LOG_ERR, &about,
		  "segment '%s' (%" PRIu64 ") is quarantined: its repair failed %d times in a row, at "
		  "last since %s. Nobody can attach to it any more; end those who are, or remove it "
		  "with 'shmregctl rm %s'", segment_name(s), id, REAPERS_TRIES, why,
		  segment_name(s));
	registry_quarantine(all->registry, s);
}

static void on_child(struct ev_loop *loop, ev_child *w, int revents)
{
	struct reaper *r = w->data;
	struct reapers *all = r->all;
	const bool warm = r->state == REAPER_WARM;
	struct repair *job;
	char why[128];
	bool busy, segments_fault;

	(void)revents;
	r->pid = 0;
	/* What it said last may not have been read yet. */
	while (read_report(r))
		;
	describe_end(r, w->rstatus, why, sizeof(why));
	segments_fault = is_segments_fault(r, w->rstatus);
	ev_child_stop(loop, &r->child);
	ev_timer_stop(loop, &r->limit);
	if (warm) {
		all->warm_died = true;
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
	e = spawn_reaper(all->path, all->lock_fd, &r->pid, &r->fd);
	if (e < 0) {
		log_client(LOG_WARNING, NULL, "no reaper can be started, will try again: %s",
			   strerror(-e));
		return NULL;
	}
	r->state = REAPER_WARM;
	r->why = NULL;
	ev_io_set(&r->io, r->fd, EV_READ);
	ev_io_start(all->loop, &r->io);
	ev_child_set(&r->child, r->pid, 0);
	ev_child_start(all->loop, &r->child);
	return r;
}

static struct reaper *find_warm(struct reapers *all)
{
	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++)
		if (all->slots[i].state == REAPER_WARM && all->slots[i].fd >= 0)
			return &all->slots[i];
	return NULL;
}

static int send_job(struct reaper *r, const struct segment *s, const int fds[2])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	const struct shmreg_dir *dir = segment_dir(s);
	struct shmreg_reaper_job job = {
		.magic = SHMREG_REAPER_MAGIC,
		.segment = segment_id(s),
		.dir_bytes = dir->dir_bytes,
		.data_bytes = dir->data_bytes,
	};
	struct iovec iov = { .iov_base = &job, .iov_len = sizeof(job) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	return sendmsg(r->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

/* Return: 0 it has begun; -errno nothing can be begun now. */
static int begin(struct reapers *all, struct repair *job)
{
	struct segment *s = job->segment;
	struct reaper *r;
	int fds[2], e = -EPIPE;

	fds[0] = segment_open_dir_ro(s);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = segment_data_fd(s);
	/* One that died while it waited is not this segment's fault. */
	while ((r = find_warm(all))) {
		e = send_job(r, s, fds);
		if (e != -EPIPE && e != -ECONNRESET)
			break;
		fail(r, NULL);
	}
	if (!r && (r = start_one(all)))
		e = send_job(r, s, fds);
	close(fds[0]);
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

static unsigned int n_running(const struct reapers *all, const uint32_t *uid)
{
	unsigned int n = 0;

	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++)
		n += all->slots[i].state >= REAPER_BUSY && (!uid || all->slots[i].uid == *uid);
	return n;
}

static struct repair *pick(struct reapers *all)
{
	struct repair *job, *best = NULL;
	unsigned int fewest = 0;

	TAILQ_FOREACH(job, &all->queue, link) {
		const uint32_t uid = segment_dir(job->segment)->charged_uid;
		unsigned int n;

		if (job->reaper)
			continue;
		n = n_running(all, &uid);
		if (!best || n < fewest) {
			best = job;
			fewest = n;
		}
		if (fewest == 0)
			break;
	}
	return best;
}

static void kick(struct reapers *all)
{
	struct repair *job;

	/* While there is something to be waited for, nothing is begun. */
	if (!all->started || ev_is_active(&all->retry))
		return;
	while (n_running(all, NULL) < all->max && (job = pick(all))) {
		if (begin(all, job) < 0) {
			ev_timer_again(all->loop, &all->retry);
			return;
		}
		TAILQ_REMOVE(&all->queue, job, link);
		job->queued = false;
	}
	if (!all->warm_died && !find_warm(all) && !start_one(all))
		ev_timer_again(all->loop, &all->retry);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	ev_timer_stop(loop, w);
	kick(w->data);
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
		fail(r, NULL);
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
	ev_timer_init(&all->retry, on_retry, 0., RETRY_SEC);
	all->retry.data = all;
	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++) {
		struct reaper *r = &all->slots[i];

		r->all = all;
		r->fd = -1;
		ev_init(&r->io, on_io);
		ev_init(&r->child, on_child);
		/* Before anybody signals a pid that has been waited for. */
		ev_set_priority(&r->child, EV_MAXPRI);
		ev_init(&r->limit, on_limit);
		r->io.data = r->child.data = r->limit.data = r;
	}
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
}

struct reapers *reapers_free(struct reapers *all)
{
	if (!all)
		return NULL;
	all->started = false;
	ev_timer_stop(all->loop, &all->retry);
	for (size_t i = 0; i < sizeof(all->slots) / sizeof(all->slots[0]); i++) {
		struct reaper *r = &all->slots[i];

		if (r->state == REAPER_NONE)
			continue;
		ev_timer_stop(all->loop, &r->limit);
		ev_child_stop(all->loop, &r->child);
		hang_up(r);
		kill(r->pid, SIGKILL);
		while (waitpid(r->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(all);
	return NULL;
}
