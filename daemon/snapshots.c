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
#include <time.h>
#include <unistd.h>

#include <shmreg/abi/snapshot-job.h>

#include "log.h"
#include "options.h"
#include "snapshots.h"
#include "spawn.h"

#define PATIENCE_SEC 1.		/* a repair waits for a copy */
#define LIMIT_SEC 60.		/* for all of it */

struct snapshots {
	struct ev_loop *loop;
	void (*released)(void *data, uint64_t segment);
	void *data;
	const struct options *options;
	ev_tstamp last;			/* begun, by ev_now(); 0: none was */
	/* the one at work */
	pid_t pid;			/* 0: none */
	int fd;				/* -1: closed */
	ev_io io;
	ev_child child;
	ev_timer patience, limit;
	bool copying;			/* its segment's repair is to wait */
	bool cancelled;
	uint64_t segment;
	struct log_about about;
	char name[SHMREG_SEGMENT_NAME_MAX + 1];
	char file[256];
	int status;			/* as it said; 1: it did not say */
};

static void release(struct snapshots *all)
{
	ev_timer_stop(all->loop, &all->patience);
	if (!all->copying)
		return;
	all->copying = false;
	/* Last: it may die again in there. */
	all->released(all->data, all->segment);
}

static void hang_up(struct snapshots *all)
{
	ev_io_stop(all->loop, &all->io);
	if (all->fd >= 0)
		close(all->fd);
	all->fd = -1;
}

static void take_report(struct snapshots *all, const struct shmreg_snapshot_report *r)
{
	if (r->magic != SHMREG_SNAPSHOT_JOB_MAGIC)
		return;
	if (r->type == SHMREG_SNAPSHOT_DONE)
		all->status = r->status < 0 ? r->status : 0;
	release(all);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct snapshots *all = w->data;
	struct shmreg_snapshot_report r;
	const ssize_t n = recv(all->fd, &r, sizeof(r), MSG_DONTWAIT);

	(void)loop, (void)revents;
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n == (ssize_t)sizeof(r))
		take_report(all, &r);
	else
		hang_up(all);
}

static void on_patience(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)loop, (void)revents;
	release(w->data);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct snapshots *all = w->data;

	(void)loop, (void)revents;
	if (all->pid > 0)
		kill(all->pid, SIGKILL);
}

static void say(struct snapshots *all, int status)
{
	if (all->status == 0)
		log_client(LOG_NOTICE, &all->about, "a snapshot of segment '%s' (%" PRIu64 ") is in "
			   "'%s/%s'", all->name, all->segment,
			   all->options->snapshot_on_death ? all->options->snapshot_on_death : "?",
			   all->file);
	else if (all->status == -EFBIG)
		log_client(LOG_NOTICE, &all->about, "no snapshot of segment '%s' (%" PRIu64 ") was "
			   "taken: it has more memory than snapshot-bytes allows", all->name,
			   all->segment);
	else if (all->status < 0)
		log_client(LOG_WARNING, &all->about, "no snapshot of segment '%s' (%" PRIu64 ") could "
			   "be taken: %s", all->name, all->segment, strerror(-all->status));
	else
		log_client(LOG_WARNING, &all->about, "no snapshot of segment '%s' (%" PRIu64 ") was "
			   "taken: shmreg-snapshot %s %d", all->name, all->segment,
			   WIFSIGNALED(status) ? "was killed by signal" : "exited with",
			   WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void on_end(struct ev_loop *loop, ev_child *w, int revents)
{
	struct snapshots *all = w->data;
	struct shmreg_snapshot_report r;

	(void)revents;
	all->pid = 0;
	ev_child_stop(loop, &all->child);
	ev_timer_stop(loop, &all->limit);
	/* What it said last may not have been read yet. */
	while (all->fd >= 0 && recv(all->fd, &r, sizeof(r), MSG_DONTWAIT) == (ssize_t)sizeof(r))
		if (r.magic == SHMREG_SNAPSHOT_JOB_MAGIC && r.type == SHMREG_SNAPSHOT_DONE)
			all->status = r.status < 0 ? r.status : 0;
	hang_up(all);
	if (!all->cancelled)
		say(all, w->rstatus);
	release(all);
}

/* "prices.eu" and the time: what is sorted by name is sorted by time. */
static void name_file(struct snapshots *all, const struct segment *s)
{
	struct timespec now;
	struct tm tm;
	char stamp[32];

	snprintf(all->name, sizeof(all->name), "%s", segment_name(s));
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(stamp, sizeof(stamp), "%Y%m%dT%H%M%S", &tm);
	snprintf(all->file, sizeof(all->file), "%s-%s.%06ldZ" SHMREG_SNAPSHOT_SUFFIX, all->name, stamp,
		 now.tv_nsec / 1000);
	/* In one folder, and not hidden there. */
	for (char *c = all->file; *c; c++)
		if (*c == '/')
			*c = '_';
	if (all->file[0] == '.')
		all->file[0] = '_';
}

static int send_job(struct snapshots *all, const struct segment *s, const struct shmreg_event *e,
		    const int fds[2])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	const struct shmreg_dir *dir = segment_dir(s);
	struct shmreg_snapshot_job job = {
		.magic = SHMREG_SNAPSHOT_JOB_MAGIC,
		.dead_pid = e->pid,
		.segment = segment_id(s),
		.dead = e->participant,
		.dir_bytes = dir->dir_bytes,
		.data_bytes = dir->data_bytes,
		.bytes_max = all->options->snapshot_bytes,
		.keep = all->options->snapshot_keep,
	};
	struct iovec iov = { .iov_base = &job, .iov_len = sizeof(job) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (strlen(all->options->snapshot_on_death) >= sizeof(job.folder))
		return -ENAMETOOLONG;
	snprintf(job.folder, sizeof(job.folder), "%s", all->options->snapshot_on_death);
	snprintf(job.file, sizeof(job.file), "%s", all->file);
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	return sendmsg(all->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 ? -errno : 0;
}

static int begin(struct snapshots *all, const struct segment *s, const struct shmreg_event *e)
{
	int fds[2], r;

	fds[0] = segment_open_dir_ro(s);
	if (fds[0] < 0)
		return fds[0];
	fds[1] = segment_open_data_ro(s);
	if (fds[1] < 0) {
		close(fds[0]);
		return fds[1];
	}
	r = spawn_reaper(all->options->snapshot_program, -1, &all->pid, &all->fd);
	if (r == 0) {
		ev_io_set(&all->io, all->fd, EV_READ);
		ev_io_start(all->loop, &all->io);
		ev_child_set(&all->child, all->pid, 0);
		ev_child_start(all->loop, &all->child);
		ev_timer_set(&all->limit, LIMIT_SEC, 0.);
		ev_timer_start(all->loop, &all->limit);
		r = send_job(all, s, e, fds);
		/* Without a job it ends by itself; how, is said then, if it has ended already. */
		if (r < 0)
			hang_up(all);
		if (r == -EPIPE || r == -ECONNRESET)
			r = 0;
	}
	close(fds[0]);
	close(fds[1]);
	return r;
}

void snapshots_take(struct snapshots *all, const struct segment *s, const struct shmreg_event *e)
{
	int r;

	if (!all->options || !all->options->snapshot_on_death || all->pid > 0 ||
	    (all->last > 0. && ev_now(all->loop) - all->last < (double)all->options->snapshot_interval))
		return;
	all->last = ev_now(all->loop);
	all->segment = segment_id(s);
	name_file(all, s);
	all->about = (struct log_about){ .segment = all->name, .segment_id = all->segment,
					 .uid = e->uid, .pid = e->pid };
	all->status = 1;
	all->cancelled = false;
	r = begin(all, s, e);
	if (r < 0) {
		log_client(LOG_WARNING, &all->about, "no snapshot of segment '%s' can be taken: %s",
			   all->name, strerror(-r));
		all->cancelled = true;
		return;
	}
	all->copying = true;
	ev_timer_set(&all->patience, PATIENCE_SEC, 0.);
	ev_timer_start(all->loop, &all->patience);
}

bool snapshots_hold(struct snapshots *all, const struct segment *s)
{
	return all->copying && all->segment == segment_id(s);
}

void snapshots_cancel(struct snapshots *all, const struct segment *s)
{
	if (all->pid == 0 || all->segment != segment_id(s))
		return;
	ev_timer_stop(all->loop, &all->patience);
	/* Once it is copied, the file will be. */
	if (!all->copying)
		return;
	all->copying = false;
	all->cancelled = true;
	kill(all->pid, SIGKILL);
}

int snapshots_new(struct snapshots **ret, struct ev_loop *loop,
		  void (*released)(void *data, uint64_t segment), void *data)
{
	struct snapshots *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->released = released;
	all->data = data;
	all->fd = -1;
	ev_init(&all->io, on_io);
	ev_init(&all->child, on_end);
	ev_set_priority(&all->child, EV_MAXPRI);
	ev_init(&all->patience, on_patience);
	ev_init(&all->limit, on_limit);
	all->io.data = all->child.data = all->patience.data = all->limit.data = all;
	*ret = all;
	return 0;
}

void snapshots_configure(struct snapshots *all, const struct options *options)
{
	all->options = options;
}

struct snapshots *snapshots_free(struct snapshots *all)
{
	if (!all)
		return NULL;
	ev_timer_stop(all->loop, &all->patience);
	ev_timer_stop(all->loop, &all->limit);
	ev_child_stop(all->loop, &all->child);
	hang_up(all);
	if (all->pid > 0) {
		kill(all->pid, SIGKILL);
		while (waitpid(all->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(all);
	return NULL;
}
