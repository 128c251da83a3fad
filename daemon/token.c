/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "memfd.h"
#include "token.h"

#define BYTES 64
/*
 * Bytes that are tried for a token: one whose connection has ended may be kept by who
 * had it, or by another of his uid.
 */
#define TRIES 4

struct sheet {
	LIST_ENTRY(sheet) link;	/* while a byte is free */
	struct sheets *all;
	int fd;
	uint32_t uid;
	uint64_t taken;		/* bytes that are tokens */
};

static int set_lock(int fd, unsigned int byte, short type)
{
	struct flock lock = {
		.l_type = type, .l_whence = SEEK_SET, .l_start = (off_t)byte, .l_len = 1,
	};

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return 0;
	return errno == EACCES ? -EAGAIN : -errno;
}

/* Return: one with a free byte; NULL with -errno in *ret_error. */
static struct sheet *sheet_new(struct sheets *all, uint32_t uid, int *ret_error)
{
	struct sheet *s = calloc(1, sizeof(*s));

	*ret_error = -ENOMEM;
	if (!s)
		return NULL;
	s->fd = memfd_new("shmreg-token", (uint64_t)sysconf(_SC_PAGESIZE));
	if (s->fd < 0) {
		*ret_error = s->fd;
		free(s);
		return NULL;
	}
	s->all = all;
	s->uid = uid;
	LIST_INSERT_HEAD(&all->list, s, link);
	all->n++;
	return s;
}

static void sheet_put(struct sheet *s)
{
	if (s->taken)
		return;
	LIST_REMOVE(s, link);
	s->all->n--;
	close(s->fd);
	free(s);
}

static struct sheet *find_sheet(const struct sheets *all, uint32_t uid)
{
	struct sheet *s;

	LIST_FOREACH(s, &all->list, link)
		if (s->uid == uid)
			break;
	return s;
}

/* The client's description, with its byte locked. Return: a descriptor; -EAGAIN; -errno. */
static int lock_one(const struct sheet *s, unsigned int *ret_byte)
{
	const int fd = memfd_reopen(s->fd);
	uint64_t left = ~s->taken;
	unsigned int byte = 0, i;
	int r = -EAGAIN;

	if (fd < 0)
		return fd;
	for (i = 0; i < TRIES && left && r == -EAGAIN; i++) {
		byte = (unsigned int)__builtin_ctzll(left);
		left &= left - 1;
		r = set_lock(fd, byte, F_WRLCK);
	}
	if (r < 0) {
		close(fd);
		return r;
	}
	*ret_byte = byte;
	return fd;
}

static int take_byte(struct token *t, struct sheets *all)
{
	struct sheet *s = find_sheet(all, t->uid);
	int r = s ? lock_one(s, &t->byte) : -EAGAIN;

	if (r == -EAGAIN) {
		s = sheet_new(all, t->uid, &r);
		if (!s)
			return r;
		r = lock_one(s, &t->byte);
	}
	if (r < 0) {
		sheet_put(s);
		return r;
	}
	t->gift = r;
	t->sheet = s;
	s->taken |= UINT64_C(1) << t->byte;
	if (!~s->taken)
		LIST_REMOVE(s, link);
	return 0;
}

int token_new(struct token **ret, struct sheets *sheets, uint32_t uid)
{
	struct token *t = calloc(1, sizeof(*t));
	int r;

	_Static_assert(8 * sizeof(t->sheet->taken) == BYTES, "a bit for each");
	if (!t)
		return -ENOMEM;
	t->uid = uid;
	t->open = true;
	r = take_byte(t, sheets);
	if (r < 0) {
		free(t);
		return r;
	}
	*ret = t;
	return 0;
}

struct token *token_free(struct token *t)
{
	struct sheet *s;

	if (!t)
		return NULL;
	s = t->sheet;
	if (t->gift >= 0)
		close(t->gift);
	/* If we had it. */
	set_lock(s->fd, t->byte, F_UNLCK);
	if (!~s->taken)
		LIST_INSERT_HEAD(&s->all->list, s, link);
	s->taken &= ~(UINT64_C(1) << t->byte);
	sheet_put(s);
	free(t);
	return NULL;
}

int token_steal_gift(struct token *t)
{
	const int fd = t->gift;

	t->gift = -1;
	return fd;
}

bool token_is_held(const struct token *t)
{
	/* Only success is proof: "cannot tell" is held. */
	return set_lock(t->sheet->fd, t->byte, F_WRLCK) < 0;
}
