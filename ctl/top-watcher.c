/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

#include "top-watcher.h"

#define END_SECONDS 2

struct top_watcher {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t changed;		/* by CLOCK_MONOTONIC: something is asked for, or has ended */
	struct top_looker *looker;	/* the thread's */
	int fd;
	/* under the mutex */
	struct top_request request;
	uint64_t interval_ns;
	bool now, stop, stopped;
	uint64_t began;
	struct top_view *view;
};

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static struct timespec timespec_of(uint64_t ns)
{
	return (struct timespec){ .tv_sec = (time_t)(ns / 1000000000),
				  .tv_nsec = (long)(ns % 1000000000) };
}

/* With the mutex. Until it is time for the next look. */
static void await(struct top_watcher *w, uint64_t last)
{
	while (!w->now && !w->stop) {
		const struct timespec end = timespec_of(last + w->interval_ns);

		if (!w->interval_ns)
			pthread_cond_wait(&w->changed, &w->mutex);
		else if (pthread_cond_timedwait(&w->changed, &w->mutex, &end) == ETIMEDOUT)
			break;
	}
	w->now = false;
}

static void *run(void *data)
{
	struct top_watcher *w = data;
	struct top_request *request = malloc(sizeof(*request));
	struct top_view *view;
	uint64_t last;

	pthread_mutex_lock(&w->mutex);
	while (request && !w->stop) {
		*request = w->request;
		w->began = now_ns(CLOCK_REALTIME);
		last = now_ns(CLOCK_MONOTONIC);
		pthread_mutex_unlock(&w->mutex);
		view = top_look(w->looker, request);
		pthread_mutex_lock(&w->mutex);
		w->began = 0;
		top_view_free(w->view);
		w->view = view;
		eventfd_write(w->fd, 1);
		await(w, last);
	}
	pthread_mutex_unlock(&w->mutex);
	free(request);
	/* Detaches, for which the daemon must answer. */
	top_looker_free(w->looker);
	pthread_mutex_lock(&w->mutex);
	w->stopped = true;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static int start(struct top_watcher *w)
{
	sigset_t all, before;
	int r;

	/* Signals are for the one who has the terminal. */
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	r = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return r;
}

struct top_watcher *top_watcher_new(struct top_looker *looker, const struct top_request *request,
				    uint64_t interval_ns)
{
	struct top_watcher *w = calloc(1, sizeof(*w));
	pthread_condattr_t attr;

	if (!w) {
		top_looker_free(looker);
		return NULL;
	}
	w->request = *request;
	w->interval_ns = interval_ns;
	w->looker = looker;
	w->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	pthread_mutex_init(&w->mutex, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&w->changed, &attr);
	pthread_condattr_destroy(&attr);
	if (w->fd >= 0 && start(w) == 0)
		return w;
	top_looker_free(w->looker);
	if (w->fd >= 0)
		close(w->fd);
	free(w);
	return NULL;
}

struct top_watcher *top_watcher_free(struct top_watcher *w)
{
	const struct timespec end =
		timespec_of(now_ns(CLOCK_MONOTONIC) + END_SECONDS * UINT64_C(1000000000));
	bool stopped;
	int r = 0;

	if (!w)
		return NULL;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_broadcast(&w->changed);
	while (!w->stopped && r == 0)
		r = pthread_cond_timedwait(&w->changed, &w->mutex, &end);
	stopped = w->stopped;
	pthread_mutex_unlock(&w->mutex);
	/* One that does not end is left alone, with what it uses: the process is about to end. */
	if (!stopped)
		return NULL;
	pthread_join(w->thread, NULL);
	top_view_free(w->view);
	pthread_cond_destroy(&w->changed);
	pthread_mutex_destroy(&w->mutex);
	close(w->fd);
	free(w);
	return NULL;
}

void top_watcher_ask(struct top_watcher *w, const struct top_request *request, uint64_t interval_ns,
		     bool now)
{
	pthread_mutex_lock(&w->mutex);
	w->request = *request;
	w->interval_ns = interval_ns;
	w->now |= now;
	pthread_cond_broadcast(&w->changed);
	pthread_mutex_unlock(&w->mutex);
}

int top_watcher_fd(const struct top_watcher *w)
{
	return w->fd;
}

struct top_view *top_watcher_take(struct top_watcher *w)
{
	struct top_view *view;
	eventfd_t n;

	pthread_mutex_lock(&w->mutex);
	eventfd_read(w->fd, &n);
	view = w->view;
	w->view = NULL;
	pthread_mutex_unlock(&w->mutex);
	return view;
}

uint64_t top_watcher_began(struct top_watcher *w)
{
	uint64_t began;

	pthread_mutex_lock(&w->mutex);
	began = w->began;
	pthread_mutex_unlock(&w->mutex);
	return began;
}
