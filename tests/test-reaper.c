/* SPDX-License-Identifier: MIT */
/* The real shmreg-reaper on hand-made directories and data areas. */
#include <config.h>

#include <check.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/pool.h>
#include <shmreg/abi/queue.h>
#include <shmreg/abi/reaper.h>

#include "random.h"

#define SEGMENT 3
#define DATA_BYTES (UINT64_C(1) << 20)
#define CAPACITY 8
#define DEAD 17
#define DEAD_TOO 4095
#define ALIVE 18

enum { DROP, REDELIVER, UNUSED, REMOVED, ARRAY, CROOKED, POOL, OBJECTS, GONE, N_OBJECTS };

/* Indices are those above, ids are one more. */
struct world {
	int dir_fd, dir_ro_fd, data_fd;
	struct shmreg_dir *dir;
	unsigned char *data;
};

static uint64_t word(uint64_t position, uint64_t n, uint64_t owner, uint64_t state)
{
	return position << SHMREG_QUEUE_POS_SHIFT | n << SHMREG_QUEUE_N_SHIFT |
	       owner << SHMREG_QUEUE_OWNER_SHIFT | state;
}

static struct shmreg_queue_shm *queue(struct world *w, uint32_t index)
{
	return (void *)(w->data + shmreg_dir_objects(w->dir)[index].offset);
}

static uint64_t *slot(struct world *w, uint32_t index, uint32_t i)
{
	return (void *)((unsigned char *)(queue(w, index) + 1) + i * shmreg_queue_stride(8, 8));
}

static void *map_new(const char *name, uint64_t bytes, int *ret_fd)
{
	void *p;

	*ret_fd = memfd_create(name, MFD_CLOEXEC);
	ck_assert_int_ge(*ret_fd, 0);
	ck_assert_int_eq(ftruncate(*ret_fd, (off_t)bytes), 0);
	p = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *ret_fd, 0);
	ck_assert_ptr_ne(p, MAP_FAILED);
	return p;
}

static void put_object(struct world *w, uint32_t index, uint32_t kind, uint32_t flags)
{
	struct shmreg_dir_object *o = &shmreg_dir_objects(w->dir)[index];
	uint64_t align;

	o->id = index + 1;
	o->shape = (struct shmreg_shape){ kind, 1, flags, 8, 8, CAPACITY, { 0 } };
	ck_assert_int_eq(shmreg_shape_bytes(&o->shape, &o->bytes, &align, NULL), 0);
	o->offset = index * 8192;
	snprintf(o->name, sizeof(o->name), "object/%u", index);
	o->state = index == REMOVED ? SHMREG_ENTRY_REMOVED : SHMREG_ENTRY_LIVE;
}

/*
 * In each queue: positions 0 to 2 were being popped, by the dead, the living and
 * the other dead; 3 is ready; 4 and 5 were claimed together by the dead and not
 * yet written; 6 is being written by the living.
 */
static void wreck(struct world *w, uint32_t index)
{
	struct shmreg_queue_shm *q = queue(w, index);

	*slot(w, index, 0) = word(0, 1, DEAD, SHMREG_QUEUE_READING);
	*slot(w, index, 1) = word(0, 1, ALIVE, SHMREG_QUEUE_READING);
	*slot(w, index, 2) = word(0, 0, 0, SHMREG_QUEUE_READY);
	*slot(w, index, 3) = word(0, 0, 0, SHMREG_QUEUE_READY);
	*slot(w, index, 4) = word(0, 2, DEAD, SHMREG_QUEUE_WRITING);
	*slot(w, index, 6) = word(0, 1, ALIVE, SHMREG_QUEUE_WRITING);
	q->head = word(3, 1, DEAD_TOO, 0);
	q->tail = word(7, 1, ALIVE, 0);
	if (index != UNUSED) {
		q->users[DEAD / 64] |= UINT64_C(1) << (DEAD % 64);
		q->users[DEAD_TOO / 64] |= UINT64_C(1) << (DEAD_TOO % 64);
	}
	q->users[ALIVE / 64] |= UINT64_C(1) << (ALIVE % 64);
}

static void world_new(struct world *w)
{
	struct shmreg_dir layout = { 0 };
	char path[64];

	ck_assert_int_eq(shmreg_dir_layout(&layout, 4, N_OBJECTS), 0);
	w->dir = map_new("dir", layout.dir_bytes, &w->dir_fd);
	w->data = map_new("data", DATA_BYTES, &w->data_fd);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", w->dir_fd);
	w->dir_ro_fd = open(path, O_RDONLY | O_CLOEXEC);
	ck_assert_int_ge(w->dir_ro_fd, 0);

	*w->dir = layout;
	w->dir->magic = SHMREG_DIR_MAGIC;
	w->dir->layout = SHMREG_DIR_LAYOUT;
	w->dir->segment = SEGMENT;
	w->dir->data_bytes = DATA_BYTES;
	w->dir->max_participants = 4;
	w->dir->max_objects = N_OBJECTS;
	strcpy(w->dir->name, "a/segment");
	w->dir->state = SHMREG_DIR_LIVE;
	shmreg_dir_seats(w->dir)[DEAD] = 1 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_DEAD;
	shmreg_dir_seats(w->dir)[DEAD_TOO] = 2 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_DEAD;
	shmreg_dir_seats(w->dir)[ALIVE] = 3 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;

	put_object(w, DROP, SHMREG_KIND_QUEUE, 0);
	put_object(w, REDELIVER, SHMREG_KIND_QUEUE, SHMREG_QUEUE_REDELIVER);
	put_object(w, UNUSED, SHMREG_KIND_QUEUE, 0);
	put_object(w, REMOVED, SHMREG_KIND_QUEUE, SHMREG_QUEUE_REDELIVER);
	put_object(w, ARRAY, SHMREG_KIND_ARRAY, 0);
	put_object(w, CROOKED, SHMREG_KIND_QUEUE, 0);
	shmreg_dir_objects(w->dir)[CROOKED].offset = DATA_BYTES - 128;
	for (uint32_t i = DROP; i <= REMOVED; i++)
		wreck(w, i);
	memset(w->data + shmreg_dir_objects(w->dir)[ARRAY].offset, 0xa5, CAPACITY * 8);
}

static void world_free(struct world *w)
{
	munmap(w->data, DATA_BYTES);
	munmap(w->dir, w->dir->dir_bytes);
	close(w->dir_fd);
	close(w->dir_ro_fd);
	close(w->data_fd);
}

struct reaper {
	pid_t pid;
	int fd;
};

/* As the daemon does it; vfork-free, since Check's children have one thread. */
static struct reaper reaper_spawn(void)
{
	struct reaper r;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	r.pid = fork();
	ck_assert_int_ge(r.pid, 0);
	if (r.pid == 0) {
		if (fds[1] == SHMREG_REAPER_FD)
			fcntl(fds[1], F_SETFD, 0);
		else
			dup2(fds[1], SHMREG_REAPER_FD);
		execl(SHMREG_REAPER, "shmreg-reaper", (char *)NULL);
		_exit(127);
	}
	close(fds[1]);
	r.fd = fds[0];
	return r;
}

static void send_job(const struct reaper *r, const struct shmreg_reaper_job *job, const int *fds,
		     size_t n_fds)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(2 * sizeof(int))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { .iov_base = (void *)(uintptr_t)job, .iov_len = sizeof(*job) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };

	if (n_fds) {
		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(&control.header), fds, n_fds * sizeof(int));
	}
	ck_assert_int_eq(sendmsg(r->fd, &msg, MSG_NOSIGNAL), sizeof(*job));
}

static struct shmreg_reaper_job world_job(const struct world *w)
{
	return (struct shmreg_reaper_job){
		.magic = SHMREG_REAPER_MAGIC,
		.segment = SEGMENT,
		.dir_bytes = w->dir->dir_bytes,
		.data_bytes = DATA_BYTES,
	};
}

static void send_world(const struct reaper *r, const struct world *w)
{
	const struct shmreg_reaper_job job = world_job(w);

	send_job(r, &job, (const int[]){ w->dir_ro_fd, w->data_fd }, 2);
}

static int reaper_wait(struct reaper *r)
{
	int status;

	ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
	close(r->fd);
	return status;
}

/* All reports up to DONE; the reaper must then exit with 0. */
static struct shmreg_reaper_report reaper_collect(struct reaper *r,
						  struct shmreg_reaper_report *ret_objects,
						  size_t *ret_n)
{
	struct shmreg_reaper_report report, last;

	*ret_n = 0;
	for (;;) {
		ck_assert_int_eq(recv(r->fd, &report, sizeof(report), 0), sizeof(report));
		ck_assert_uint_eq(report.magic, SHMREG_REAPER_MAGIC);
		if (report.type == SHMREG_REAPER_DONE)
			break;
		ck_assert_uint_eq(report.type, SHMREG_REAPER_OBJECT);
		ck_assert_uint_lt(*ret_n, N_OBJECTS);
		ret_objects[(*ret_n)++] = report;
	}
	ck_assert_int_eq(recv(r->fd, &last, sizeof(last), 0), 0);
	ck_assert_int_eq(reaper_wait(r), report.status ? 0x100 : 0);
	return report;
}

static void check_repaired(struct world *w)
{
	static const struct {
		uint32_t index, slot;
		uint64_t state, position;
	} want[] = {
		{ DROP, 0, SHMREG_QUEUE_FREE, CAPACITY },
		{ DROP, 2, SHMREG_QUEUE_FREE, CAPACITY },
		{ DROP, 3, SHMREG_QUEUE_READY, 0 },
		{ DROP, 4, SHMREG_QUEUE_TOMB, 0 },
		{ DROP, 5, SHMREG_QUEUE_TOMB, 0 },
		{ REDELIVER, 0, SHMREG_QUEUE_REDEL, 0 },
		{ REDELIVER, 2, SHMREG_QUEUE_REDEL, 0 },
		{ REDELIVER, 4, SHMREG_QUEUE_TOMB, 0 },
		{ REDELIVER, 5, SHMREG_QUEUE_TOMB, 0 },
		{ REMOVED, 0, SHMREG_QUEUE_REDEL, 0 },
		{ REMOVED, 5, SHMREG_QUEUE_TOMB, 0 },
		{ UNUSED, 4, SHMREG_QUEUE_WRITING, 0 },
	};

	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		const uint64_t is = *slot(w, want[i].index, want[i].slot);

		ck_assert_msg((is & SHMREG_QUEUE_STATE_MASK) == want[i].state &&
				      is >> SHMREG_QUEUE_POS_SHIFT == want[i].position,
			      "object %u slot %u is %llx", want[i].index, want[i].slot,
			      (unsigned long long)is);
	}
	for (uint32_t i = DROP; i <= REMOVED; i++) {
		ck_assert_uint_eq(*slot(w, i, 1), word(0, 1, ALIVE, SHMREG_QUEUE_READING));
		ck_assert_uint_eq(*slot(w, i, 6), word(0, 1, ALIVE, SHMREG_QUEUE_WRITING));
		ck_assert_uint_eq(*slot(w, i, 7), 0);
	}
	for (size_t i = 0; i < CAPACITY * 8; i++)
		ck_assert_uint_eq(w->data[shmreg_dir_objects(w->dir)[ARRAY].offset + i], 0xa5);
}

START_TEST(test_repair)
{
	struct shmreg_reaper_report reports[N_OBJECTS], done;
	struct world w;
	struct reaper r;
	size_t n;

	world_new(&w);
	r = reaper_spawn();
	send_world(&r, &w);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, 0);
	ck_assert_uint_eq(done.segment, SEGMENT);
	ck_assert_uint_eq(done.n_seats, 2);
	check_repaired(&w);
	ck_assert_uint_eq(n, 3);
	for (size_t i = 0; i < n; i++) {
		static const uint64_t objects[] = { DROP + 1, REDELIVER + 1, REMOVED + 1 };

		ck_assert_uint_eq(reports[i].segment, SEGMENT);
		ck_assert_uint_eq(reports[i].object, objects[i]);
		ck_assert_int_eq(reports[i].status, 0);
		ck_assert_uint_gt(reports[i].n_repaired, 0);
		ck_assert_uint_eq(reports[i].n_gave_up, 0);
		if (i == 0) {
			ck_assert_uint_eq(reports[i].n_freed, 4);
			ck_assert_uint_eq(reports[i].n_requeued, 0);
		} else {
			ck_assert_uint_eq(reports[i].n_freed, 2);
			ck_assert_uint_eq(reports[i].n_requeued, 2);
		}
	}

	/* Again: nothing is left to do. */
	r = reaper_spawn();
	send_world(&r, &w);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, 0);
	for (size_t i = 0; i < n; i++)
		ck_assert_uint_eq(reports[i].n_freed + reports[i].n_requeued, 0);
	check_repaired(&w);
	world_free(&w);
}
END_TEST

/* No dead seat: nothing is touched, whatever the data look like. */
START_TEST(test_nobody_dead)
{
	struct shmreg_reaper_report reports[N_OBJECTS], done;
	struct world w;
	struct reaper r;
	size_t n;

	world_new(&w);
	shmreg_dir_seats(w.dir)[DEAD] = shmreg_dir_seats(w.dir)[DEAD_TOO] = SHMREG_SEAT_FREE;
	r = reaper_spawn();
	send_world(&r, &w);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, 0);
	ck_assert_uint_eq(done.n_seats, 0);
	ck_assert_uint_eq(n, 0);
	ck_assert_uint_eq(*slot(&w, DROP, 4), word(0, 2, DEAD, SHMREG_QUEUE_WRITING));
	world_free(&w);
}
END_TEST

static long status_field(pid_t pid, const char *field)
{
	char path[64], line[256];
	long value = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "re");
	ck_assert_ptr_nonnull(f);
	while (fgets(line, sizeof(line), f))
		if (strncmp(line, field, strlen(field)) == 0)
			value = strtol(line + strlen(field), NULL, 10);
	fclose(f);
	return value;
}

/* While it waits for its job it is already in its sandbox. */
START_TEST(test_sandbox)
{
	static const struct {
		__rlimit_resource_t resource;
		rlim_t max;
	} limits[] = {
		{ RLIMIT_CORE, 0 }, { RLIMIT_NPROC, 0 },    { RLIMIT_NOFILE, 6 },
		{ RLIMIT_FSIZE, 0 }, { RLIMIT_MEMLOCK, 0 }, { RLIMIT_CPU, 600 },
	};
	const struct timespec pause = { .tv_nsec = 1000000 };
	struct reaper r = reaper_spawn();
	const struct dirent *entry;
	char path[64];
	DIR *d;

	while (status_field(r.pid, "Seccomp:") != 2) {
		int status;

		ck_assert_int_eq(waitpid(r.pid, &status, WNOHANG), 0);
		nanosleep(&pause, NULL);
	}
	ck_assert_int_eq(status_field(r.pid, "NoNewPrivs:"), 1);
	for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
		struct rlimit is;

		ck_assert_int_eq(prlimit(r.pid, limits[i].resource, NULL, &is), 0);
		ck_assert_uint_le(is.rlim_max, limits[i].max);
	}
	snprintf(path, sizeof(path), "/proc/%d/fd", r.pid);
	d = opendir(path);
	ck_assert_ptr_nonnull(d);
	while ((entry = readdir(d)))
		ck_assert_int_le(atoi(entry->d_name), SHMREG_REAPER_FD);
	closedir(d);

	/* And leaves when there is nobody any more who could send one. */
	shutdown(r.fd, SHUT_WR);
	ck_assert_int_eq(reaper_wait(&r), 0);
}
END_TEST

/* Its parent dies, though somebody else holds the other end of the socket. */
START_TEST(test_parent_dies)
{
	struct reaper r;
	int pipe_fds[2], fds[2], status;
	pid_t parent;
	char c;

	ck_assert_int_eq(prctl(PR_SET_CHILD_SUBREAPER, 1), 0);
	ck_assert_int_eq(pipe2(pipe_fds, O_CLOEXEC), 0);
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, fds), 0);
	parent = fork();
	if (parent == 0) {
		r.pid = fork();
		if (r.pid == 0) {
			dup2(fds[1], SHMREG_REAPER_FD);
			execl(SHMREG_REAPER, "shmreg-reaper", (char *)NULL);
			_exit(127);
		}
		while (status_field(r.pid, "Seccomp:") != 2)
			sched_yield();
		if (write(pipe_fds[1], &r.pid, sizeof(r.pid)) != sizeof(r.pid))
			_exit(1);
		for (;;)
			pause();
	}
	close(fds[1]);
	ck_assert_int_eq(read(pipe_fds[0], &r.pid, sizeof(r.pid)), sizeof(r.pid));
	kill(parent, SIGKILL);
	ck_assert_int_eq(waitpid(parent, NULL, 0), parent);
	/* EOF: its end is closed, so it is gone. */
	ck_assert_int_eq(recv(fds[0], &c, 1, 0), 0);
	r.fd = fds[0];
	status = reaper_wait(&r);
	ck_assert(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
}
END_TEST

static void refused(struct shmreg_reaper_job job, const int *fds, size_t n_fds, int status)
{
	struct shmreg_reaper_report reports[N_OBJECTS], done;
	struct reaper r = reaper_spawn();
	size_t n;

	send_job(&r, &job, fds, n_fds);
	done = reaper_collect(&r, reports, &n);
	ck_assert_int_eq(done.status, status);
	ck_assert_uint_eq(n, 0);
}

START_TEST(test_bad_jobs)
{
	struct shmreg_reaper_job job;
	struct world w;
	int fds[2];

	world_new(&w);
	fds[0] = w.dir_ro_fd;
	fds[1] = w.data_fd;
	job = world_job(&w);
	job.magic++;
	refused(job, fds, 2, -EBADMSG);
	refused(world_job(&w), fds, 1, -EBADMSG);
	refused(world_job(&w), NULL, 0, -EBADMSG);
	job = world_job(&w);
	job.dir_bytes += 4096;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.dir_bytes = 512;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.dir_bytes = 0;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.data_bytes /= 2;
	refused(job, fds, 2, -EBADMSG);
	job = world_job(&w);
	job.segment++;
	refused(job, fds, 2, -EBADMSG);
	ck_assert_int_eq(ftruncate(w.data_fd, DATA_BYTES / 2), 0);
	refused(world_job(&w), fds, 2, -EBADMSG);
	w.dir->layout++;
	refused(world_job(&w), fds, 2, -EPROTONOSUPPORT);
	world_free(&w);
}
END_TEST

/* Whatever clients wrote: it comes to an end, and says what made no sense. */
START_TEST(test_garbage)
{
	struct random_state random;
	unsigned long n_gave_up = 0;
	struct world w;

	random_seed(&random);
	world_new(&w);
	for (unsigned long i = random_rounds(300); i; i--) {
		struct shmreg_reaper_report reports[N_OBJECTS], done;
		struct reaper r = reaper_spawn();
		size_t n;

		if (i % 2) {
			random_fill(&random, w.data, 65536);
		} else {
			memset(w.data, 0, 65536);
			for (uint32_t k = DROP; k <= REMOVED; k++) {
				wreck(&w, k);
				random_mutate(&random, queue(&w, k), 512);
				for (uint32_t s = 0; s < CAPACITY; s++)
					random_mutate(&random, slot(&w, k, s), 8);
			}
		}
		send_world(&r, &w);
		done = reaper_collect(&r, reports, &n);
		ck_assert_int_eq(done.status, 0);
		for (size_t k = 0; k < n; k++)
			n_gave_up += reports[k].n_gave_up;
	}
	ck_assert_uint_gt(n_gave_up, 0);
	world_free(&w);
}
END_TEST

/* Killed at random moments and run again: the result is that of one that was not. */
START_TEST(test_killed)
{
	struct random_state random;
	unsigned long n_killed = 0;

	random_seed(&random);
	for (unsigned long i = random_rounds(200); i; i--) {
		struct shmreg_reaper_report reports[N_OBJECTS];
		struct shmreg_reaper_report done;
		struct world w;
		struct reaper r;
		size_t n;
		int status;

		world_new(&w);
		r = reaper_spawn();
		send_world(&r, &w);
		if (i % 4 == 0) {
			/* In the middle: after its first report. */
			ck_assert_int_gt(recv(r.fd, &done, sizeof(done), 0), 0);
		} else {
			const struct timespec delay = {
				.tv_nsec = (long)random_below(&random, 3000000)
			};

			nanosleep(&delay, NULL);
		}
		kill(r.pid, SIGKILL);
		status = reaper_wait(&r);
		n_killed += WIFSIGNALED(status);
		r = reaper_spawn();
		send_world(&r, &w);
		done = reaper_collect(&r, reports, &n);
		ck_assert_int_eq(done.status, 0);
		ck_assert_uint_eq(done.n_seats, 2);
		check_repaired(&w);
		world_free(&w);
	}
	ck_assert_uint_gt(n_killed, 0);
}
END_TEST

START_TEST(test_by_hand)
{
	static const char *const bad[] = { NULL, "--help", "x" };

	for (size_t i = 0; i <= sizeof(bad) / sizeof(bad[0]); i++) {
		const bool version = i == sizeof(bad) / sizeof(bad[0]);
		int status;
		const pid_t pid = fork();

		ck_assert_int_ge(pid, 0);
		if (pid == 0) {
			const int null = open("/dev/null", O_RDWR);

			dup2(null, 1);
			dup2(null, 2);
			close(SHMREG_REAPER_FD);
			execl(SHMREG_REAPER, "shmreg-reaper", version ? "--version" : bad[i],
			      (char *)NULL);
			_exit(127);
		}
		ck_assert_int_eq(waitpid(pid, &status, 0), pid);
		ck_assert(WIFEXITED(status));
		ck_assert_int_eq(WEXITSTATUS(status), version ? 0 : 2);
	}
}
END_TEST

static void put_entry(struct world *w, uint32_t index, uint32_t state, struct shmreg_shape shape)
{
	struct shmreg_dir_object *o = &shmreg_dir_objects(w->dir)[index];
	uint64_t align;

	o->id = index + 1;
	o->shape = shape;
	ck_assert_int_eq(shmreg_shape_bytes(&o->shape, &o->bytes, &align, NULL), 0);
	o->offset = index * 8192;
	o->removed_epoch = state == SHMREG_ENTRY_REMOVED ? 5 : 0;
	snprintf(o->name, sizeof(o->name), "object/%u", index);
	o->state = state;
}

static uint64_t *owner(struct world *w, uint64_t object)
{
	const struct shmreg_dir_object *o = &shmreg_dir_objects(w->dir)[POOL];

	return (uint64_t *)(void *)(w->data + o->offset + shmreg_pool_geometry(&o->shape).owner_offset) +
	       object;
}

#define GENERATION (7 * SHMREG_POOL_GENERATION_ONE)

/*
 * Object 0 was sent by the dead and is not yet ready, 1 is ready, 2 was being received by the
 * other dead, 3 is held by the dead, 4 and 5 travel through a queue that was removed, 6 is
 * held by the living.
 */
static void put_transfer(struct world *w, uint32_t pool_index)
{
	const struct shmreg_shape queue_shape = {
		.kind = SHMREG_KIND_QUEUE, .layout = SHMREG_QUEUE_LAYOUT,
		.flags = SHMREG_QUEUE_OBJECTS, .elem_align = 8, .elem_bytes = 8,
		.capacity = CAPACITY, .param = { POOL + 1, 0, pool_index },
	};
	struct shmreg_pool_shm *pool;
	struct shmreg_queue_shm *q;

	put_entry(w, POOL, SHMREG_ENTRY_LIVE, (struct shmreg_shape){
		.kind = SHMREG_KIND_POOL, .layout = SHMREG_POOL_LAYOUT, .elem_align = 8,
		.elem_bytes = 8, .capacity = 16 });
	put_entry(w, OBJECTS, SHMREG_ENTRY_LIVE, queue_shape);
	put_entry(w, GONE, SHMREG_ENTRY_REMOVED, queue_shape);
	pool = (void *)queue(w, POOL);
	q = queue(w, OBJECTS);
	pool->users[DEAD / 64] |= UINT64_C(1) << (DEAD % 64);
	pool->users[DEAD_TOO / 64] |= UINT64_C(1) << (DEAD_TOO % 64);
	q->users[DEAD / 64] |= UINT64_C(1) << (DEAD % 64);
	q->users[DEAD_TOO / 64] |= UINT64_C(1) << (DEAD_TOO % 64);
	*slot(w, OBJECTS, 0) = word(0, 1, DEAD_TOO, SHMREG_QUEUE_READING);
	*slot(w, OBJECTS, 1) = word(0, 0, 0, SHMREG_QUEUE_READY);
	for (uint32_t i = 0; i < 3; i++)
		slot(w, OBJECTS, i)[1] = shmreg_pool_ref_of(GENERATION, 2 - i);
	q->head = word(1, 1, DEAD_TOO, 0);
	q->tail = word(3, 1, DEAD, 0);
	for (uint32_t i = 0; i < 3; i++)
		*owner(w, i) = shmreg_pool_word_sent(GENERATION, OBJECTS, 2 - i);
	*owner(w, 3) = shmreg_pool_word_held(GENERATION, DEAD);
	*owner(w, 4) = shmreg_pool_word_sent(GENERATION, GONE, 1);
	*owner(w, 5) = shmreg_pool_word_sent(GENERATION, GONE, 7);
	*owner(w, 6) = shmreg_pool_word_held(GENERATION, ALIVE);
}

/* Return: the sum of the reports about the pool. */
static struct shmreg_reaper_report repair_transfer(struct world *w, uint64_t quiesced)
{
	struct shmreg_reaper_report reports[N_OBJECTS], pool = { 0 };
	struct shmreg_reaper_job job = world_job(w);
	struct reaper r = reaper_spawn();
	size_t n;

	job.quiesced_epoch = quiesced;
	send_job(&r, &job, (const int[]){ w->dir_ro_fd, w->data_fd }, 2);
	ck_assert_int_eq(reaper_collect(&r, reports, &n).status, 0);
	while (n-- > 0)
		if (reports[n].object == POOL + 1)
			pool = reports[n];
	return pool;
}

START_TEST(test_object_queue)
{
	struct world w;

	world_new(&w);
	put_transfer(&w, POOL);
	ck_assert_uint_eq(repair_transfer(&w, 0).n_freed, 1);
	/* what was sent is there, what was not received is free, and so is what the dead held */
	ck_assert_uint_eq(*slot(&w, OBJECTS, 2), word(0, 0, 0, SHMREG_QUEUE_READY));
	ck_assert_uint_eq(*owner(&w, 0), shmreg_pool_word_sent(GENERATION, OBJECTS, 2));
	ck_assert_uint_eq(*slot(&w, OBJECTS, 0), word(CAPACITY, 0, 0, SHMREG_QUEUE_FREE));
	ck_assert_uint_eq(*owner(&w, 2), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(queue(&w, OBJECTS)->n_dropped, 1);
	ck_assert_uint_eq(queue(&w, OBJECTS)->n_aborted, 0);
	ck_assert_uint_eq(*owner(&w, 1), shmreg_pool_word_sent(GENERATION, OBJECTS, 1));
	ck_assert_uint_eq(*owner(&w, 3), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(*owner(&w, 4), shmreg_pool_word_sent(GENERATION, GONE, 1));
	ck_assert_uint_eq(*owner(&w, 6), shmreg_pool_word_held(GENERATION, ALIVE));
	world_free(&w);
}
END_TEST

START_TEST(test_sweep)
{
	struct world w;

	world_new(&w);
	put_transfer(&w, POOL);
	/* Nobody is dead. */
	for (uint32_t i = 1; i < SHMREG_SEATS; i++)
		shmreg_dir_seats(w.dir)[i] &= ~SHMREG_SEAT_STATE_MASK;
	/* Somebody may have it open yet. */
	ck_assert_uint_eq(repair_transfer(&w, 4).n_freed, 0);
	ck_assert_uint_eq(*owner(&w, 4), shmreg_pool_word_sent(GENERATION, GONE, 1));
	ck_assert_uint_eq(repair_transfer(&w, 5).n_freed, 2);
	ck_assert_uint_eq(*owner(&w, 4), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(*owner(&w, 5), shmreg_pool_word_free(GENERATION));
	ck_assert_uint_eq(*owner(&w, 1), shmreg_pool_word_sent(GENERATION, OBJECTS, 1));
	ck_assert_uint_eq(*owner(&w, 3), shmreg_pool_word_held(GENERATION, DEAD));
	/* Again, and later. */
	ck_assert_uint_eq(repair_transfer(&w, UINT64_MAX).n_freed, 0);
	world_free(&w);
}
END_TEST

/* The pool that a queue names is no more, or was never one: then it is a queue of words. */
START_TEST(test_object_queue_alone)
{
	struct world w;

	for (uint32_t other = 0; other < 3; other++) {
		world_new(&w);
		put_transfer(&w, other == 0 ? ARRAY : other == 1 ? 65535 : POOL);
		if (other == 2)
			shmreg_dir_objects(w.dir)[POOL].id = 99;
		repair_transfer(&w, 0);
		ck_assert_uint_eq(*slot(&w, OBJECTS, 2), word(0, 0, 0, SHMREG_QUEUE_TOMB));
		ck_assert_uint_eq(*slot(&w, OBJECTS, 0), word(CAPACITY, 0, 0, SHMREG_QUEUE_FREE));
		ck_assert_uint_eq(*owner(&w, 2), shmreg_pool_word_sent(GENERATION, OBJECTS, 0));
		world_free(&w);
	}
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("reaper");
	TCase *tcase = tcase_create("reaper");
	SRunner *runner;
	int failed;

	tcase_add_test(tcase, test_repair);
	tcase_add_test(tcase, test_object_queue);
	tcase_add_test(tcase, test_sweep);
	tcase_add_test(tcase, test_object_queue_alone);
	tcase_add_test(tcase, test_nobody_dead);
	tcase_add_test(tcase, test_sandbox);
	tcase_add_test(tcase, test_parent_dies);
	tcase_add_test(tcase, test_bad_jobs);
	tcase_add_test(tcase, test_garbage);
	tcase_add_test(tcase, test_killed);
	tcase_add_test(tcase, test_by_hand);
	tcase_set_timeout(tcase, 600);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? 1 : 0;
}
