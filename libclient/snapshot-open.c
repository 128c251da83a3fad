/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <shmreg/abi/verify.h>
#include <shmreg/snapshot.h>

#include "error.h"
#include "segment.h"

/*
 * The file is read once, into memory that nobody else can change, and checked there. So it does not
 * matter what becomes of the file, and no page of it can fail to come (SIGBUS).
 */

#define CHUNK (64 * SHMREG_SNAPSHOT_PAGE)
/* Beyond the largest that shmreg_dir_layout() makes: a file with holes can claim anything. */
#define DIR_BYTES_MAX (UINT64_C(1) << 26)

struct reading {
	const char *path;
	int fd;
	uint64_t bytes;			/* of the file */
	struct shmreg_snapshot_head head;
};

static int broken(const struct reading *f, const char *what)
{
	return error_set(-EBADMSG, "'%s' is damaged, or no snapshot: %s", f->path, what);
}

/* All of it. Return: 0; -EBADMSG the file ends before; another -errno. */
static int read_at(const struct reading *f, void *to, uint64_t bytes, uint64_t offset)
{
	unsigned char *at = to;
	ssize_t n;
	int r;

	while (bytes > 0) {
		n = pread(f->fd, at, bytes, (off_t)offset);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			r = -errno;
			return error_set(r, "'%s' cannot be read: %s", f->path, strerror(-r));
		}
		if (n == 0)
			return broken(f, "it ends too early");
		at += n;
		bytes -= (uint64_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int open_file(struct reading *f)
{
	struct stat st;
	int r;

	/* Nonblocking: what is no file, a pipe with nobody behind it, is not waited for. */
	f->fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (f->fd < 0 || fstat(f->fd, &st) < 0) {
		r = -errno;
		return error_set(r, "'%s' cannot be opened: %s", f->path, strerror(-r));
	}
	if (!S_ISREG(st.st_mode))
		return error_set(-EINVAL, "'%s' is no regular file: 'shmregctl snapshot' makes "
				 "snapshots", f->path);
	f->bytes = (uint64_t)st.st_size;
	return 0;
}

/* Where @offset .. @offset + @bytes is inside of the file, whatever the numbers. */
static bool is_inside(const struct reading *f, uint64_t offset, uint64_t bytes)
{
	return offset % SHMREG_SNAPSHOT_ALIGN == 0 && offset >= sizeof(f->head) &&
	       offset <= f->bytes && bytes <= f->bytes - offset;
}

static bool is_terminated(const char *field, size_t size)
{
	return memchr(field, '\0', size) != NULL;
}

static int read_head(struct reading *f)
{
	struct shmreg_snapshot_head *h = &f->head;
	int r;

	if (f->bytes < sizeof(*h))
		return error_set(-EINVAL, "'%s' is no snapshot of a segment: it has %" PRIu64 " bytes",
				 f->path, f->bytes);
	r = read_at(f, h, sizeof(*h), 0);
	if (r < 0)
		return r;
	if (h->magic == __builtin_bswap64(SHMREG_SNAPSHOT_MAGIC))
		return error_set(-EPROTONOSUPPORT, "'%s' was taken on a machine with the other order of "
				 "bytes; look at it there", f->path);
	if (h->magic != SHMREG_SNAPSHOT_MAGIC)
		return error_set(-EINVAL, "'%s' is no snapshot of a segment; 'shmregctl snapshot' makes "
				 "them", f->path);
	if (h->layout != SHMREG_SNAPSHOT_LAYOUT)
		return error_set(-EPROTONOSUPPORT, "snapshot '%s' has layout %u, libshmreg %s knows "
				 "layout %d", f->path, h->layout, shmreg_version(),
				 SHMREG_SNAPSHOT_LAYOUT);
	if (h->head_bytes != sizeof(*h) ||
	    h->head_sum != shmreg_snapshot_sum(0, h, offsetof(struct shmreg_snapshot_head, head_sum)))
		return broken(f, "its head does not have the sum that it says");
	if (!is_terminated(h->version, sizeof(h->version)) ||
	    !is_terminated(h->host, sizeof(h->host)) ||
	    !is_terminated(h->info.name, sizeof(h->info.name)))
		return broken(f, "a text of its head does not end");
	if (h->dir_bytes < sizeof(struct shmreg_dir) || h->dir_bytes > DIR_BYTES_MAX ||
	    !is_inside(f, h->dir_offset, h->dir_bytes))
		return broken(f, "its directory is not in the file");
	if (h->n_notes > 2 * SHMREG_OBJECTS_MAX ||
	    !is_inside(f, h->notes_offset, h->n_notes * sizeof(struct shmreg_snapshot_note)))
		return broken(f, "its notes are not in the file");
	if (h->data_bytes == 0 || h->data_bytes > SHMREG_DATA_BYTES_MAX ||
	    h->data_bytes % SHMREG_SNAPSHOT_PAGE != 0 ||
	    !is_inside(f, h->data_offset, h->data_bytes))
		return broken(f, "its data area is not in the file");
	return 0;
}

/* The directory has been verified; what the head says over again is the same. */
static int check_info(const struct reading *f, const struct shmreg_dir *dir)
{
	const struct shmreg_segment_info *info = &f->head.info;

	if (strcmp(dir->name, info->name) != 0 || info->state != dir->state ||
	    info->flags != dir->flags || info->mode != (dir->mode_lifetime & 0xffff) ||
	    info->lifetime != dir->mode_lifetime >> 16 ||
	    (info->owner_uid | (uint64_t)info->owner_gid << 32) != dir->owner ||
	    info->data_bytes != dir->data_bytes)
		return broken(f, "its head and its directory do not say the same");
	if (info->access > (SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE) ||
	    f->head.reason > SHMREG_SNAPSHOT_DEATH)
		return broken(f, "its head makes no sense");
	return 0;
}

/* Is the directory one, and the one of which the head speaks? */
static int check_dir(const struct reading *f, const struct shmreg_dir *dir)
{
	char why[SHMREG_ERROR_MAX + 1];
	int r;

	r = shmreg_dir_check(dir, f->head.dir_bytes);
	if (r == -EPROTONOSUPPORT)
		return error_set(r, "the directory in '%s' has layout %u, libshmreg %s knows layout %d",
				 f->path, dir->layout, shmreg_version(), SHMREG_DIR_LAYOUT);
	if (r < 0 || dir->dir_bytes != f->head.dir_bytes || dir->data_bytes != f->head.data_bytes ||
	    dir->segment != f->head.info.segment)
		return broken(f, "its directory makes no sense");
	r = shmreg_dir_verify(dir, why);
	if (r == -ENOMEM)
		return error_set(r, "no memory is left");
	if (r < 0)
		return error_set(r, "'%.160s' is damaged, or no snapshot: %.240s", f->path, why);
	return check_info(f, dir);
}

static int read_dir(struct reading *f, const struct shmreg_dir **ret)
{
	struct shmreg_dir *dir;
	int r;

	dir = mmap(NULL, f->head.dir_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1,
		   0);
	if (dir == MAP_FAILED)
		return error_set(-ENOMEM, "no memory is left for the directory of '%s'", f->path);
	r = read_at(f, dir, f->head.dir_bytes, f->head.dir_offset);
	if (r == 0)
		r = check_dir(f, dir);
	if (r < 0) {
		munmap(dir, f->head.dir_bytes);
		return r;
	}
	/*
	 * They are for those who would go on: here they would keep those who look from what is the
	 * more worth looking at. The head's info still has them.
	 */
	dir->flags &= ~(SHMREG_DIR_QUARANTINED | SHMREG_DIR_ORPHANED);
	*ret = dir;
	return 0;
}

static int read_notes(const struct reading *f, const struct shmreg_dir *dir,
		      struct shmreg_snapshot_note **ret)
{
	const size_t bytes = f->head.n_notes * sizeof(**ret);
	struct shmreg_snapshot_note *notes;
	uint64_t i;
	int r;

	notes = calloc(1, bytes + 1);
	if (notes == NULL)
		return error_set(-ENOMEM, "no memory is left");
	r = read_at(f, notes, bytes, f->head.notes_offset);
	if (r == 0 && f->head.dir_sum !=
			      shmreg_snapshot_sum(shmreg_snapshot_sum(0, dir, f->head.dir_bytes), notes,
						  bytes))
		r = broken(f, "its directory and notes do not have the sum that its head says");
	for (i = 0; r == 0 && i < f->head.n_notes; i++)
		if (notes[i].what == 0 || notes[i].what > SHMREG_SNAPSHOT_WHAT_MAX)
			r = broken(f, "a note of it is unknown");
	if (r < 0) {
		free(notes);
		return r;
	}
	*ret = notes;
	return 0;
}

static bool is_zero(const unsigned char *page)
{
	return page[0] == 0 && memcmp(page, page + 1, SHMREG_SNAPSHOT_PAGE - 1) == 0;
}

/* @bytes of the data area, a multiple of a page, from @offset; what is zero stays a hole. */
static int keep(const struct reading *f, int memory, const unsigned char *chunk, uint64_t offset,
		uint64_t bytes, uint64_t *sum)
{
	uint64_t at;
	ssize_t n;

	for (at = 0; at < bytes; at += SHMREG_SNAPSHOT_PAGE) {
		if (is_zero(chunk + at))
			continue;
		*sum += shmreg_snapshot_sum_page((offset + at) / SHMREG_SNAPSHOT_PAGE, chunk + at);
		n = pwrite(memory, chunk + at, SHMREG_SNAPSHOT_PAGE, (off_t)(offset + at));
		if (n != (ssize_t)SHMREG_SNAPSHOT_PAGE)
			return error_set(n < 0 ? -errno : -ENOMEM, "there is no memory for what is in "
					 "'%s': %s", f->path, strerror(n < 0 ? errno : ENOMEM));
	}
	return 0;
}

static int read_part(const struct reading *f, int memory, unsigned char *chunk, uint64_t from,
		     uint64_t to, uint64_t *sum)
{
	uint64_t n;
	int r;

	for (; from < to; from += n) {
		n = to - from < CHUNK ? to - from : CHUNK;
		r = read_at(f, chunk, n, f->head.data_offset + from);
		if (r == 0)
			r = keep(f, memory, chunk, from, n, sum);
		if (r < 0)
			return r;
	}
	return 0;
}

static int read_data(const struct reading *f, int memory)
{
	const uint64_t end = f->head.data_bytes;
	unsigned char *chunk;
	uint64_t from = 0, to, sum = 0;
	off_t at;
	int r = 0;

	chunk = malloc(CHUNK);
	if (chunk == NULL)
		return error_set(-ENOMEM, "no memory is left");
	while (r == 0 && from < end) {
		to = end;
		at = lseek(f->fd, (off_t)(f->head.data_offset + from), SEEK_DATA);
		if (at < 0 && errno == ENXIO)
			break;
		/* Else all of it is data: of a file system that knows no holes. */
		if (at >= 0) {
			from = (uint64_t)at - f->head.data_offset;
			from -= from % SHMREG_SNAPSHOT_PAGE;
			at = lseek(f->fd, at, SEEK_HOLE);
			if (at >= 0)
				to = (uint64_t)at - f->head.data_offset;
			to = (to + SHMREG_SNAPSHOT_PAGE - 1) & ~(SHMREG_SNAPSHOT_PAGE - 1);
			/* It may have been written to meanwhile, by whoever. */
			if (from >= end)
				break;
			if (to <= from || to > end)
				to = end;
		}
		r = read_part(f, memory, chunk, from, to, &sum);
		from = to;
	}
	free(chunk);
	if (r == 0 && sum != f->head.data_sum)
		r = broken(f, "its data area does not have the sum that its head says");
	return r;
}

static int read_rest(struct reading *f, struct shmreg_segment *s)
{
	void *memory;
	int r;

	r = read_dir(f, &s->dir);
	if (r == 0)
		r = read_notes(f, s->dir, &s->notes);
	if (r < 0)
		return r;
	s->data_fd = memfd_create("shmreg-snapshot", MFD_CLOEXEC);
	if (s->data_fd < 0 || ftruncate(s->data_fd, (off_t)f->head.data_bytes) < 0) {
		r = -errno;
		return error_set(r, "there is no memory for what is in '%s': %s", f->path,
				 strerror(-r));
	}
	r = read_data(f, s->data_fd);
	if (r == 0)
		r = segment_map(&memory, s->data_fd, f->head.data_bytes, 0, PROT_READ, "data area");
	if (r == 0)
		s->data = memory;
	return r;
}

int shmreg_snapshot_open(struct shmreg_segment **ret, const char *path)
{
	struct reading f = { .path = path, .fd = -1 };
	struct shmreg_segment *s = NULL;
	int r;

	if (path == NULL)
		return error_set(-EINVAL, "the path of the snapshot is NULL");
	r = open_file(&f);
	if (r == 0)
		r = read_head(&f);
	if (r == 0)
		r = segment_new_apart(&s, f.head.info.name);
	if (r == 0) {
		s->head = f.head;
		s->id = f.head.info.segment;
		r = read_rest(&f, s);
	}
	if (r == 0)
		r = segment_prepare(s);
	if (f.fd >= 0)
		close(f.fd);
	if (r < 0) {
		segment_free_apart(s);
		return r;
	}
	*ret = s;
	return 0;
}

const struct shmreg_snapshot_head *shmreg_snapshot_head(const struct shmreg_segment *segment)
{
	return segment->apart ? &segment->head : NULL;
}

const struct shmreg_snapshot_note *shmreg_snapshot_notes(const struct shmreg_segment *segment,
							 size_t *ret_n)
{
	*ret_n = segment->apart ? segment->head.n_notes : 0;
	return segment->notes;
}
