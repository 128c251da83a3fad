/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <shmreg/abi/packet.h>

#include "doctor.h"
#include "text.h"

#define SYSTEM_SOCKET "/run/shmregd/control"

static void find_instance(struct doctor *d)
{
	const char *runtime = getenv("XDG_RUNTIME_DIR");
	char user[sizeof(d->socket) + 32];

	d->instance = DOCTOR_PRIVATE;
	snprintf(user, sizeof(user), "%.100s/shmregd/control", runtime ? runtime : "");
	if (strcmp(d->socket, SYSTEM_SOCKET) == 0)
		d->instance = DOCTOR_SYSTEM;
	else if (strcmp(d->socket, user) == 0)
		d->instance = DOCTOR_USER;
}

static void type_start(struct doctor *d)
{
	struct findings *f = &d->findings;

	if (d->instance == DOCTOR_PRIVATE)
		finding_type(f, "unset SHMREG_SOCKET   # or name the socket of a daemon that runs");
	else if (!doctor_has_systemd(d))
		finding_type(f, "shmregd%s &", d->instance == DOCTOR_SYSTEM ? " --system" : "");
	else if (d->instance == DOCTOR_SYSTEM)
		finding_type(f, "systemctl enable --now shmregd.socket");
	else
		finding_type(f, "systemctl --user enable --now shmregd.socket");
	finding_type(f, "shmregctl run -- COMMAND   # a private daemon for one command");
}

/* Who may come so far at all. */
static bool look_at_file(struct doctor *d)
{
	struct findings *f = &d->findings;
	char mode[TEXT_MAX], owner[TEXT_MAX];
	struct stat st;

	if (stat(d->socket, &st) < 0) {
		if (errno == EACCES) {
			finding_add(f, FINDING_ERROR, "socket.file",
				    "%s cannot be reached: a directory above it "
				    "is not for this user",
				    d->socket);
			finding_type(f, "namei -l %s", d->socket);
		} else {
			finding_add(f, FINDING_ERROR, "socket.file", "there is no socket %s: %s",
				    d->socket, strerror(errno));
			type_start(d);
		}
		return false;
	}
	if (!S_ISSOCK(st.st_mode)) {
		finding_add(f, FINDING_ERROR, "socket.file", "%s is there and is no socket",
			    d->socket);
		finding_type(f, "rm %s", d->socket);
		type_start(d);
		return false;
	}
	text_mode(mode, st.st_mode & 0777);
	text_user(owner, st.st_uid);
	if (d->instance == DOCTOR_SYSTEM && (st.st_mode & 0666) != 0666) {
		finding_add(f, FINDING_WARNING, "socket.mode",
			    "%s has mode %s (owner %s): not everybody may "
			    "connect; who may attach to what is decided for each segment anyway",
			    d->socket, mode, owner);
		finding_type(
		    f, "chmod 0666 %s   # and see SocketMode= in: systemctl cat shmregd.socket",
		    d->socket);
	} else {
		finding_add(f, FINDING_OK, "socket.mode", "%s has mode %s, owner %s", d->socket,
			    mode, owner);
	}
	return true;
}

static void say_connect_error(struct doctor *d, int error)
{
	struct findings *f = &d->findings;

	switch (error) {
	case ECONNREFUSED:
		finding_add(f, FINDING_ERROR, "socket.connect",
			    "nobody listens at %s: it was left by a daemon "
			    "that is gone",
			    d->socket);
		type_start(d);
		break;
	case EACCES:
		finding_add(f, FINDING_ERROR, "socket.connect", "this user may not connect to %s",
			    d->socket);
		finding_type(f, "ls -l %s\nid", d->socket);
		break;
	case EPROTOTYPE:
		finding_add(f, FINDING_ERROR, "socket.connect",
			    "%s is the socket of another program", d->socket);
		finding_type(f, "ss -xlp | grep %s", d->socket);
		break;
	case EAGAIN:
		finding_add(f, FINDING_ERROR, "socket.connect",
			    "so many wait at %s that no more can: shmregd "
			    "does not accept connections",
			    d->socket);
		finding_type(
		    f, "systemctl status shmregd\nsystemctl restart shmregd   # segments stay");
		break;
	default:
		finding_add(f, FINDING_ERROR, "socket.connect", "cannot connect to %s: %s",
			    d->socket, strerror(error));
	}
}

/* By hand, for a daemon of another version is to be told from one that does not answer. */
static int say_hello(const struct doctor *d, int fd, struct shmreg_reply *ret)
{
	struct shmreg_request hello = {
		.header = { .magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL,
			    .type = SHMREG_PACKET_HELLO, .serial = 1 },
		.u.hello = { .flags = SHMREG_HELLO_OBSERVER, .name = "shmregctl doctor",
			     .version = VERSION },
	};
	const struct timeval patience = { .tv_sec = 10 };
	const char *path = d->socket;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	ssize_t n;

	memcpy(address.sun_path, path, strlen(path) + 1);
	setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	if (send(fd, &hello, sizeof(hello), MSG_NOSIGNAL) < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -ECONNRESET;
	n = recv(fd, ret, sizeof(*ret), 0);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? -ETIMEDOUT : -ECONNRESET;
	if (n == 0)
		return -ECONNRESET;
	/* A refusal's sentence follows. */
	return shmreg_reply_check(ret, (size_t)n, SHMREG_PACKET_HELLO, 1);
}

static void judge_answer(struct doctor *d, int r, const struct shmreg_reply *reply)
{
	struct findings *f = &d->findings;

	if (r == -ETIMEDOUT) {
		finding_add(f, FINDING_ERROR, "socket.answer",
			    "whoever listens at %s has not answered for 10 "
			    "seconds: it hangs, or is stopped",
			    d->socket);
		finding_type(
		    f, "systemctl status shmregd\nsystemctl restart shmregd   # segments stay");
	} else if (r == -EPROTONOSUPPORT) {
		finding_add(f, FINDING_ERROR, "socket.protocol",
			    "the daemon at %s speaks protocol %u, and this "
			    "shmregctl (%s) %d: install both from one version",
			    d->socket, reply->header.protocol, VERSION, SHMREG_PROTOCOL);
		finding_type(f,
			     "shmregd --version\nshmregctl --version\nsystemctl restart shmregd");
	} else if (r == -ECONNRESET || r == -EBADMSG) {
		finding_add(f, FINDING_ERROR, "socket.answer",
			    "whoever listens at %s does not answer as shmregd "
			    "does",
			    d->socket);
		finding_type(f, "ss -xlp | grep %s", d->socket);
	} else if (r < 0) {
		say_connect_error(d, -r);
	} else if (reply->header.status < 0) {
		finding_add(f, FINDING_ERROR, "socket.answer", "the daemon refuses: %s",
			    reply->u.error);
		finding_type(f, "shmregctl stats --user $(id -u)");
	} else {
		d->answers = true;
	}
}

static void judge_versions(struct doctor *d, const char *daemon)
{
	struct findings *f = &d->findings;

	if (strcmp(daemon, VERSION) != 0) {
		finding_add(f, FINDING_WARNING, "socket.version",
			    "the daemon is version %.31s and shmregctl %s: "
			    "an older one goes on running until it is restarted",
			    daemon, VERSION);
		finding_type(f, "systemctl restart shmregd   # segments stay");
	} else {
		finding_add(f, FINDING_OK, "socket.version", "the daemon answers, it is version %s",
			    VERSION);
	}
	if (strcmp(shmreg_version(), VERSION) != 0) {
		finding_add(f, FINDING_WARNING, "socket.library",
			    "libshmreg is version %s and shmregctl %s: two "
			    "versions are installed",
			    shmreg_version(), VERSION);
		finding_type(f, "ldconfig -p | grep libshmreg");
	} else {
		finding_add(f, FINDING_OK, "socket.library", "libshmreg is version %s",
			    shmreg_version());
	}
}

void doctor_socket(struct doctor *d)
{
	struct findings *f = &d->findings;
	struct shmreg_reply reply = { 0 };
	int fd, r;

	r = shmreg_socket_path(d->ctl->socket, d->socket, sizeof(d->socket));
	if (r < 0) {
		finding_add(f, FINDING_ERROR, "socket.path", "%s", shmreg_error());
		return;
	}
	find_instance(d);
	if (!look_at_file(d))
		return;
	fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (fd < 0) {
		finding_add(f, FINDING_ERROR, "socket.connect", "cannot make a socket: %s",
			    strerror(errno));
		return;
	}
	r = say_hello(d, fd, &reply);
	close(fd);
	judge_answer(d, r, &reply);
	if (!d->answers)
		return;
	judge_versions(d, reply.u.hello.version);
	/* Not through ctl_connect(), which says what is wrong by itself. */
	r = shmreg_connect(&d->connection, &(struct shmreg_connect_params){
			.size = sizeof(struct shmreg_connect_params), .socket = d->socket,
			.name = "shmregctl" });
	if (r < 0) {
		d->connection = NULL;
		finding_add(f, FINDING_ERROR, "socket.connect", "%s", shmreg_error());
	}
}
