/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/abi/name.h>

#include "memfd.h"
#include "root.h"

#define ROOT_BYTES_MAX (UINT64_C(1) << 20)	/* of any layout */

static void wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

static int map_root(struct root *ret, int fd, size_t bytes)
{
	void *map = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (map == MAP_FAILED)
		return -errno;
	*ret = (struct root){ .fd = fd, .map = map };
	return 0;
}

int root_new(struct root *ret)
{
	struct root root = ROOT_INIT;
	int fd, r;

	fd = memfd_new("shmreg:root", sizeof(struct shmreg_root));
	if (fd < 0)
		return fd;
	/* All of it now, so that to raise a word cannot fail. */
	r = memfd_reserve(fd, 0, sizeof(struct shmreg_root));
	if (r == 0)
		r = map_root(&root, fd, sizeof(struct shmreg_root));
	if (r < 0) {
		close(fd);
		return r;
	}
	root.map->layout = SHMREG_ROOT_LAYOUT;
	root.map->n_buckets = SHMREG_ROOT_BUCKETS;
	root.map->magic = SHMREG_ROOT_MAGIC;
	*ret = root;
	return 0;
}

/* As much of it as is the same in all layouts. */
static int map_any(struct root *ret, int fd, uint64_t *ret_bytes)
{
	struct root root;
	uint64_t bytes;
	int r;

	r = memfd_check(fd, &bytes);
	if (r < 0 || bytes < offsetof(struct shmreg_root, created) || bytes > ROOT_BYTES_MAX)
		return -EBADMSG;
	r = map_root(&root, fd, (size_t)bytes);
	if (r < 0)
		return r;
	if (root.map->magic != SHMREG_ROOT_MAGIC) {
		munmap(root.map, (size_t)bytes);
		return -EBADMSG;
	}
	*ret = root;
	*ret_bytes = bytes;
	return 0;
}

void root_retire(int fd)
{
	struct root root;
	uint64_t bytes;

	if (map_any(&root, fd, &bytes) < 0)
		return;
	/* Before the flags, and these by release: who finds them changed asks for another root. */
	root.map->registry = 0;
	shmreg_store_release(&root.map->flags, SHMREG_ROOT_REPLACED);
	/* Which words are slept on is not known. */
	for (size_t i = 0; i < bytes / sizeof(uint32_t); i++)
		wake((uint32_t *)root.map + i);
	munmap(root.map, (size_t)bytes);
}

int root_open(struct root *ret, int fd)
{
	struct root root;
	uint64_t bytes;
	int r;

	r = map_any(&root, fd, &bytes);
	if (r < 0)
		return r;
	if (root.map->layout != SHMREG_ROOT_LAYOUT) {
		r = -EPROTONOSUPPORT;
	} else if (bytes != sizeof(*root.map) || root.map->n_buckets != SHMREG_ROOT_BUCKETS) {
		r = -EBADMSG;
	}
	if (r < 0)
		munmap(root.map, (size_t)bytes);
	else
		*ret = root;
	return r;
}

void root_deinit(struct root *root)
{
	if (root->map)
		munmap(root->map, sizeof(*root->map));
	if (root->fd >= 0)
		close(root->fd);
	*root = (struct root)ROOT_INIT;
}

static void set_flags(struct root *root, uint32_t flags)
{
	/* Release, with the acquire of who looks whether the daemon is still there. */
	shmreg_store_release(&root->map->flags, flags);
	wake(&root->map->flags);
}

void root_begin(struct root *root, uint64_t registry)
{
	/* Release: whoever has it from a reply to HELLO finds the same. */
	shmreg_store_release(&root->map->registry, registry);
	set_flags(root, 0);
}

void root_orphan(struct root *root)
{
	set_flags(root, SHMREG_ROOT_ORPHANED);
}

void root_raise(struct root *root, const char *name)
{
	uint32_t *const word =
		&root->map->created[shmreg_name_hash(name) % SHMREG_ROOT_BUCKETS];

	/* Release: see there. Whoever saw it move and asks is answered by us, later. */
	shmreg_fetch_add_release(word, 1);
	wake(word);
}

int root_open_ro(const struct root *root)
{
	return memfd_reopen_ro(root->fd);
}
