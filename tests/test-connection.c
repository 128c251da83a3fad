/* SPDX-License-Identifier: MIT */
#include <config.h>

/* The connection to a daemon: found, refused, used by threads and signal handlers. */

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "script.h"
#include "suite.h"

START_TEST(no_daemon)
{
	struct shmreg_connect_params params = { .size = sizeof(params),
						.socket = "/tmp/shmreg-nobody/control" };
	struct shmreg_connection *c = (void *)&params;
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	char stale[] = "/tmp/shmreg-stale-XXXXXX", path[64];
	int fd;

	ck_assert_int_eq(shmreg_connect(&c, &params), -ENOENT);
	ck_assert_ptr_eq(c, (void *)&params); /* untouched on failure */
	says("/tmp/shmreg-nobody/control");
	says("systemctl start shmregd.socket");
	says("shmregctl run -- COMMAND");

	/* what a killed daemon without systemd leaves */
	ck_assert_ptr_nonnull(mkdtemp(stale));
	snprintf(path, sizeof(path), "%s/control", stale);
	strcpy(address.sun_path, path);
	fd = socket(AF_UNIX, SOCK_SEQPACKET, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	close(fd);
	params.socket = path;
	ck_assert_int_eq(shmreg_connect(&c, &params), -ECONNREFUSED);
	says(path);
	says("shmregctl run");
	unlink(path);

	/* a socket of another type */
	fd = socket(AF_UNIX, SOCK_STREAM, 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(shmreg_connect(&c, &params), -EPROTOTYPE);
	close(fd);
	unlink(path);
	rmdir(stale);
}
END_TEST

START_TEST(where_it_looks)
{
	char dir[] = "/tmp/shmreg-run-XXXXXX", path[128];
	struct shmreg_connection *c;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	setenv("SHMREG_SOCKET", "/tmp/shmreg-by-env", 1);
	setenv("XDG_RUNTIME_DIR", dir, 1);
	ck_assert_int_eq(shmreg_connect(&c, NULL), -ENOENT);
	says("'/tmp/shmreg-by-env'");

	unsetenv("SHMREG_SOCKET");
	shmreg_connect(&c, NULL) == 0 ? (void)shmreg_disconnect(c) : says("'/run/shmregd/control'");

	snprintf(path, sizeof(path), "%s/shmregd", dir);
	ck_assert_int_eq(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/shmregd/control", dir);
	ck_assert_int_eq(symlink(fake_socket(fake), path), 0);
	ck_assert_int_eq(shmreg_connect(&c, NULL), 0);
	shmreg_disconnect(c);
	unlink(path);
	snprintf(path, sizeof(path), "%s/shmregd", dir);
	rmdir(path);
	rmdir(dir);
}
END_TEST

/* The next session is with the same daemon. */
START_TEST(relative_path)
{
	char dir[] = "/tmp/shmreg-rel-XXXXXX", path[64];
	struct shmreg_connect_params params = { .size = sizeof(params), .socket = "control" };
	struct shmreg_connection *c;
	struct shmreg_stats_reply stats;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/control", dir);
	ck_assert_int_eq(symlink(fake_socket(fake), path), 0);
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(shmreg_connect(&c, &params), 0);
	ck_assert_int_eq(chdir("/"), 0);
	shmreg_store_release(&script.n_hang_ups, 1);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(fake_connections(fake), 2);
	shmreg_disconnect(c);
	unlink(path);
	ck_assert_int_eq(chdir(dir), 0);
	ck_assert_int_eq(shmreg_connect(&c, &params), -ENOENT);
	says(path);
	ck_assert_int_eq(chdir("/"), 0);
	rmdir(dir);
}
END_TEST

/* Descriptors of the library are not what the process takes for its standard streams. */
START_TEST(standard_streams_closed)
{
	struct shmreg_stats_reply stats;
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		const struct shmreg_connect_params params = { .size = sizeof(params),
							      .socket = fake_socket(fake) };
		struct shmreg_connection *c;

		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			close(fd);
		if (shmreg_connect(&c, &params) < 0)
			_exit(1);
		for (int fd = 0; fd <= STDERR_FILENO; fd++)
			if (write(fd, "hello", 5) >= 0 || errno != EBADF)
				_exit(2);
		_exit(shmreg_stats(c, 0, &stats) < 0 ? 3 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), 0);
	ck_assert_uint_eq(fake_connections(fake), 1);
}
END_TEST

/* The one whose other end has a name. */
static int socket_of_ours(void)
{
	struct sockaddr_un peer;
	socklen_t bytes;

	for (int fd = STDERR_FILENO + 1; fd < 256; fd++) {
		bytes = sizeof(peer);
		if (getpeername(fd, (struct sockaddr *)&peer, &bytes) == 0 &&
		    bytes > offsetof(struct sockaddr_un, sun_path))
			return fd;
	}
	ck_abort_msg("there is no connection");
}

/* As who becomes a service does, with all descriptors that he does not know. */
START_TEST(closed_by_the_process)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	int fd, other;

	ck_assert_int_eq(close(socket_of_ours()), 0);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(fake_connections(fake), 2);

	/* And what he has opened in its place stays open. */
	fd = socket_of_ours();
	other = open("/dev/null", O_RDWR | O_CLOEXEC);
	ck_assert_int_eq(dup2(other, fd), fd);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(fake_connections(fake), 3);
	ck_assert_int_eq(close(fd), 0);
	close(other);
	shmreg_disconnect(c);
}
END_TEST

/* A socket of the application in the place of ours is neither written to, nor read, nor closed. */
START_TEST(socket_taken_for_ours)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	int fd = socket_of_ours(), pair[2], status;
	char byte = 'x';
	pid_t child;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	ck_assert_int_eq(write(pair[1], &byte, 1), 1);
	ck_assert_int_eq(dup2(pair[0], fd), fd);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(fake_connections(fake), 2);
	ck_assert_int_eq(recv(pair[1], &byte, 1, MSG_DONTWAIT), -1);
	ck_assert_int_eq(errno, EAGAIN);
	ck_assert_int_eq(read(fd, &byte, 1), 1);
	close(fd);

	/* Nor by a child, */
	fd = socket_of_ours();
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		if (dup2(pair[0], fd) != fd || shmreg_stats(c, 0, &stats) != -ECHILD)
			_exit(1);
		_exit(fcntl(fd, F_GETFD) < 0 ? 2 : 0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_int_eq(status, 0);

	/* nor in the end. */
	ck_assert_int_eq(dup2(pair[0], fd), fd);
	shmreg_disconnect(c);
	ck_assert_int_eq(close(fd), 0);
	close(pair[0]);
	close(pair[1]);
}
END_TEST

START_TEST(bad_parameters)
{
	struct shmreg_connect_params params = { .size = sizeof(params),
						.socket = fake_socket(fake) };
	struct {
		struct shmreg_connect_params known;
		uint64_t newer;
	} longer = { .known = { .size = sizeof(longer), .socket = fake_socket(fake) } };
	char long_path[200];
	struct shmreg_connection *c;

	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[sizeof(long_path) - 1] = '\0';
	params.socket = long_path;
	ck_assert_int_eq(shmreg_connect(&c, &params), -ENAMETOOLONG);
	says("199 bytes");
	params.socket = fake_socket(fake);
	params.name = "a name of more than thirty-one bytes";
	ck_assert_int_eq(shmreg_connect(&c, &params), -ENAMETOOLONG);
	says("31");
	params.name = "tab\there";
	ck_assert_int_eq(shmreg_connect(&c, &params), -EINVAL);
	params.name = NULL;
	params.flags = 8;
	ck_assert_int_eq(shmreg_connect(&c, &params), -EINVAL);
	says("0x8");
	params.flags = 0;
	params.size = 0;
	ck_assert_int_eq(shmreg_connect(&c, &params), -EINVAL);
	says("sizeof(struct shmreg_connect_params)");

	/* of an older program: what is not there is zero */
	params.size = offsetof(struct shmreg_connect_params, name);
	params.name = "a name of more than thirty-one bytes";
	ck_assert_int_eq(shmreg_connect(&c, &params), 0);
	shmreg_disconnect(c);
	/* of a newer one that does not use what is new, and one that does */
	ck_assert_int_eq(shmreg_connect(&c, &longer.known), 0);
	shmreg_disconnect(c);
	longer.newer = 1;
	ck_assert_int_eq(shmreg_connect(&c, &longer.known), -EINVAL);
	says("newer libshmreg");

	ck_assert_int_eq(shmreg_subscribe(NULL, NULL, 0), -EINVAL);
	ck_assert_ptr_null(shmreg_disconnect(NULL));
}
END_TEST

static enum fake_action other_version(struct script *s, const struct shmreg_request *request,
				      struct fake_answer *answer)
{
	(void)s;
	(void)request;
	answer->reply.header.protocol = 7;
	return fake_error(answer, -EPROTONOSUPPORT, "no");
}

START_TEST(version_differs)
{
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .socket = fake_socket(fake) };
	struct shmreg_connection *c;

	script.serve = other_version;
	ck_assert_int_eq(shmreg_connect(&c, &params), -EPROTONOSUPPORT);
	says("speaks protocol 7");
	says("protocol 1");
}
END_TEST

static enum fake_action refuse(struct script *s, const struct shmreg_request *request,
			       struct fake_answer *answer)
{
	(void)s;
	(void)request;
	return fake_error(answer, -EDQUOT, "uid 7 has 3 of 3 connections");
}

START_TEST(greeting_refused)
{
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .socket = fake_socket(fake) };
	struct shmreg_connection *c;

	script.serve = refuse;
	ck_assert_int_eq(shmreg_connect(&c, &params), -EDQUOT);
	ck_assert_str_eq(shmreg_error(), "uid 7 has 3 of 3 connections");
}
END_TEST

/* So the daemon learns whether we still have it mapped. */
static int lock_token(void)
{
	return flock(script.token, LOCK_EX | LOCK_NB) < 0 ? -errno : 0;
}

START_TEST(token)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	pid_t child;
	int status;

	/* The other end is in this process, too: once it answers again it has closed its own. */
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_gt(script.token, 0);
	ck_assert_int_eq(lock_token(), -EWOULDBLOCK);
	shmreg_disconnect(c);
	/* the child, which is alive, has got neither the mapping nor a descriptor */
	ck_assert_int_eq(lock_token(), 0);
	kill(child, SIGKILL);
	waitpid(child, &status, 0);
}
END_TEST

START_TEST(token_after_reconnect)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;

	shmreg_store_release(&script.n_hang_ups, 1);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(fake_connections(fake), 2);
	ck_assert_int_eq(lock_token(), -EWOULDBLOCK); /* of the first session */
	shmreg_disconnect(c);
	ck_assert_int_eq(lock_token(), 0);
}
END_TEST

START_TEST(observer)
{
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .socket = fake_socket(fake),
						      .flags = SHMREG_CONNECT_OBSERVER };
	struct shmreg_connection *c;
	struct shmreg_segment *s;

	ck_assert_int_eq(shmreg_connect(&c, &params), 0);
	ck_assert_int_eq(script.token, 0);
	ck_assert_int_eq(shmreg_segment_open(c, &s, "seg", SHMREG_ACCESS_READ), -EINVAL);
	says("SHMREG_CONNECT_OBSERVER");
	shmreg_disconnect(c);
}
END_TEST

static void *ask_often(void *data)
{
	struct shmreg_stats_reply stats;
	unsigned int i;

	for (i = 0; i < 200; i++)
		if (shmreg_stats(data, 0, &stats) < 0)
			return (void *)shmreg_error();
	return NULL;
}

START_TEST(threads)
{
	struct shmreg_connection *c = connected();
	pthread_t thread[4];
	void *result;
	unsigned int i;

	shmreg_store_release(&script.n_hang_ups, 3);
	for (i = 0; i < 4; i++)
		ck_assert_int_eq(pthread_create(&thread[i], NULL, ask_often, c), 0);
	for (i = 0; i < 4; i++) {
		pthread_join(thread[i], &result);
		ck_assert_msg(result == NULL, "%s", (const char *)result);
	}
	shmreg_disconnect(c);
}
END_TEST

static void nothing(int signal)
{
	(void)signal;
}

/* Until the answer is there: the fake interrupts whoever waits for it. */
static pthread_t waiting;
static enum fake_action interrupting(struct script *s, const struct shmreg_request *request,
				     struct fake_answer *answer)
{
	unsigned int i;

	(void)s;
	(void)request;
	(void)answer;
	for (i = 0; i < 50; i++) {
		pthread_kill(waiting, SIGUSR1);
		usleep(200);
	}
	return FAKE_ANSWER;
}

START_TEST(interrupted)
{
	const struct sigaction action = { .sa_handler = nothing }; /* no SA_RESTART */
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;

	sigaction(SIGUSR1, &action, NULL);
	waiting = pthread_self();
	script.serve = interrupting;
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(fake_connections(fake), 1);
	shmreg_disconnect(c);
}
END_TEST

START_TEST(many_come_and_go)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		shmreg_disconnect(connected());
}
END_TEST

int main(void)
{
	const TTest *const tests[] = {
		no_daemon,
		where_it_looks,
		relative_path,
		standard_streams_closed,
		closed_by_the_process,
		socket_taken_for_ours,
		bad_parameters,
		version_differs,
		greeting_refused,
		token,
		token_after_reconnect,
		observer,
		threads,
		interrupted,
		many_come_and_go,
	};

	return RUN_SUITE("connection", tests, script_setup, script_teardown, 120);
}
