/* SPDX-License-Identifier: MIT */

/*
 * dispatch - packets over real connections to all of the daemon but its main loop and reapers
 *
 * Up to four connections, of users that the fuzzer chooses: packets well-formed and not,
 * read and not read; a service manager that keeps descriptors late, or none; repairs that
 * end in any way. All are this process, so that deaths are another target's (registry.c).
 * After each step all invariants are looked at, and every answer is one that the
 * library accepts.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include "log.h"
#include "request.h"
#include "segment.h"
#include "server-internal.h"

#define STEPS_MAX 48
#define N_CLIENTS 4
#define JOBS_MAX 16

struct client_end {
	int fd;			/* -1: none */
	void *token;		/* mapped, or NULL */
	uint64_t n_sent, n_answers;
};

static struct server server;
static struct client_end ends[N_CLIENTS];
static int manager = -1;	/* the service manager's socket */

/* The daemon forks for that, so that others need not wait; here nobody does, and forks are slow. */
void __wrap_rights_close(int fd);
void __wrap_rights_close(int fd)
{
	close(fd);
}

/* What stands for reapers.c: jobs wait for the fuzzer to end them. */
struct reapers {
	struct repair *jobs[JOBS_MAX];
};
static struct reapers the_reapers;

void reapers_configure(struct reapers *all, const char *path, unsigned int max,
		       unsigned int timeout_sec)
{
	(void)all, (void)path, (void)max, (void)timeout_sec;
}

int reapers_new(struct reapers **ret, struct ev_loop *loop, struct registry *registry,
		struct shmreg_stats_reply *stats)
{
	(void)loop, (void)registry, (void)stats;
	*ret = &the_reapers;
	return 0;
}

void reapers_start(struct reapers *all, int lock_fd)
{
	(void)all, (void)lock_fd;
}

struct reapers *reapers_free(struct reapers *all)
{
	if (all)
		memset(all, 0, sizeof(*all));
	return NULL;
}

void reapers_repair(struct reapers *all, struct repair *job, struct segment *segment)
{
	job->segment = segment;
	for (unsigned int i = 0; i < JOBS_MAX; i++)
		if (!all->jobs[i]) {
			all->jobs[i] = job;
			return;
		}
	MUST(!"fewer repairs are wanted than there are segments");
}

void reapers_cancel(struct reapers *all, struct repair *job)
{
	for (unsigned int i = 0; i < JOBS_MAX; i++)
		if (all->jobs[i] == job)
			all->jobs[i] = NULL;
}

static void repair(struct fuzz_input *in)
{
	static const struct shmreg_reaper_report sum = { .n_freed = 1 };
	struct repair **job = &the_reapers.jobs[fuzz_below(in, JOBS_MAX)], *was = *job;
	const uint8_t how = fuzz_u8(in) % 8;
	struct segment *s;

	if (!was)
		return;
	s = was->segment;
	if (!s->repairing)
		registry_repair_begin(server.registry, s);
	if (how == 0)
		return;
	if (how == 1) {
		registry_repair_end(server.registry, s, false, &sum);
		return;
	}
	*job = NULL;
	if (how == 2)
		registry_quarantine(server.registry, s);
	else
		registry_repair_end(server.registry, s, true, &sum);
}

/* The service manager does what it was told, whenever the fuzzer lets it. */
static void manage(void)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(16 * sizeof(int))];
	char text[4096];
	int fd;

	for (;;) {
		struct iovec iov = { text, sizeof(text) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };

		if (recvmsg(manager, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) < 0)
			return;
		for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c))
			for (size_t i = 0; i < (c->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
				memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(int));
				close(fd);
			}
	}
}

static void setup(void)
{
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	socklen_t bytes = sizeof(sa_family_t);
	char text[128];

	log_set_level(LOG_EMERG);
	server.loop = ev_loop_new(EVFLAG_NOENV);
	MUST(server.loop != NULL);
	ev_run(server.loop, EVRUN_NOWAIT);
	manager = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	MUST(manager >= 0);
	/* A name that the kernel chooses: nobody else's. */
	MUST(bind(manager, (struct sockaddr *)&a, bytes) == 0);
	bytes = sizeof(a);
	MUST(getsockname(manager, (struct sockaddr *)&a, &bytes) == 0);
	snprintf(text, sizeof(text), "@%.*s", (int)(bytes - sizeof(sa_family_t) - 1),
		 a.sun_path + 1);
	setenv("FUZZ_NOTIFY_SOCKET", text, 1);
}

/* There is no bus, and nobody listens. */
static void begin(bool managed)
{
	struct ev_loop *loop = server.loop;

	server = (struct server){ .loop = loop, .lock = LOCK_INIT, .root = ROOT_INIT };
	TAILQ_INIT(&server.peers);
	LIST_INIT(&server.subscribers);
	MUST(options_init(&server.options) == 0);
	server.options.max_segments = 6;
	server.options.log_level = LOG_EMERG;
	server.max_connections = N_CLIENTS + 1;
	server.max_watches = 6;
	unsetenv("NOTIFY_SOCKET");
	if (managed)
		setenv("NOTIFY_SOCKET", getenv("FUZZ_NOTIFY_SOCKET"), 1);
	MUST(server_make_parts(&server) == 0);
	MUST(root_new(&server.root) == 0);
	store_add_root(server.store, &server.root_stored, server.root.fd);
	root_begin(&server.root, registry_id(server.registry));
}

static void hang_up(struct client_end *c)
{
	if (c->token)
		munmap(c->token, 4096);
	if (c->fd >= 0)
		close(c->fd);
	*c = (struct client_end){ .fd = -1 };
}

static void end(void)
{
	for (unsigned int i = 0; i < N_CLIENTS; i++)
		hang_up(&ends[i]);
	server_free_parts(&server);
	MUST(server.n_watches == 0 && server.n_uncharged == 0 && server.n_connections == 0);
	options_deinit(&server.options);
	manage();
	ev_run(server.loop, EVRUN_NOWAIT);
}

/* As if the connection were another user's. */
static void become(struct peer *p, uint32_t uid)
{
	char error[SHMREG_ERROR_MAX + 1];

	if (!p->charged)
		return;
	server_uncharge_connection(&server, p->caller.uid);
	p->caller.uid = p->caller.gid = uid;
	p->caller.admin = uid == 0;
	MUST(server_charge_connection(&server, uid, error) == 0);
}

static void connect_client(struct client_end *c, struct fuzz_input *in)
{
	static const uint32_t uids[] = { 0, 1000, 1000, 2000 };
	int fds[2];

	hang_up(c);
	/* The daemon sees it, and lets go. */
	ev_run(server.loop, EVRUN_NOWAIT);
	MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	c->fd = fds[0];
	peer_new(&server, fds[1]);
	become(TAILQ_LAST(&server.peers, peers), uids[fuzz_below(in, 4)]);
}

static void check_reply(struct client_end *c, const struct shmreg_reply *reply, size_t n)
{
	const uint16_t type = reply->header.type;

	if (type == SHMREG_PACKET_EVENT) {
		MUST(shmreg_reply_check(reply, n, type, 0) == 0);
		return;
	}
	MUST(type & SHMREG_PACKET_REPLY);
	MUST(n == sizeof(*reply) && reply->header.status <= 0);
	/* Who asks for one gets no event, but a sentence. */
	if (type == (SHMREG_PACKET_EVENT | SHMREG_PACKET_REPLY))
		MUST(reply->header.status < 0);
	else
		MUST(shmreg_reply_check(reply, n, type & (uint16_t)~SHMREG_PACKET_REPLY,
					reply->header.serial) == 0);
	MUST(reply->header.status == 0 || *reply->u.error);
	MUST(++c->n_answers <= c->n_sent);
}

/* Everything that has come; a token is mapped. */
static void receive(struct client_end *c)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(PEER_FDS_MAX * sizeof(int))];
	struct shmreg_reply reply;
	ssize_t n;
	int fd;

	for (;;) {
		struct iovec iov = { &reply, sizeof(reply) };
		struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control,
				      .msg_controllen = sizeof(control) };

		n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
		if (n <= 0)
			return;
		MUST(!(msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)));
		check_reply(c, &reply, (size_t)n);
		for (struct cmsghdr *m = CMSG_FIRSTHDR(&msg); m; m = CMSG_NXTHDR(&msg, m))
			for (size_t i = 0; i < (m->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
				memcpy(&fd, CMSG_DATA(m) + i * sizeof(int), sizeof(int));
				if (reply.header.type ==
				    (SHMREG_PACKET_HELLO | SHMREG_PACKET_REPLY)) {
					MUST(!c->token);
					c->token = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
							MAP_SHARED, fd, 0);
					/* Who asked to attach before it was mapped has lost it. */
					MUST(c->token != MAP_FAILED || errno == EPERM);
					if (c->token == MAP_FAILED)
						c->token = NULL;
				}
				close(fd);
			}
		/* Only now is there room for the next one. */
		ev_run(server.loop, EVRUN_NOWAIT);
	}
}

static void send_packet(struct client_end *c, const void *packet, size_t n)
{
	if (send(c->fd, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		c->n_sent++;
}

static void send_bytes(struct client_end *c, struct fuzz_input *in)
{
	uint8_t bytes[SHMREG_PACKET_BYTES + 64];
	const size_t n = (size_t)fuzz_below(in, sizeof(bytes));
	static const struct shmreg_packet_header h = {
		.magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL, .serial = 1,
	};

	fuzz_take(in, bytes, sizeof(bytes));
	if (bytes[n] & 1)
		memcpy(bytes, &h, 6);
	send_packet(c, bytes, n);
}

static void greet(struct client_end *c)
{
	const struct shmreg_request hello = {
		.header = { .magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL,
			    .type = SHMREG_PACKET_HELLO, .serial = 1 },
	};

	send_packet(c, &hello, sizeof(hello));
	ev_run(server.loop, EVRUN_NOWAIT);
	receive(c);
}

static void step(struct fuzz_input *in)
{
	const uint8_t what = fuzz_u8(in);
	struct client_end *c = &ends[what % N_CLIENTS];
	struct shmreg_request request;

	switch (what / N_CLIENTS % 16) {
	case 0:
		connect_client(c, in);
		return;
	case 1:
		hang_up(c);
		return;
	case 2:
		repair(in);
		return;
	case 3:
		manage();
		return;
	case 4:
		connect_client(c, in);
		greet(c);
		return;
	default:
		break;
	}
	if (c->fd < 0) {
		connect_client(c, in);
		greet(c);
	}
	if (what / N_CLIENTS % 16 == 5) {
		send_bytes(c, in);
	} else if (what / N_CLIENTS % 16 == 6 && c->token) {
		munmap(c->token, 4096);
		c->token = NULL;
	} else {
		fuzz_request(in, &request);
		send_packet(c, &request, sizeof(request));
	}
	ev_run(server.loop, EVRUN_NOWAIT);
	/* Some do not read. */
	if (what < 192)
		receive(c);
}

static void run(struct fuzz_input *in)
{
	for (unsigned int i = 0; i < N_CLIENTS; i++)
		ends[i] = (struct client_end){ .fd = -1 };
	begin(fuzz_u8(in) % 2);
	for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++) {
		step(in);
		ev_run(server.loop, EVRUN_NOWAIT);
		registry_verify(server.registry);
	}
	end();
}

static void seeds(void)
{
	/* managed?; step (connection, how), [uid,] type - 1, body ... */
	static const uint8_t life[] = {
		1, 16, 1,
		28, 1, 0, 1, 4, 0, 0, 1, 1, 3, 3, 1,		/* CREATE s0 */
		12,						/* the store has it */
		17, 2,						/* another connection */
		29, 2, 0, 2, 2, 1,				/* OPEN */
		28, 8, 6, 8, 3, 0, 1,				/* CREATE_OBJECT o1 */
		28, 8, 3, 8, 4, 0, 2,
		29, 16, 16, 1, 2, 1,				/* WATCH */
		28, 18, 8, 1, 0, 2,				/* NOTIFY */
		18, 0, 30, 13, 0, 0, 0,				/* SUBSCRIBE */
		28, 9, 8, 0, 1, 29, 5, 16, 28, 10, 0, 28, 12, 1, 28, 19,
		28, 4, 8, 8, 0, 3, 28, 7, 0, 0,			/* DETACH, repair, REMOVE */
		4, 5, 21, 200, 0, 1, 2, 3,
	};
	uint8_t bytes[48];

	fuzz_seed(life, sizeof(life));
	for (uint8_t type = 0; type < SHMREG_PACKET_MAX; type++) {
		static const uint8_t start[] = { 0, 16, 0, 28, 1, 0, 1, 4, 0, 0, 1, 1, 3, 3, 1, 28 };

		memset(bytes, 1, sizeof(bytes));
		memcpy(bytes, start, sizeof(start));
		bytes[sizeof(start)] = type;
		fuzz_seed(bytes, sizeof(bytes));
		bytes[sizeof(start)] = (uint8_t)(224 + type);
		fuzz_seed(bytes, sizeof(bytes));
	}
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
