/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_REAPERS_INTERNAL_H
#define SHMREGD_REAPERS_INTERNAL_H

/*
 * reapers-internal.h - between the queue of repairs (reapers.c) and the single
 * reaper at work (reapers-process.c)
 */

#include "lock-wait.h"
#include "log.h"
#include "options.h"
#include "reapers.h"

/*
 * Started in advance: a start takes a few times as long as most repairs, so one is ready for the
 * second of two deaths, too. What they are waiting with is a few hundred KiB each.
 */
#define REAPERS_SPARE 2

struct reaper {
	struct reapers *all;
	enum { REAPER_NONE = 0, REAPER_SPARE, REAPER_BUSY, REAPER_ENDING } state;
	pid_t pid;			/* 0: waited for */
	uint64_t serial;		/* the lower, the longer ago it was started */
	int fd;				/* -1: closed */
	int lock_fd;			/* its standard input, see lock.h; -1: it has none, or closed */
	ev_io io;
	ev_child child;
	ev_timer limit;
	struct repair *job;		/* NULL: none, or its segment has gone */
	uint32_t uid;			/* charged for the segment */
	uint64_t segment;		/* id */
	bool killed;			/* by us: it occupies no place, see pick() */
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
	struct lock_wait lock_wait;
	bool started;
	bool spare_died;			/* so none is started in advance until a repair succeeds */
	TAILQ_HEAD(, repair) queue;
	bool prevented;			/* again and again: nothing is begun before retry */
	double said;			/* that none can be started, see log_is_due() */
	ev_timer retry;
	uint64_t last_serial;
	/*
	 * When a spare is started after one has got a job: as soon as that is done, its event is
	 * out, and the loop has nothing else to do. A start takes longer than a repair, and where
	 * one process has died, the next often dies at once: what is left would not be ready for
	 * the one after. If the job does not succeed, a moment later.
	 */
	ev_idle idle;
	ev_timer moment;
	/* Those at work, spares, and as many that were killed and do not end. */
	struct reaper slots[2 * OPTIONS_REAPERS_MAX + REAPERS_SPARE];
};

static inline struct log_about repair_about(const struct segment *s, enum message_id message)
{
	return (struct log_about){
		.segment = segment_name(s), .segment_id = segment_id(s), .message = message,
	};
}

/* Of a slot. */
void reaper_init(struct reaper *r, struct reapers *all);
/* A slot that is NONE becomes SPARE. Return: 0; as fork(2), socketpair(2). */
int reaper_start(struct reaper *r);
/* Give it the segment's descriptors. Return: 0; -EPIPE, -ECONNRESET it is gone; -errno. */
int reaper_send_job(struct reaper *r, const struct segment *s, int dir_fd);
/* What it was at fails as soon as its end is known; @why may be NULL: its exit status tells. */
void reaper_fail(struct reaper *r, const char *why);
/*
 * It has nothing more to say, and is about to end. In its own way: the exit status
 * tells whose fault it was.
 */
void reaper_linger(struct reaper *r);
void reaper_hang_up(struct reaper *r);
/* After its end: what it said last and was not read yet; may call reapers_succeeded(). */
void reaper_read_rest(struct reaper *r);
void reaper_describe_end(const struct reaper *r, int status, char *ret, size_t size);
/*
 * Does this end speak against the segment? SIGKILL that was not ours is an administrator's
 * or the kernel's, and what cannot be executed fails for every segment: three of them must
 * not quarantine one that is in order.
 */
bool reaper_segments_fault(const struct reaper *r, int status);

/* The queue's: DONE has come; its process has ended. */
void reapers_succeeded(struct reaper *r);
void reapers_ended(struct ev_loop *loop, ev_child *w, int revents);

#endif /* SHMREGD_REAPERS_INTERNAL_H */
