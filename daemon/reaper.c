/* SPDX-License-Identifier: MIT */
/*
 * reaper.c - shmreg-reaper: repairs what the dead left in one segment, and exits
 *
 * See shmreg/abi/reaper.h for what it is told and tells, reaper-sandbox.h for
 * what it cannot do, and libclient/repair.h for the repairs. It can be killed at
 * any instruction and run again: a repair is exact compare-and-swaps from what
 * is there, and it keeps nothing of its own.
 */
#include <config.h>

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/reaper.h>

#include "job.h"
#include "pool-repair.h"
#include "queue-repair.h"
#include "reaper-sandbox.h"
#include "repair.h"

/* An entry that is being written is free or committed by one of the next looks. */
#define READ_TRIES 100

struct job {
	struct shmreg_reaper_job in;
	int dir_fd;
	int data_fd;
	const struct shmreg_dir *dir;
	unsigned char *data;
	uint64_t dead[SHMREG_SEATS / 64];
	uint32_t n_dead;
	uint64_t gone[POOL_SWEEP_QUEUES];	/* by index: object queues that nobody can have open */
	uint32_t n_gone;
	struct shmreg_reaper_report last;	/* the last object's, not sent yet; type 0: there is none */
};

/*
 * Not exit(3) or _exit(2): nothing is to be flushed, and what those may call (a
 * sanitizer looks for leaks) is forbidden.
 */
_Noreturn static void leave(int status)
{
	for (;;)
		syscall(SYS_exit_group, status);
}

/* Returns only if it was sent: there is nobody to report to once the daemon has gone. */
static void send_reports(const struct shmreg_reaper_report *reports, size_t n_reports)
{
	const size_t bytes = n_reports * sizeof(*reports);
	ssize_t n;

	do
		n = send(SHMREG_REAPER_FD, reports, bytes, MSG_NOSIGNAL);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)bytes)
		leave(1);
}

static void report_object(struct job *job, const struct shmreg_reaper_report *report)
{
	if (job->last.type)
		send_reports(&job->last, 1);
	job->last = *report;
}

static void report_done(const struct job *job, const struct shmreg_reaper_report *report)
{
	const struct shmreg_reaper_report both[SHMREG_REAPER_REPORTS] = { job->last, *report };

	if (job->last.type)
		send_reports(both, 2);
	else
		send_reports(report, 1);
}

static struct shmreg_reaper_report report_init(const struct job *job, uint32_t type)
{
	return (struct shmreg_reaper_report){
		.magic = SHMREG_REAPER_MAGIC,
		.type = type,
		.segment = job->in.segment,
	};
}

static int map_job(struct job *job)
{
	void *p;
	int r;

	r = job_map_directory(job->dir_fd, job->in.dir_bytes, job->in.segment, job->in.data_bytes,
			      &job->dir);
	if (r == 0)
		r = job_map(job->data_fd, job->in.data_bytes, PROT_READ | PROT_WRITE, &p);
	if (r < 0)
		return r;
	job->data = p;
	return 0;
}

/*
 * All of them, before any object is visited: a seat that dies later was not
 * dead when the job was sent, so the daemon does not free it for this job.
 */
static void read_dead_seats(struct job *job)
{
	const uint64_t *seats = shmreg_dir_seats(job->dir);

	for (uint32_t i = 1; i < SHMREG_SEATS; i++) {
		/*
		 * Acquire: pairs with the daemon's release when it declares the
		 * death, which it does after the process has ended.
		 */
		const uint64_t seat = shmreg_load_acquire(&seats[i]);

		if ((seat & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_DEAD)
			continue;
		job->dead[i / 64] |= UINT64_C(1) << (i % 64);
		job->n_dead++;
	}
}

/* Is the object in the data area, whole, as large as its shape says? */
static bool object_valid(const struct job *job, const struct shmreg_dir_object *o)
{
	uint64_t bytes, align;

	return shmreg_shape_bytes(&o->shape, &bytes, &align, NULL) == 0 && o->bytes == bytes &&
	       o->offset % align == 0 && bytes <= job->in.data_bytes &&
	       o->offset <= job->in.data_bytes - bytes;
}

static int read_object(const struct job *job, uint32_t index, struct shmreg_dir_object *ret)
{
	int r = -EAGAIN;

	for (unsigned int i = 0; i < READ_TRIES && r == -EAGAIN; i++)
		r = shmreg_dir_read_object(job->dir, index, ret);
	return r;
}

/* Return: whether entry @index has an object that makes sense, in *ret. */
static bool find_object(const struct job *job, uint32_t index, struct shmreg_dir_object *ret)
{
	return index < job->dir->max_objects && read_object(job, index, ret) == 0 &&
	       object_valid(job, ret);
}

/*
 * Before any pool is visited. None of these entries changes during this job: the daemon waits
 * for it.
 */
static void find_gone_queues(struct job *job)
{
	struct shmreg_dir_object o;

	for (uint32_t i = 0; i < job->dir->max_objects && job->in.quiesced_epoch; i++) {
		if (!find_object(job, i, &o) || o.state != SHMREG_ENTRY_REMOVED ||
		    !shmreg_shape_is_object_queue(&o.shape) ||
		    o.removed_epoch > job->in.quiesced_epoch)
			continue;
		job->gone[i / 64] |= UINT64_C(1) << (i % 64);
		job->n_gone++;
	}
}

static int repair_queue_of_objects(const struct job *job, uint32_t index,
				   const struct shmreg_dir_object *o,
				   const struct repair_memory *memory,
				   struct shmreg_reaper_report *report)
{
	struct repair_memory pool_memory = { .fd = job->data_fd };
	struct queue_repair_pool pool = { .memory = &pool_memory, .queue = index };
	struct shmreg_dir_object p;

	if (!find_object(job, o->shape.param[2], &p) || p.id != shmreg_shape_pool(&o->shape) ||
	    p.shape.kind != SHMREG_KIND_POOL)
		return shmreg_repair_object_queue(&o->shape, job->data + o->offset, memory, NULL,
						  job->dead, report);
	pool_memory.offset = p.offset;
	pool.shape = &p.shape;
	pool.base = job->data + p.offset;
	return shmreg_repair_object_queue(&o->shape, job->data + o->offset, memory, &pool,
					  job->dead, report);
}

static int repair_object(const struct job *job, uint32_t index, const struct shmreg_dir_object *o,
			 struct shmreg_reaper_report *report)
{
	const struct repair_memory memory = { .fd = job->data_fd, .offset = o->offset };
	int r;

	if (shmreg_shape_is_object_queue(&o->shape))
		return repair_queue_of_objects(job, index, o, &memory, report);
	r = shmreg_repair_object(&o->shape, job->data + o->offset, &memory, job->dead, report);
	if (r == 0 && job->n_gone && o->shape.kind == SHMREG_KIND_POOL)
		r = pool_sweep(&o->shape, job->data + o->offset, &memory, job->gone, report);
	return r;
}

/*
 * An object that is not there or makes no sense in the directory is passed over:
 * the daemon alone writes there, so it is one that nobody can have opened.
 * A removed one is visited: its range is not used again before those who had it
 * open have been repaired.
 */
static void repair_objects(struct job *job)
{
	for (uint32_t i = 0; i < job->dir->max_objects; i++) {
		struct shmreg_reaper_report report = report_init(job, SHMREG_REAPER_OBJECT);
		struct shmreg_dir_object o;

		if (!find_object(job, i, &o))
			continue;
		report.object = o.id;
		if (repair_object(job, i, &o, &report) < 0)
			continue;
		if (report.status || report.n_repaired || report.n_freed || report.n_requeued ||
		    report.n_gave_up)
			report_object(job, &report);
	}
}

static int run(struct job *job)
{
	struct shmreg_reaper_report report;
	int r;

	r = job_receive(&job->in, sizeof(job->in), SHMREG_REAPER_MAGIC, &job->dir_fd, &job->data_fd);
	if (r == 0)
		leave(0);	/* the daemon has gone, or needs no repair */
	if (r > 0)
		r = map_job(job);
	if (r == 0) {
		read_dead_seats(job);
		find_gone_queues(job);
		if (job->n_dead || job->n_gone)
			repair_objects(job);
	}
	report = report_init(job, SHMREG_REAPER_DONE);
	report.status = r;
	report.n_seats = job->n_dead;
	report_done(job, &report);
	return r < 0;
}

static bool started_by_daemon(void)
{
	int type;
	socklen_t size = sizeof(type);

	return getsockopt(SHMREG_REAPER_FD, SOL_SOCKET, SO_TYPE, &type, &size) == 0 &&
	       type == SOCK_SEQPACKET;
}

int main(int argc, char **argv)
{
	static struct job job = { .dir_fd = -1, .data_fd = -1 };
	const char *what;
	int r;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		puts("shmreg-reaper " VERSION);
		return 0;
	}
	if (argc > 1 || !started_by_daemon()) {
		fputs("shmreg-reaper: this is started by shmregd when a process has died; "
		      "there is nothing to do with it by hand\n",
		      stderr);
		return 2;
	}

	/*
	 * Die with the daemon. If it died before this call: its end of the socket
	 * was the only one, so there is no job to be received.
	 */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
		perror("shmreg-reaper");
		return 1;
	}
	/* Not close_range(2), which some containers forbid. */
	closefrom(SHMREG_REAPER_FD + 1);
	r = reaper_sandbox_enter(&what);
	if (r < 0) {
		fprintf(stderr, "shmreg-reaper: cannot %s: %s; it does not run without\n", what,
			strerror(-r));
		return 1;
	}
	leave(run(&job));
}
