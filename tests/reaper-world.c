/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "reaper-world.h"
#include "send-fds.h"

uint64_t word(uint64_t position, uint64_t n, uint64_t owner, uint64_t state)
{
	return position << SHMREG_QUEUE_POS_SHIFT | n << SHMREG_QUEUE_N_SHIFT |
	       owner << SHMREG_QUEUE_OWNER_SHIFT | state;
}

struct shmreg_queue_shm *queue(struct world *w, uint32_t index)
{
	return (void *)(w->data + shmreg_dir_objects(w->dir)[index].offset);
}

uint64_t *slot(struct world *w, uint32_t index, uint32_t i)
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

void wreck(struct world *w, uint32_t index)
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

void world_new(struct world *w)
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

void world_free(struct world *w)
{
	munmap(w->data, DATA_BYTES);
	munmap(w->dir, w->dir->dir_bytes);
	close(w->dir_fd);
	close(w->dir_ro_fd);
	close(w->data_fd);
}

/* As the daemon does it; vfork-free, since Check's children have one thread. */
struct reaper reaper_spawn(void)
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

void send_job(const struct reaper *r, const struct shmreg_reaper_job *job, const int *fds,
	      size_t n_fds)
{
	ck_assert_int_eq(send_fds(r->fd, NULL, job, sizeof(*job), fds, n_fds, MSG_NOSIGNAL),
			 sizeof(*job));
}

struct shmreg_reaper_job world_job(const struct world *w)
{
	return (struct shmreg_reaper_job){
		.magic = SHMREG_REAPER_MAGIC,
		.segment = SEGMENT,
		.dir_bytes = w->dir->dir_bytes,
		.data_bytes = DATA_BYTES,
	};
}

void send_world(const struct reaper *r, const struct world *w)
{
	const struct shmreg_reaper_job job = world_job(w);

	send_job(r, &job, (const int[]){ w->dir_ro_fd, w->data_fd }, 2);
}

int reaper_wait(struct reaper *r)
{
	int status;

	ck_assert_int_eq(waitpid(r->pid, &status, 0), r->pid);
	close(r->fd);
	return status;
}

struct shmreg_reaper_report reaper_collect(struct reaper *r,
					   struct shmreg_reaper_report *ret_objects, size_t *ret_n)
{
	struct shmreg_reaper_report report = { 0 }, packet[SHMREG_REAPER_REPORTS];
	ssize_t n;

	*ret_n = 0;
	while (report.type != SHMREG_REAPER_DONE) {
		n = recv(r->fd, packet, sizeof(packet), MSG_TRUNC) / (ssize_t)sizeof(report);
		ck_assert(n == 1 || n == 2);
		report = packet[n - 1];
		ck_assert_uint_eq(report.magic, SHMREG_REAPER_MAGIC);
		/* The last object's waits for DONE, and no other does. */
		ck_assert_int_eq(report.type == SHMREG_REAPER_DONE && *ret_n + (size_t)n > 1, n == 2);
		if (report.type == SHMREG_REAPER_DONE && n == 1)
			break;
		ck_assert_uint_eq(packet[0].magic, SHMREG_REAPER_MAGIC);
		ck_assert_uint_eq(packet[0].type, SHMREG_REAPER_OBJECT);
		ck_assert_uint_lt(*ret_n, N_OBJECTS);
		ret_objects[(*ret_n)++] = packet[0];
	}
	ck_assert_int_eq(recv(r->fd, packet, sizeof(packet), 0), 0);
	ck_assert_int_eq(reaper_wait(r), report.status ? 0x100 : 0);
	return report;
}
