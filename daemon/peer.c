/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "dispatch.h"
#include "log.h"
#include "peer.h"
#include "refuse.h"
#include "rights.h"
#include "server.h"

#define PACKETS_A_TURN 16	/* FACTS, "Control socket" */
#define UNCHARGED_MAX 64	/* connections that wait to be told why they are refused */

void answer_close_fds(struct answer *a)
{
	while (a->n_fds > 0)
		if (!(a->lent >> --a->n_fds & 1))
			close(a->fds[a->n_fds]);
	a->lent = 0;
}

/* Who lent them may close them as soon as we are back in the loop. Return: 0; -EMFILE, -ENFILE. */
static int own_fds(struct answer *a)
{
	for (unsigned int i = 0; i < a->n_fds; i++) {
		int fd;

		if (!(a->lent >> i & 1))
			continue;
		fd = fcntl(a->fds[i], F_DUPFD_CLOEXEC, 3);
		if (fd < 0)
			return -errno;
		a->fds[i] = fd;
		a->lent &= ~(1U << i);
	}
	return 0;
}

static struct answer *answer_free(struct answer *a)
{
	if (a)
		answer_close_fds(a);
	free(a);
	return NULL;
}

static void update_events(struct peer *p)
{
	const bool waits = p->stored.entry;
	struct shmreg_event event;
	int events = 0;

	/* Stopped, and its end is queued in the loop: ev_io_stop() would take that out again. */
	if (p->doomed)
		return;
	if (!p->pending && !p->parked && !p->server->stopping)
		events |= EV_READ;
	if (!waits &&
	    (p->pending || (p->subscriber && subscriber_peek(p->subscriber, &event))))
		events |= EV_WRITE;
	if (ev_is_active(&p->io) && (p->io.events & (EV_READ | EV_WRITE)) == events)
		return;
	ev_io_stop(p->server->loop, &p->io);
	ev_io_set(&p->io, p->fd, events);
	if (events)
		ev_io_start(p->server->loop, &p->io);
}

void peer_doom(struct peer *p)
{
	if (p->doomed)
		return;
	p->doomed = true;
	ev_io_stop(p->server->loop, &p->io);
	ev_feed_event(p->server->loop, &p->io, EV_CUSTOM);
}

/*
 * What it is about goes out as soon as the loop has called back all who are to be; if the socket
 * has no room, when it has. (To ask for that first would be three system calls more.)
 */
void peer_wake(struct peer *p)
{
	update_events(p);
	if (!p->doomed)
		ev_feed_event(p->server->loop, &p->io, EV_WRITE);
}

bool peer_busy(const struct peer *p)
{
	return p->pending && !p->doomed;
}

void peer_drain(struct peer *p)
{
	update_events(p);
}

static int send_packet(struct peer *p, const struct shmreg_reply *reply, const int *fds,
		       unsigned int n_fds)
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(PEER_FDS_MAX * sizeof(int))] = { 0 };
	struct iovec iov = { .iov_base = (void *)reply, .iov_len = sizeof(*reply) };
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c;
	int unread = 0;

	if (n_fds > 0) {
		/*
		 * Descriptors on their way count against everybody's: none are
		 * sent to who has not read the packet before. (With the smallest
		 * send buffer the socket is writable again when he has.)
		 */
		if (ioctl(p->fd, SIOCOUTQ, &unread) == 0 && unread > 0)
			return -EAGAIN;
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(n_fds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(n_fds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, n_fds * sizeof(int));
	}
	if (sendmsg(p->fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
		return -errno;
	return 0;
}

static uint16_t type_of(const struct answer *a)
{
	return (uint16_t)(a->reply.header.type & ~SHMREG_PACKET_REPLY);
}

/* Its descriptors cannot be had: nothing must stay with who never hears of it. */
static void take_back(struct peer *p, struct answer *a, int status, const char *sentence)
{
	const struct shmreg_attach_reply attach = a->reply.u.attach;
	const struct shmreg_attachment at = {
		.segment = attach.segment,
		.participant = attach.participant,
	};
	const uint64_t watch = a->reply.u.watch.watch;
	const uint16_t type = type_of(a);
	const uint64_t serial = a->reply.header.serial;
	char ignored[SHMREG_ERROR_MAX + 1];

	answer_close_fds(a);
	if (type == SHMREG_PACKET_CREATE || type == SHMREG_PACKET_OPEN) {
		registry_detach(p->server->registry, &p->caller, &at, ignored);
		if (attach.created)
			registry_remove(p->server->registry, &p->caller,
					&(struct shmreg_target){ .segment = attach.segment },
					ignored);
	} else if (type == SHMREG_PACKET_WATCH) {
		server_unwatch(p->server, p, watch, ignored);
	}
	memset(&a->reply, 0, sizeof(a->reply));
	a->reply.header = (struct shmreg_packet_header){
		.magic = SHMREG_PACKET_MAGIC,
		.protocol = SHMREG_PROTOCOL,
		.type = type | SHMREG_PACKET_REPLY,
		.serial = serial,
		.status = status,
	};
	refuse(a->reply.u.error, status, "%s", sentence);
}

static int send_answer(struct peer *p, const struct answer *a)
{
	const bool bell = type_of(a) == SHMREG_PACKET_WATCH && a->n_fds > 0;
	int r;

	if (bell)
		server_give_watch(p, a->reply.u.watch.watch, true);
	r = send_packet(p, &a->reply, a->fds, a->n_fds);
	if (bell && r < 0)
		server_give_watch(p, a->reply.u.watch.watch, false);
	return r;
}

static const char too_many[] = "too many descriptors are on their way to clients that do not read "
			       "them; try again later, or raise shmregd's LimitNOFILE=";

/* Return: 0 it has gone, or the connection has; -EAGAIN. */
static int try_answer(struct peer *p, struct answer *a)
{
	int r;

	r = send_answer(p, a);
	if (r == -ETOOMANYREFS) {
		take_back(p, a, r, too_many);
		r = send_answer(p, a);
	}
	if (r == -EAGAIN)
		return r;
	answer_close_fds(a);
	if (r < 0)
		peer_doom(p);
	return 0;
}

/* It is to be kept. Return: false if it is another one now, since there is no room for its descriptors. */
static bool reserve_room(struct peer *p, struct answer *a)
{
	char sentence[SHMREG_ERROR_MAX + 1];
	int r;

	if (a->n_fds == 0)
		return true;
	r = own_fds(a);
	if (r < 0) {
		refuse_descriptor(sentence, r);
		take_back(p, a, r, sentence);
		return false;
	}
	if (!server_charge_answer(p->server, p->caller.uid, a->n_fds)) {
		take_back(p, a, -ETOOMANYREFS, too_many);
		return false;
	}
	p->n_kept_fds = a->n_fds;
	return true;
}

static void drop_answer(struct peer *p)
{
	server_uncharge_answer(p->server, p->n_kept_fds);
	p->n_kept_fds = 0;
	p->pending = answer_free(p->pending);
}

static void keep_answer(struct peer *p, struct answer *a)
{
	p->pending = malloc(sizeof(*p->pending));
	if (p->pending) {
		*p->pending = *a;
	} else {
		answer_close_fds(a);
		drop_answer(p);
		peer_doom(p);
	}
}

static void on_stored(struct store_waiter *waiter, int r)
{
	struct peer *p = container_of(waiter, struct peer, stored);

	p->not_stored = r < 0;
	/* It goes out as soon as the loop finds the socket writable. */
	update_events(p);
}

/*
 * Who rings, or ends a watch, goes on without waiting (libclient/line.h), and may read no
 * answer for a long time: what he asks for next, to ring somebody, must not wait for that.
 */
static bool is_dispensable(const struct answer *a)
{
	const uint16_t type = type_of(a);

	return type == SHMREG_PACKET_NOTIFY || type == SHMREG_PACKET_UNWATCH;
}

void peer_answer(struct peer *p, struct answer *a, struct store_entry *entry)
{
	if (p->doomed || p->pending) {
		answer_close_fds(a);
		return;
	}
	if (entry && !store_has(entry) && reserve_room(p, a)) {
		keep_answer(p, a);
		if (p->pending)
			store_wait(entry, &p->stored);
	} else if (try_answer(p, a) < 0) {
		if (is_dispensable(a)) {
			answer_close_fds(a);
		} else {
			reserve_room(p, a);
			keep_answer(p, a);
		}
	}
	update_events(p);
}

static void on_writable(struct peer *p)
{
	struct shmreg_reply reply = {
		.header = { .magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL,
			    .type = SHMREG_PACKET_EVENT },
	};
	int r;

	if (p->pending && p->not_stored) {
		p->not_stored = false;
		take_back(p, p->pending, -ENOSPC,
			  "the service manager keeps no more descriptors, so that the segment would "
			  "not outlive shmregd; remove some, or raise FileDescriptorStoreMax= of the "
			  "unit");
	}
	if (p->pending && !p->stored.entry && try_answer(p, p->pending) == 0)
		drop_answer(p);
	while (!p->pending && !p->doomed && p->subscriber &&
	       subscriber_peek(p->subscriber, &reply.u.event)) {
		r = send_packet(p, &reply, NULL, 0);
		if (r == -EAGAIN)
			break;
		if (r < 0)
			peer_doom(p);
		else
			subscriber_pop(p->subscriber);
	}
	update_events(p);
	server_check_drained(p->server);
}

/*
 * Who waits for his answer has sent nothing else, so that to look would be for nothing. The
 * others' next packet is for the next turn, too: NOTIFY may ring thousands of bells, and QUIESCE
 * is asked for by who wants to know what the loop has seen meanwhile (libclient/role.c).
 */
static bool ends_turn(const struct shmreg_request *request, ssize_t n)
{
	return (size_t)n < sizeof(request->header) ||
	       request->header.type != SHMREG_PACKET_UNWATCH;
}

/* One packet. Return: false if there is no other in this turn, or the connection is over. */
static bool receive(struct peer *p)
{
	struct shmreg_request request;
	struct iovec iov = { .iov_base = &request, .iov_len = sizeof(request) };
	/* No control buffer: descriptors that come in spite of all are not kept. */
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	const struct log_about about = {
		.uid = p->caller.uid, .pid = p->caller.process.pid, .message = MESSAGE_HUNG_UP,
	};
	ssize_t n = 0;
	int r;

	r = p->takes_rights ? rights_look(p->fd) : 0;
	if (r > 0) {
		log_client(LOG_NOTICE, &about,
			   "uid %" PRIu32 " pid %" PRIu32 " sent descriptors; hanging up",
			   p->caller.uid, p->caller.process.pid);
		peer_doom(p);
		return false;
	}
	if (r == 0) {
		n = recvmsg(p->fd, &msg, MSG_DONTWAIT);
		r = n < 0 ? -errno : 0;
	}
	if (r == -EAGAIN || r == -EINTR)
		return false;
	if (r < 0 || n == 0) {
		peer_doom(p);
		return false;
	}
	if (msg.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) {
		log_client(LOG_NOTICE, &about,
			   "uid %" PRIu32 " pid %" PRIu32 " sent %s; hanging up", p->caller.uid,
			   p->caller.process.pid,
			   msg.msg_flags & MSG_TRUNC ? "a packet that is too long" :
						       "a packet with control data");
		peer_doom(p);
		return false;
	}
	dispatch(p, &request, (size_t)n);
	return !p->doomed && !p->pending && !p->parked && !ends_turn(&request, n);
}

static void on_io(struct ev_loop *loop, ev_io *w, int revents)
{
	struct peer *p = w->data;

	(void)loop;
	if (!p->doomed && revents & EV_WRITE)
		on_writable(p);
	if (!p->doomed && revents & EV_READ && !p->pending && !p->parked)
		for (int i = 0; i < PACKETS_A_TURN && receive(p); i++)
			;
	if (p->doomed)
		peer_free(p);
}

void peer_new(struct server *server, int fd)
{
	const int smallest = 1;	/* the kernel makes it two packets' worth */
	char error[SHMREG_ERROR_MAX + 1];
	socklen_t bytes = sizeof(struct ucred);
	struct ucred cred;
	struct peer *p;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &bytes) < 0) {
		rights_close(fd);
		return;
	}
	p = calloc(1, sizeof(*p));
	if (!p) {
		rights_close(fd);
		return;
	}
	p->server = server;
	p->fd = fd;
	p->takes_rights = rights_taken(fd);
	p->stored.stored = on_stored;
	LIST_INIT(&p->watches);
	p->caller.uid = cred.uid;
	p->caller.gid = cred.gid;
	p->caller.process.pid = (uint32_t)cred.pid;
	p->caller.admin = cred.uid == 0 || cred.uid == geteuid();
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &smallest, sizeof(smallest));
	ev_io_init(&p->io, on_io, fd, EV_READ);
	p->io.data = p;
	if (server_charge_connection(server, cred.uid, error) == 0) {
		p->charged = true;
	} else if (server->n_uncharged < UNCHARGED_MAX) {
		/* Kept for its HELLO, which is answered with the sentence. */
		server->n_uncharged++;
	} else {
		rights_close(fd);
		free(p);
		return;
	}
	TAILQ_INSERT_TAIL(&server->peers, p, link);
	update_events(p);
}

struct peer *peer_free(struct peer *p)
{
	struct server *server = p->server;
	const bool was_busy = p->pending;

	p->doomed = true;
	ev_io_stop(server->loop, &p->io);
	store_unwait(&p->stored);
	drop_answer(p);
	p->parked = parked_free(&server->parking, p->parked);
	server_end_watches(server, p);
	if (p->subscriber) {
		p->subscriber = subscriber_free(p->subscriber);
		registry_uncharge(server->registry, p->caller.uid, SHMREG_RESOURCE_SUBSCRIPTIONS, 1);
	}
	if (!p->charged)
		server->n_uncharged--;
	else if (!p->token)
		server_uncharge_connection(server, p->caller.uid);
	if (p->client) {
		/* From here on the token carries the charge. */
		client_hang_up(p->client, p->token);
		LIST_REMOVE(p, of_client);
		client_put(p->client);
	}
	/* Only now: somebody may wait for the repair of what has died with it. */
	rights_close(p->fd);
	TAILQ_REMOVE(&server->peers, p, link);
	free((void *)p->caller.groups);
	free(p);
	if (was_busy)
		server_check_drained(server);
	return NULL;
}
