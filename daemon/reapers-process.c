/* SPDX-License-Identifier: MIT */

/* One reaper: its start, its job, what it says, its end. */

#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lock.h"
#include "reapers-internal.h"
#include "spawn.h"

#define PACKETS_A_TURN 16
#define LINGER_SEC 5.	/* from DONE, or its hang-up, to SIGKILL */

void reaper_hang_up(struct reaper *r)
{
	ev_io_stop(r->all->loop, &r->io);
	if (r->fd >= 0)
		close(r->fd);
	if (r->lock_fd >= 0)
		close(r->lock_fd);
	r->fd = r->lock_fd = -1;
}

void reaper_fail(struct reaper *r, const char *why)
{
	if (!r->why)
		r->why = why;
	ev_timer_stop(r->all->loop, &r->limit);
	reaper_hang_up(r);
	if (r->pid > 0)
		kill(r->pid, SIGKILL);
	r->killed = true;
	/* If it does not end at once, somebody else has its place. */
	ev_timer_again(r->all->loop, &r->all->retry);
}

void reaper_linger(struct reaper *r)
{
	reaper_hang_up(r);
	ev_timer_stop(r->all->loop, &r->limit);
	ev_timer_set(&r->limit, LINGER_SEC, 0.);
	ev_timer_start(r->all->loop, &r->limit);
}

static void on_limit(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct reaper *r = w->data;

	(void)loop, (void)revents;
	reaper_fail(r, "it took too long (repair-timeout)");
}

static void log_object(const struct reaper *r, const struct shmreg_reaper_report *report)
{
	const struct segment *s = r->job->segment;
	const struct shmreg_dir *dir = segment_dir(s);
	const struct log_about about = repair_about(s, MESSAGE_REPAIRED);
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

static void take_report(struct reaper *r, const struct shmreg_reaper_report *report)
{
	const bool object = report->type == SHMREG_REAPER_OBJECT;

	if (report->magic != SHMREG_REAPER_MAGIC || report->segment != r->segment ||
	    (!object && report->type != SHMREG_REAPER_DONE)) {
		reaper_fail(r, "its report makes no sense");
		return;
	}
	if (object) {
		/* Not one for ever: each costs a look-up. */
		if (++r->n_reports > SHMREG_OBJECTS_MAX) {
			reaper_fail(r, "it reports more objects than there are");
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
		reaper_fail(r, strerror(-report->status));
	else
		reapers_succeeded(r);
}

/* One packet. Return: false if there is nothing more to be read. */
static bool read_reports(struct reaper *r)
{
	struct shmreg_reaper_report reports[SHMREG_REAPER_REPORTS];
	const size_t size = sizeof(*reports);
	ssize_t n;

	if (r->fd < 0)
		return false;
	n = recv(r->fd, reports, sizeof(reports), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return false;
	if (n <= 0) {
		reaper_linger(r);
	} else if (r->state != REAPER_BUSY || !r->job || (size_t)n > sizeof(reports) ||
		   (size_t)n % size != 0) {
		reaper_fail(r, "its report makes no sense");
	} else {
		/* What follows DONE, or what makes no sense, is not heard any more. */
		for (size_t i = 0; i < (size_t)n / size && r->fd >= 0; i++)
			take_report(r, &reports[i]);
	}
	return true;
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	(void)loop, (void)revents;
	for (int i = 0; i < PACKETS_A_TURN && read_reports(w->data); i++)
		;
}

void reaper_describe_end(const struct reaper *r, int status, char *ret, size_t size)
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

bool reaper_segments_fault(const struct reaper *r, int status)
{
	if (r->why)
		return true;
	if (WIFSIGNALED(status))
		return WTERMSIG(status) != SIGKILL;
	return WEXITSTATUS(status) != 127;
}

void reaper_read_rest(struct reaper *r)
{
	while (read_reports(r))
		;
}

void reaper_init(struct reaper *r, struct reapers *all)
{
	r->all = all;
	r->fd = r->lock_fd = -1;
	ev_init(&r->io, on_io);
	ev_init(&r->child, reapers_ended);
	/* Before anybody signals a pid that has been waited for. */
	ev_set_priority(&r->child, EV_MAXPRI);
	ev_init(&r->limit, on_limit);
	r->io.data = r->child.data = r->limit.data = r;
}

int reaper_start(struct reaper *r)
{
	struct reapers *all = r->all;
	int e;

	if (all->lock_fd >= 0) {
		r->lock_fd = lock_open_for_child(all->lock_fd);
		if (r->lock_fd < 0) {
			e = r->lock_fd;
			r->lock_fd = -1;
			return e;
		}
	}
	e = spawn_reaper(all->path, r->lock_fd, &r->pid, &r->fd);
	if (e < 0) {
		reaper_hang_up(r);
		return e;
	}
	r->state = REAPER_SPARE;
	r->serial = ++all->last_serial;
	r->killed = false;
	r->why = NULL;
	ev_io_set(&r->io, r->fd, EV_READ);
	ev_io_start(all->loop, &r->io);
	ev_child_set(&r->child, r->pid, 0);
	ev_child_start(all->loop, &r->child);
	return 0;
}

int reaper_send_job(struct reaper *r, const struct segment *s, int dir_fd)
{
	const int fds[2] = { dir_fd, segment_data_fd(s) };
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = { 0 };
	const struct shmreg_dir *dir = segment_dir(s);
	struct shmreg_reaper_job job = {
		.magic = SHMREG_REAPER_MAGIC,
		.segment = segment_id(s),
		.dir_bytes = dir->dir_bytes,
		.data_bytes = dir->data_bytes,
		.quiesced_epoch = segment_quiesced_epoch(s),
	};
	struct iovec iov = { .iov_base = &job, .iov_len = sizeof(job) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int e;

	e = lock_segment(r->lock_fd, job.segment);
	if (e < 0)
		return e;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), fds, 2 * sizeof(int));
	if (sendmsg(r->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		e = -errno;
	if (e < 0)
		lock_release(r->lock_fd);
	return e;
}
