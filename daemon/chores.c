/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "chores.h"
#include "lock.h"
#include "lock-wait.h"
#include "log.h"
#include "segment.h"
#include "spawn.h"

#define RETRY_SEC 1.	/* after a process or descriptor that could not be had */

struct janitor {
	struct chores *all;
	pid_t pid;		/* 0: the slot is free */
	int fd;			/* -1: it is about to end */
	int lock_fd;		/* its standard input, see lock.h; -1: it has none, or closed */
	ev_io io;
	ev_child child;
	struct chore *chore;	/* NULL: it is idle */
};

struct chores {
	struct ev_loop *loop;
	int lock_fd;
	struct lock_wait lock_wait;
	bool started;
	TAILQ_HEAD(, chore) queue;
	ev_timer retry;
	double said;		/* that none can be started, see log_is_due() */
	struct janitor janitors[CHORES_JANITORS_MAX];
};

#define FOR_EACH_JANITOR(j, all)                                                                   \
	for (struct janitor *j = (all)->janitors; j < (all)->janitors + CHORES_JANITORS_MAX; j++)

static void hang_up(struct janitor *j)
{
	ev_io_stop(j->all->loop, &j->io);
	if (j->fd >= 0)
		close(j->fd);
	if (j->lock_fd >= 0)
		close(j->lock_fd);
	j->fd = j->lock_fd = -1;
}

/* Return: 0; as fork(2), socketpair(2); -EAGAIN there are as many as there may be. */
static int start(struct chores *all, struct janitor **ret)
{
	FOR_EACH_JANITOR (j, all) {
		int r;

		if (j->pid > 0)
			continue;
		r = all->lock_fd < 0 ? -1 : lock_open_for_child(all->lock_fd);
		j->lock_fd = r < 0 ? -1 : r;
		if (r >= 0 || all->lock_fd < 0)
			r = spawn_janitor(j->lock_fd, &j->pid, &j->fd);
		if (r < 0) {
			hang_up(j);
			if (log_is_due(&all->said))
				log_client(LOG_WARNING, NULL, "no process can be started that gives memory "
					   "back, will try again: %s", strerror(-r));
			return r;
		}
		ev_io_set(&j->io, j->fd, EV_READ);
		ev_io_start(all->loop, &j->io);
		ev_child_set(&j->child, j->pid, 0);
		ev_child_start(all->loop, &j->child);
		*ret = j;
		return 0;
	}
	return -EAGAIN;
}

static struct janitor *find_idle(struct chores *all)
{
	FOR_EACH_JANITOR (j, all)
		if (j->pid > 0 && j->fd >= 0 && !j->chore)
			return j;
	return NULL;
}

static int send_job(const struct janitor *j, const struct chore *chore)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)&chore->job, .iov_len = sizeof(chore->job) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
	int r = 0;

	if (chore->segment)
		r = lock_segment(j->lock_fd, segment_id(chore->segment));
	if (r < 0)
		return r;
	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &chore->fd, sizeof(int));
	if (sendmsg(j->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		r = -errno;
	if (r < 0)
		lock_release(j->lock_fd);
	return r;
}

/* What takes milliseconds does not wait for what takes a second. */
static bool is_small(const struct chore *chore)
{
	uint64_t bytes = 0;

	for (uint32_t i = 0; i < chore->job.n; i++)
		bytes += chore->job.range[i].bytes;
	return bytes <= CHORES_SMALL_BYTES;
}

static bool has_janitor(struct chores *all)
{
	FOR_EACH_JANITOR (j, all)
		if (j->pid > 0 && j->fd >= 0)
			return true;
	return false;
}

static struct chore *pick(struct chores *all)
{
	struct chore *chore;

	TAILQ_FOREACH(chore, &all->queue, link) {
		bool busy = false;

		FOR_EACH_JANITOR (j, all)
			busy |= j->chore && j->chore->uid == chore->uid &&
				is_small(j->chore) == is_small(chore);
		if (!busy && (!chore->segment ||
			      !lock_wait_busy(&all->lock_wait, all->lock_fd, chore->segment)))
			return chore;
	}
	return NULL;
}

/* Return: 0; -EAGAIN all are at work; -errno. */
static int begin(struct chores *all, struct chore *chore)
{
	struct janitor *j;
	int r = 0;

	for (;;) {
		j = find_idle(all);
		if (!j)
			r = start(all, &j);
		if (r < 0)
			return r;
		r = send_job(j, chore);
		if (r == 0)
			break;
		if (r != -EPIPE && r != -ECONNRESET)
			return r;
		/* It is about to end, or could not be executed. */
		hang_up(j);
		r = 0;
	}
	j->chore = chore;
	chore->janitor = j;
	chore->queued = false;
	TAILQ_REMOVE(&all->queue, chore, link);
	if (chore->begun)
		chore->begun(chore);
	return 0;
}

static void kick(struct chores *all)
{
	struct chore *chore;
	struct janitor *j;
	int r = 0;

	if (!all->started)
		return;
	while (r == 0 && (chore = pick(all)))
		r = begin(all, chore);
	/*
	 * Not one more whenever one is at work: most segments are small, and their janitor is done
	 * sooner than another is executed, which would then take the processor from whoever
	 * creates and closes segments.
	 */
	if (r == 0 && !has_janitor(all))
		r = start(all, &j);
	/* When all are at work one of them ends some day. */
	if (r < 0 && r != -EAGAIN)
		ev_timer_again(all->loop, &all->retry);
}

static void on_retry(struct ev_loop *loop, ev_timer *w, int revents)
{
	(void)revents;
	ev_timer_stop(loop, w);
	kick(w->data);
}

static void look_again(void *data)
{
	kick(data);
}

/* One that waits in advance is enough. */
static void dismiss_others(struct chores *all)
{
	unsigned int n = 0;

	FOR_EACH_JANITOR (j, all)
		if (j->pid > 0 && j->fd >= 0 && !j->chore && n++ > 0)
			hang_up(j);
}

static void finish(struct janitor *j, int r)
{
	struct chores *all = j->all;
	struct chore *chore = j->chore;

	lock_release(j->lock_fd);
	j->chore = NULL;
	chore->janitor = NULL;
	/* It may be added again, or be gone. */
	chore->done(chore, r);
	kick(all);
	dismiss_others(all);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct janitor *j = w->data;
	int32_t status;
	ssize_t n;

	(void)loop, (void)revents;
	n = recv(j->fd, &status, sizeof(status), MSG_DONTWAIT | MSG_TRUNC);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* What it was at fails when its end is known: until then it may still be at it. */
	if (n != sizeof(status) || !j->chore)
		hang_up(j);
	else
		finish(j, status);
}

static void on_ended(struct ev_loop *loop, ev_child *w, int revents)
{
	struct janitor *j = w->data;
	struct chores *all = j->all;

	(void)revents;
	ev_child_stop(loop, w);
	/* What it has answered at last and was not read yet. */
	if (j->fd >= 0 && j->chore)
		on_io(loop, &j->io, 0);
	hang_up(j);
	j->pid = 0;
	if (w->rstatus)
		log_client(LOG_WARNING, NULL, "a process that gives memory back ended with status %#x",
			   (unsigned int)w->rstatus);
	if (j->chore)
		finish(j, -EIO);
	/* One that cannot be executed is not started again and again. */
	else if (!TAILQ_EMPTY(&all->queue))
		ev_timer_again(loop, &all->retry);
}

int chores_new(struct chores **ret, struct ev_loop *loop)
{
	struct chores *all = calloc(1, sizeof(*all));

	if (!all)
		return -ENOMEM;
	all->loop = loop;
	all->lock_fd = -1;
	TAILQ_INIT(&all->queue);
	lock_wait_init(&all->lock_wait, loop, "rid of what was removed from it", look_again, all);
	ev_timer_init(&all->retry, on_retry, 0., RETRY_SEC);
	all->retry.data = all;
	FOR_EACH_JANITOR (j, all) {
		j->all = all;
		j->fd = j->lock_fd = -1;
		ev_init(&j->io, on_io);
		ev_init(&j->child, on_ended);
		ev_set_priority(&j->child, EV_MAXPRI);
		j->io.data = j->child.data = j;
	}
	*ret = all;
	return 0;
}

void chores_start(struct chores *all, int lock_fd)
{
	all->started = true;
	all->lock_fd = lock_fd;
	kick(all);
}

void chores_add(struct chores *all, struct chore *chore)
{
	assert(chore_is_idle(chore));
	chore->queued = true;
	TAILQ_INSERT_TAIL(&all->queue, chore, link);
	kick(all);
}

struct chores *chores_free(struct chores *all)
{
	if (!all)
		return NULL;
	all->started = false;
	ev_timer_stop(all->loop, &all->retry);
	lock_wait_deinit(&all->lock_wait);
	FOR_EACH_JANITOR (j, all) {
		hang_up(j);
		ev_child_stop(all->loop, &j->child);
		if (j->pid <= 0)
			continue;
		kill(j->pid, SIGKILL);
		while (waitpid(j->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(all);
	return NULL;
}
