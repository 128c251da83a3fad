/* SPDX-License-Identifier: MIT */

/*
 * dispatch - packets over real connections to all of the daemon but its main loop
 *
 * Up to four connections, of users that the fuzzer chooses: packets well-formed and not,
 * read and not read; a service manager that keeps descriptors late, or none; reapers that report
 * anything, and end in any way. All are this process, so that deaths are another target's (registry.c).
 * After each step all invariants are looked at, and every answer is one that the
 * library accepts.
 */

#include <config.h>

#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <shmreg/abi/reaper.h>

#include "log.h"
#include "reapers-internal.h"
#include "request.h"
#include "segment.h"
#include "server-internal.h"

#define STEPS_MAX 48
#define N_CLIENTS 4
#define N_REAPERS 6
#define FIRST_PID 0x40000000	/* beyond the kernel's PID_MAX_LIMIT */

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

/* A reaper is the other end of its socket, and says what the fuzzer likes. */
static struct fake_reaper {
	int fd;			/* -1: none, or it has hung up */
	pid_t pid;		/* of no process; 0: waited for */
} reapers[N_REAPERS];

int __wrap_spawn_reaper(const char *path, int lock_fd, pid_t *ret_pid, int *ret_fd);
int __wrap_spawn_reaper(const char *path, int lock_fd, pid_t *ret_pid, int *ret_fd)
{
	static pid_t last = FIRST_PID;
	int fds[2];

	(void)path, (void)lock_fd;
	for (unsigned int i = 0; i < N_REAPERS; i++) {
		if (reapers[i].pid)
			continue;
		MUST(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
		last = last == INT_MAX ? FIRST_PID : last + 1;
		reapers[i] = (struct fake_reaper){ .fd = fds[1], .pid = *ret_pid = last };
		*ret_fd = fds[0];
		return 0;
	}
	return -EAGAIN;
}

static struct fake_reaper *reaper_of(pid_t pid)
{
	for (unsigned int i = 0; i < N_REAPERS; i++)
		if (reapers[i].pid == pid && pid)
			return &reapers[i];
	return NULL;
}

static void hush(struct fake_reaper *r)
{
	if (r->fd >= 0)
		close(r->fd);
	r->fd = -1;
}

int __wrap_kill(pid_t pid, int signal);
int __wrap_kill(pid_t pid, int signal)
{
	struct fake_reaper *r = reaper_of(pid);

	MUST(r != NULL && signal == SIGKILL);
	hush(r);
	return 0;
}

pid_t __wrap_waitpid(pid_t pid, int *status, int options);
pid_t __wrap_waitpid(pid_t pid, int *status, int options)
{
	struct fake_reaper *r = reaper_of(pid);

	/* The loop's own look for children that have ended. */
	if (pid == -1)
		return -1;
	MUST(r != NULL && !status && !options);
	hush(r);
	r->pid = 0;
	return pid;
}

/* As the loop does it when a child has ended. */
static void end_reaper(struct fake_reaper *f, int status)
{
	const pid_t pid = f->pid;

	hush(f);
	for (size_t i = 0; i < sizeof(server.reapers->slots) / sizeof(server.reapers->slots[0]); i++) {
		struct reaper *r = &server.reapers->slots[i];

		if (r->state == REAPER_NONE || r->pid != pid)
			continue;
		f->pid = 0;
		r->child.rstatus = status;
		r->child.rpid = pid;
		ev_feed_event(server.loop, &r->child, EV_CHILD);
		return;
	}
	MUST(!"a child that the daemon does not know");
}

static uint64_t job_of(const struct fake_reaper *f)
{
	for (size_t i = 0; i < sizeof(server.reapers->slots) / sizeof(server.reapers->slots[0]); i++)
		if (server.reapers->slots[i].pid == f->pid)
			return server.reapers->slots[i].segment;
	return 0;
}

static void report(struct fuzz_input *in, struct fake_reaper *f)
{
	struct shmreg_reaper_report said = {
		.magic = SHMREG_REAPER_MAGIC,
		.type = fuzz_u8(in) % 4 ? SHMREG_REAPER_DONE : SHMREG_REAPER_OBJECT,
		.segment = job_of(f),
		.object = 1 + fuzz_below(in, 8),
		.n_freed = 1,
	};
	const uint8_t how = fuzz_u8(in);
	size_t bytes = sizeof(said);

	if (how >= 192)
		fuzz_poke(in, &said, sizeof(said));
	if (how >= 240)
		bytes = (size_t)fuzz_below(in, sizeof(said) + 1);
	send(f->fd, &said, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static void play_reaper(struct fuzz_input *in)
{
	struct fake_reaper *f = &reapers[fuzz_below(in, N_REAPERS)];
	const uint8_t how = fuzz_u8(in) % 8;

	if (!f->pid)
		return;
	if (how < 5 && f->fd >= 0)
		report(in, f);
	else if (how == 5)
		hush(f);
	/* Who is done ends, sooner or later; so does who was killed. */
	if (how == 4 || how >= 6 || f->fd < 0)
		end_reaper(f, how == 4 ? 0 : fuzz_u16(in));
	ev_run(server.loop, EVRUN_NOWAIT);
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

	for (unsigned int i = 0; i < N_REAPERS; i++)
		reapers[i].fd = -1;
	log_set_level(LOG_EMERG);
	/* The one that may wait for children. */
	server.loop = ev_default_loop(EVFLAG_NOENV);
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
	server.max_connection_fds = 3 * (N_CLIENTS + 1);
	server.max_answer_fds = PEER_FDS_MAX * (N_CLIENTS + 1);
	server.max_watches = 6;
	unsetenv("NOTIFY_SOCKET");
	if (managed)
		setenv("NOTIFY_SOCKET", getenv("FUZZ_NOTIFY_SOCKET"), 1);
	MUST(server_make_parts(&server) == 0);
	MUST(root_new(&server.root) == 0);
	store_add_root(server.store, &server.root_stored, server.root.fd);
	root_begin(&server.root, registry_id(server.registry));
	reapers_start(server.reapers, -1);
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
	kept_limits_deinit(&server.limits);
	for (unsigned int i = 0; i < N_REAPERS; i++)
		MUST(!reapers[i].pid && reapers[i].fd < 0);
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
		play_reaper(in);
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
		28, 4, 8, 8, 0, 0, 3, 28, 7, 0, 0,			/* DETACH, repair, REMOVE */
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
