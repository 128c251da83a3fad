/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "raw.h"

static void close_fds(struct raw *c)
{
	while (c->n_fds > 0)
		close(c->fds[--c->n_fds]);
}

void raw_connect(struct raw *c, const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*c = (struct raw){ 0 };
	memcpy(address.sun_path, path, strlen(path) + 1);
	c->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	ck_assert_int_ge(c->fd, 0);
	ck_assert_msg(connect(c->fd, (struct sockaddr *)&address, sizeof(address)) == 0, "%s: %s",
		      path, strerror(errno));
}

void raw_open(struct raw *c, const char *path)
{
	raw_connect(c, path);
	ck_assert_int_eq(raw_hello(c, 0), 0);
	raw_map_token(c);
}

void raw_close(struct raw *c)
{
	close_fds(c);
	/* First, so that the hang-up finds it gone: else it is looked at again much later. */
	if (c->token)
		munmap(c->token, (size_t)sysconf(_SC_PAGESIZE));
	c->token = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

void raw_request(struct shmreg_request *ret, uint16_t type)
{
	memset(ret, 0, sizeof(*ret));
	ret->header.magic = SHMREG_PACKET_MAGIC;
	ret->header.protocol = SHMREG_PROTOCOL;
	ret->header.type = type;
}

int raw_send(struct raw *c, struct shmreg_request *request)
{
	request->header.serial = ++c->serial;
	return send(c->fd, request, sizeof(*request), MSG_NOSIGNAL) < 0 ? -errno : 0;
}

int raw_receive(struct raw *c)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(RAW_FDS * sizeof(int))];
	struct iovec iov = { .iov_base = &c->reply, .iov_len = sizeof(c->reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
			      .msg_controllen = sizeof(control) };
	struct cmsghdr *cmsg;
	ssize_t n;

	close_fds(c);
	/* What was sent before a hang-up can still be read, after one error. */
	do
		n = recvmsg(c->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n < 0 && (errno == EINTR || errno == ECONNRESET));
	if (n <= 0)
		return -ESHUTDOWN;
	ck_assert_int_eq(n, sizeof(c->reply));
	ck_assert_int_eq(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC), 0);
	for (cmsg = CMSG_FIRSTHDR(&msg); cmsg; cmsg = CMSG_NXTHDR(&msg, cmsg)) {
		ck_assert_int_eq(cmsg->cmsg_type, SCM_RIGHTS);
		c->n_fds = (int)((cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(c->fds, CMSG_DATA(cmsg), (size_t)c->n_fds * sizeof(int));
	}
	ck_assert_uint_eq(c->reply.header.magic, SHMREG_PACKET_MAGIC);
	return c->reply.header.status;
}

int raw_call(struct raw *c, struct shmreg_request *request)
{
	int r;

	r = raw_send(c, request);
	if (r == -EPIPE || r == -ECONNRESET)
		return -ESHUTDOWN;
	ck_assert_int_eq(r, 0);
	r = raw_receive(c);
	if (r == -ESHUTDOWN)
		return r;
	if (request->header.type <= SHMREG_PACKET_MAX &&
	    request->header.type != SHMREG_PACKET_EVENT)
		ck_assert_int_eq(shmreg_reply_check(&c->reply, sizeof(c->reply),
						    request->header.type, c->serial), 0);
	if (r < 0)
		ck_assert_msg(c->reply.u.error[0] != '\0', "status %d has no sentence", r);
	return r;
}

int raw_hello(struct raw *c, uint32_t flags)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_HELLO);
	in.u.hello.flags = flags;
	snprintf(in.u.hello.name, sizeof(in.u.hello.name), "raw");
	return raw_call(c, &in);
}

void raw_map_token(struct raw *c)
{
	ck_assert_int_eq(c->n_fds, 1);
	c->token = mmap(NULL, (size_t)sysconf(_SC_PAGESIZE), PROT_READ | PROT_WRITE, MAP_SHARED,
			c->fds[0], 0);
	ck_assert_ptr_ne(c->token, MAP_FAILED);
	ck_assert_int_eq(madvise(c->token, (size_t)sysconf(_SC_PAGESIZE), MADV_DONTFORK), 0);
	close_fds(c);
}

int raw_create(struct raw *c, const char *name, uint64_t nonce, uint32_t flags)
{
	return raw_create_bytes(c, name, nonce, flags, 65536);
}

int raw_create_bytes(struct raw *c, const char *name, uint64_t nonce, uint32_t flags, uint64_t bytes)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE);
	snprintf(in.u.create.name, sizeof(in.u.create.name), "%s", name);
	in.u.create.nonce = nonce;
	in.u.create.data_bytes = bytes;
	in.u.create.mode = 0660;
	in.u.create.flags = flags;
	if (flags & SHMREG_CREATE_DETACHED)
		in.u.create.lifetime = SHMREG_UNTIL_REMOVED;
	else
		in.u.create.n_seats = 2;
	return raw_call(c, &in);
}

int raw_attach(struct raw *c, const char *name, uint32_t access, uint64_t nonce)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_OPEN);
	snprintf(in.u.open.name, sizeof(in.u.open.name), "%s", name);
	in.u.open.nonce = nonce;
	in.u.open.access = access;
	in.u.open.n_seats = access & SHMREG_ACCESS_WRITE ? 2 : 0;
	return raw_call(c, &in);
}

int raw_attachment(struct raw *c, uint16_t type, uint64_t segment, uint64_t participant)
{
	struct shmreg_request in;

	raw_request(&in, type);
	in.u.attachment.segment = segment;
	in.u.attachment.participant = participant;
	return raw_call(c, &in);
}

int raw_target(struct raw *c, uint16_t type, const char *name)
{
	struct shmreg_request in;

	raw_request(&in, type);
	snprintf(in.u.target.name, sizeof(in.u.target.name), "%s", name);
	return raw_call(c, &in);
}

void raw_says(const struct raw *c, const char *text)
{
	ck_assert_msg(strstr(c->reply.u.error, text) != NULL, "'%s' does not say '%s'",
		      c->reply.u.error, text);
}
