/* SPDX-License-Identifier: MIT */
/*
 * lingerer.c - sends descriptors that take an hour to close
 *
 *	lingerer SOCKET first	in a packet that is fine
 *	lingerer SOCKET behind	behind one that is hung up on: never received, but closed all the same
 *
 * Says "sent", or "refused" where the kernel refuses them; waits for the daemon to hang up, and says
 * "hung up". Exits with 77 where nothing lingers.
 */
#include <config.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg/abi/packet.h>

#include "send-fds.h"

static void say(const char *word)
{
	puts(word);
	fflush(stdout);
}

static void need(bool is_so, const char *what)
{
	if (is_so)
		return;
	perror(what);
	exit(77);
}

/* Nobody accepts the connection, so what was written stays unsent. */
static int lingering(void)
{
	const struct linger linger = { .l_onoff = 1, .l_linger = 3600 };
	const int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET };
	socklen_t bytes = sizeof(to);
	static char full[65536];

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	need(listener >= 0 && fd >= 0 && bind(listener, (struct sockaddr *)&to, bytes) == 0 &&
	     listen(listener, 1) == 0 &&
	     getsockname(listener, (struct sockaddr *)&to, &bytes) == 0 &&
	     connect(fd, (struct sockaddr *)&to, sizeof(to)) == 0, "a connection over IPv4");
	while (send(fd, full, sizeof(full), MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	need(setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) == 0, "SO_LINGER");
	return fd;
}

static bool send_with(int to, int fd)
{
	const struct shmreg_request hello = {
		.header = { .magic = SHMREG_PACKET_MAGIC, .protocol = SHMREG_PROTOCOL,
			    .type = SHMREG_PACKET_HELLO, .serial = 1 },
		.u.hello = { .flags = SHMREG_HELLO_OBSERVER, .name = "lingerer" },
	};

	return send_fds(to, NULL, &hello, sizeof(hello), &fd, 1, MSG_NOSIGNAL) > 0;
}

int main(int argc, char *argv[])
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const int s = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	char reply[4096];
	int status;
	pid_t pid;

	if (argc != 3 || strlen(argv[1]) >= sizeof(address.sun_path))
		return 2;
	strcpy(address.sun_path, argv[1]);
	if (s < 0 || connect(s, (struct sockaddr *)&address, sizeof(address)) < 0) {
		perror(argv[1]);
		return 1;
	}
	pid = fork();
	/* By an exit its own copy is closed without lingering. */
	if (pid == 0) {
		const int fd = lingering();

		if (strcmp(argv[2], "behind") == 0)
			send(s, "nonsense", 8, MSG_NOSIGNAL);
		_exit(!send_with(s, fd));
	}
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
		return 1;
	if (WEXITSTATUS(status) == 77)
		return 77;
	say(WEXITSTATUS(status) == 0 ? "sent" : "refused");
	while (WEXITSTATUS(status) == 0 && recv(s, reply, sizeof(reply), 0) > 0)
		;
	say("hung up");
	return 0;
}
