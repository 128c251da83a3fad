/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "snapshot-copy.h"

/* Pages that are written at once. */
#define RUN_BYTES (256 * SHMREG_SNAPSHOT_PAGE)

static uint64_t now_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * UINT64_C(1000000000) + (uint64_t)t.tv_nsec;
}

static int write_at(int fd, const void *from, uint64_t bytes, uint64_t offset)
{
	const unsigned char *at = from;
	ssize_t n;

	while (bytes > 0) {
		n = pwrite(fd, at, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		at += n;
		bytes -= (uint64_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static bool is_zero(const unsigned char *page)
{
	return page[0] == 0 && memcmp(page, page + 1, SHMREG_SNAPSHOT_PAGE - 1) == 0;
}

/* Pages [from, to) of the copy; what is zero stays a hole. */
static int write_pages(struct snapshot_copy *c, int fd, struct shmreg_snapshot_head *head,
		       uint64_t from, uint64_t to)
{
	uint64_t begin = from, at;
	int r;

	for (at = from; at <= to; at += SHMREG_SNAPSHOT_PAGE) {
		const bool ends = at == to || is_zero(c->to + at);

		if (!ends)
			head->data_sum += shmreg_snapshot_sum_page(at / SHMREG_SNAPSHOT_PAGE,
								   c->to + at);
		if (!ends && at + SHMREG_SNAPSHOT_PAGE - begin < RUN_BYTES)
			continue;
		if (!ends) {
			r = write_at(fd, c->to + begin, at + SHMREG_SNAPSHOT_PAGE - begin,
				     head->data_offset + begin);
		} else {
			r = write_at(fd, c->to + begin, at - begin, head->data_offset + begin);
		}
		if (r < 0)
			return r;
		begin = at + SHMREG_SNAPSHOT_PAGE;
	}
	return 0;
}

static int write_data(struct snapshot_copy *c, int fd, struct shmreg_snapshot_head *head)
{
	uint64_t from = 0, to;
	off_t at, end;
	int r;

	while (from < head->data_bytes) {
		at = lseek(c->to_fd, (off_t)from, SEEK_DATA);
		if (at < 0)
			return errno == ENXIO ? 0 : -errno;
		end = lseek(c->to_fd, at, SEEK_HOLE);
		if (end < 0)
			return -errno;
		to = (uint64_t)end;
		r = write_pages(c, fd, head, (uint64_t)at, to);
		if (r < 0)
			return r;
		from = to;
	}
	return 0;
}

/* What the daemon would say of it. */
static void fill_info(const struct snapshot_copy *c, struct shmreg_segment_info *info)
{
	const struct shmreg_dir *d = c->to_dir;
	struct stat st;
	uint32_t i;

	memset(info, 0, sizeof(*info));
	info->segment = d->segment;
	memcpy(info->name, d->name, sizeof(info->name));
	info->access = SHMREG_ACCESS_READ;
	info->state = d->state;
	info->flags = d->flags;
	info->mode = d->mode_lifetime & 0xffff;
	info->lifetime = d->mode_lifetime >> 16;
	info->owner_uid = (uint32_t)d->owner;
	info->owner_gid = (uint32_t)(d->owner >> 32);
	for (i = 0; i < d->max_participants; i++)
		info->n_participants +=
			shmreg_dir_participants(d)[i].state == SHMREG_ENTRY_LIVE;
	for (i = 0; i < d->max_objects; i++) {
		info->n_objects += shmreg_dir_objects(d)[i].state == SHMREG_ENTRY_LIVE;
		if (shmreg_dir_objects(d)[i].state != SHMREG_ENTRY_FREE)
			info->used_bytes += shmreg_dir_objects(d)[i].bytes;
	}
	for (i = 1; i < SHMREG_SEATS; i++)
		info->n_seats += (shmreg_dir_seats(d)[i] & SHMREG_SEAT_STATE_MASK) != SHMREG_SEAT_FREE;
	info->data_bytes = d->data_bytes;
	if (fstat(c->data_fd, &st) == 0)
		info->resident_bytes = (uint64_t)st.st_blocks * 512;
	info->n_deaths = d->n_deaths;
	info->n_repairs = d->n_repairs;
	info->created_ns = d->created_ns;
}

void snapshot_begin(struct shmreg_snapshot_head *head)
{
	struct utsname host;

	memset(head, 0, sizeof(*head));
	head->taken_ns = now_ns(CLOCK_REALTIME);
	head->took_ns = now_ns(CLOCK_MONOTONIC);	/* until it is written: since then */
	head->taker_pid = (uint32_t)getpid();
	head->taker_uid = (uint32_t)getuid();
	if (uname(&host) == 0)
		snprintf(head->host, sizeof(head->host), "%.*s", (int)sizeof(head->host) - 1,
			 host.nodename);
	snprintf(head->version, sizeof(head->version), "%s", VERSION);
}

int snapshot_write(struct snapshot_copy *c, int fd, struct shmreg_snapshot_head *head)
{
	const uint64_t notes_bytes = c->n_notes * sizeof(*c->notes);
	int r;

	head->took_ns = now_ns(CLOCK_MONOTONIC) - head->took_ns;
	head->magic = SHMREG_SNAPSHOT_MAGIC;
	head->layout = SHMREG_SNAPSHOT_LAYOUT;
	head->head_bytes = sizeof(*head);
	head->dir_offset = SHMREG_SNAPSHOT_ALIGN;
	head->dir_bytes = c->dir->dir_bytes;
	head->notes_offset = head->dir_offset + shmreg_snapshot_round(head->dir_bytes);
	head->n_notes = c->n_notes;
	head->data_offset = head->notes_offset + shmreg_snapshot_round(notes_bytes);
	head->data_bytes = c->dir->data_bytes;
	head->dir_sum = shmreg_snapshot_sum(shmreg_snapshot_sum(0, c->to_dir, head->dir_bytes),
					    c->notes, notes_bytes);
	fill_info(c, &head->info);
	if (ftruncate(fd, (off_t)(head->data_offset + head->data_bytes)) < 0)
		return -errno;
	r = write_at(fd, c->to_dir, head->dir_bytes, head->dir_offset);
	if (r == 0)
		r = write_at(fd, c->notes, notes_bytes, head->notes_offset);
	if (r == 0)
		r = write_data(c, fd, head);
	if (r < 0)
		return r;
	head->head_sum = shmreg_snapshot_sum(0, head, offsetof(struct shmreg_snapshot_head, head_sum));
	/* Only when the rest is on the disk does the head say that it is. */
	if (fsync(fd) < 0)
		return -errno;
	r = write_at(fd, head, sizeof(*head), 0);
	return r < 0 ? r : fsync(fd) < 0 ? -errno : 0;
}
