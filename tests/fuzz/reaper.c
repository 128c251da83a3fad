/* SPDX-License-Identifier: MIT */

/*
 * reaper - the reaper's job: a request, a directory and a data area with numbers changed
 *
 * The whole program but for its start and its sandbox. What it reports must be what the daemon
 * takes, and it must end.
 */

#include <config.h>

#include <setjmp.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static long leave_instead(long number, long status);
#define main reaper_main
/* In a test it does not end the process. */
#define syscall leave_instead
#include "../../daemon/reaper.c"
#undef main
#undef syscall

#include <fcntl.h>

#include "fuzz.h"
#include "registry-fixture.h"
#include "segment.h"
#include "send-fds.h"

#define DATA_BYTES (1 << 16)
#define POKES_MAX 6

static jmp_buf left;
static int model_dir = -1, model_data = -1, null_fd;
static struct shmreg_dir geometry;
static uint8_t *dir;

static long leave_instead(long number, long status)
{
	(void)number;
	longjmp(left, status ? 2 : 1);
}

int reaper_sandbox_enter(const char **ret_what)
{
	(void)ret_what;
	return -ENOSYS;
}

static void object(struct registry *r, const struct caller *c, const struct shmreg_attach_reply *at,
		   const char *name, struct shmreg_shape shape)
{
	static uint64_t nonce;
	struct shmreg_create_object in = {
		.at = { .segment = at->segment, .participant = at->participant },
		.nonce = ++nonce, .shape = shape,
	};
	struct shmreg_create_object_reply out;

	snprintf(in.name, sizeof(in.name), "%s", name);
	MUST(registry_create_object(r, c, &in, &out, fixture_error) == 0);
}

/* With an object of each kind, one of them removed, and somebody dead. */
static void setup(void)
{
	static const struct shmreg_shape shapes[] = {
		{ SHMREG_KIND_POOL, SHMREG_POOL_LAYOUT, 0, 8, 8, 8, { 0 } },
		{ SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 8, 8, { 0 } },
		{ SHMREG_KIND_RING, SHMREG_RING_LAYOUT, 0, 8, 8, 8, { 0 } },
		{ SHMREG_KIND_TOPIC, SHMREG_TOPIC_LAYOUT, 0, 8, 24, 4, { 1, 3, 0, 0 } },
		{ SHMREG_KIND_CELL, SHMREG_CELL_LAYOUT, 0, 8, 64, 1, { 3, 0, 0, 0 } },
		{ SHMREG_KIND_ARRAY, SHMREG_ARRAY_LAYOUT, 0, 1, 1, 5000, { 0 } },
	};
	const struct registry_config config = fixture_config();
	const struct caller alice = fixture_caller(1000, 11), bob = fixture_caller(2000, 21);
	struct shmreg_attach_reply at, at_bob;
	struct notes notes = { 0 };
	struct registry *r;
	char name[8];

	/* Its socket has the same number each time, which is to be nobody else's. */
	null_fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	MUST(null_fd >= 0);
	null_fd = fcntl(null_fd, F_DUPFD_CLOEXEC, 60);
	MUST(null_fd >= 0 && dup2(null_fd, SHMREG_REAPER_FD) >= 0);
	r = fixture_registry(&config, &notes);
	MUST(fixture_create(r, &alice, "s0", DATA_BYTES, 0666, SHMREG_UNTIL_REMOVED, &at) == 0);
	MUST(fixture_open(r, &bob, "s0", SHMREG_ACCESS_WRITE, &at_bob) == 0);
	for (size_t i = 0; i < sizeof(shapes) / sizeof(shapes[0]); i++) {
		snprintf(name, sizeof(name), "o%zu", i + 1);
		object(r, &alice, &at, name, shapes[i]);
	}
	object(r, &alice, &at, "o7", fixture_object_queue(1));
	object(r, &alice, &at, "o8", fixture_object_queue(1));
	MUST(fixture_remove_object(r, &alice, &at, "o8") == 0);
	registry_process_died(r, &bob.process);
	model_dir = fixture_copy_memfd(segment_dir_fd(registry_first(r)));
	model_data = fixture_copy_memfd(segment_data_fd(registry_first(r)));
	registry_free(r);
	MUST(pread(model_dir, &geometry, sizeof(geometry), 0) == sizeof(geometry));
	dir = malloc((size_t)geometry.dir_bytes);
	MUST(dir != NULL);
}

static void poke_somewhere(struct fuzz_input *in, uint8_t *data)
{
	switch (fuzz_u8(in) % 4) {
	case 0:
		fuzz_poke(in, dir, sizeof(struct shmreg_dir));
		break;
	case 1:
		fuzz_poke(in, dir + geometry.objects_offset, 8 * sizeof(struct shmreg_dir_object));
		break;
	case 2:
		fuzz_poke(in, dir + geometry.seats_offset, 64 * sizeof(uint64_t));
		break;
	default:
		fuzz_poke(in, data, 8192);
	}
}

static int filled(const void *bytes, size_t n)
{
	const int fd = memfd_create("fuzz", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	MUST(fd >= 0 && ftruncate(fd, (off_t)n) == 0 && pwrite(fd, bytes, n, 0) == (ssize_t)n);
	return fd;
}

static void send_job(struct fuzz_input *in, int to, int dir_fd, int data_fd)
{
	struct shmreg_reaper_job job = {
		.magic = SHMREG_REAPER_MAGIC, .segment = geometry.segment,
		.dir_bytes = geometry.dir_bytes, .data_bytes = DATA_BYTES,
		.quiesced_epoch = fuzz_below(in, 8),
	};
	const uint8_t how = fuzz_u8(in);
	const int fds[] = { how == 251 ? data_fd : dir_fd, how == 252 ? null_fd : data_fd, null_fd };
	const size_t n_fds = how >= 253 ? how % 4 : 2;
	size_t bytes = sizeof(job);

	if (how >= 192)
		fuzz_poke(in, &job, sizeof(job));
	if (how >= 248)
		bytes = (size_t)fuzz_below(in, sizeof(job) + 1);
	MUST(send_fds(to, NULL, &job, bytes, fds, n_fds, MSG_DONTWAIT) >= 0);
}

static void check_reports(int from, const struct job *job, int way)
{
	struct shmreg_reaper_report reports[SHMREG_REAPER_REPORTS];
	const ssize_t size = sizeof(*reports);
	bool done = false;
	ssize_t n;

	while ((n = recv(from, reports, sizeof(reports), MSG_DONTWAIT | MSG_TRUNC)) > 0) {
		MUST(n == size || n == 2 * size);
		for (ssize_t i = 0; i < n / size; i++) {
			const struct shmreg_reaper_report *report = &reports[i];

			MUST(!done && report->magic == SHMREG_REAPER_MAGIC);
			MUST(report->segment == job->in.segment);
			done = report->type == SHMREG_REAPER_DONE;
			MUST(done || report->type == SHMREG_REAPER_OBJECT);
			MUST(report->n_seats <= SHMREG_SEATS);
			MUST(report->status <= 0 && (!done || way == (report->status < 0 ? 2 : 1)));
		}
	}
	/* With nothing to do it says nothing. */
	MUST(done || way == 1);
}

static bool old[64];

static void note_old(int from)
{
	for (int fd = from; fd < 64; fd++)
		old[fd] = fcntl(fd, F_GETFD) >= 0;
}

static void close_new(int from)
{
	for (int fd = from; fd < 64; fd++)
		if (!old[fd])
			close(fd);
}

static void run_target(struct fuzz_input *in)
{
	/* Not automatic: longjmp(3). */
	static struct job job;
	static int ends[2], dir_fd, data_fd, way;
	static uint8_t data[DATA_BYTES];
	int big = 1 << 20;

	MUST(pread(model_dir, dir, (size_t)geometry.dir_bytes, 0) == (ssize_t)geometry.dir_bytes);
	MUST(pread(model_data, data, sizeof(data), 0) == sizeof(data));
	for (uint8_t n = fuzz_u8(in) % POKES_MAX; n; n--)
		poke_somewhere(in, data);
	dir_fd = filled(dir, (size_t)geometry.dir_bytes);
	data_fd = filled(data, sizeof(data));
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
	setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &big, sizeof(big));
	MUST(dup2(ends[1], SHMREG_REAPER_FD) >= 0);
	close(ends[1]);
	send_job(in, ends[0], dir_fd, data_fd);
	shutdown(ends[0], SHUT_WR);
	note_old(ends[0] + 1);
	job = (struct job){ .dir_fd = -1, .data_fd = -1 };
	way = setjmp(left);
	if (way == 0)
		leave(run(&job));
	check_reports(ends[0], &job, way);
	/* What came with a job that is none is closed by its end. */
	if (way == 2 || !job.dir)
		close_new(ends[0] + 1);
	if (job.dir)
		munmap((void *)job.dir, job.in.dir_bytes);
	if (job.data)
		munmap(job.data, job.in.data_bytes);
	close(job.dir_fd);
	close(job.data_fd);
	close(ends[0]);
	close(dir_fd);
	close(data_fd);
	MUST(dup2(null_fd, SHMREG_REAPER_FD) >= 0);
}

static void seeds(void)
{
	/* pokes; quiesced_epoch, how */
	fuzz_seed((const uint8_t[]){ 0, 0, 0 }, 3);
	fuzz_seed((const uint8_t[]){ 0, 7, 0 }, 3);
	fuzz_seed((const uint8_t[]){ 1, 3, 3, 0, 1, 9, 7, 0 }, 8);
	for (uint8_t how = 190; how; how++)
		fuzz_seed((const uint8_t[]){ 0, 7, how, 3, 0, 200, 1 }, 7);
	for (uint8_t where = 0; where < 4; where++)
		for (uint8_t at = 0; at < 128; at += 8)
			fuzz_seed((const uint8_t[]){ 1, where, 2, at, 1, 7, 0 }, 7);
}

const struct fuzz_target fuzz_target = { setup, run_target, seeds };
