/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ctl.h"
#include "keeper.h"

#define TEMPLATE "/shmreg-run.XXXXXX"
#define PATH_BYTES (sizeof(((struct sockaddr_un *)NULL)->sun_path))

struct run {
	char dir[PATH_BYTES];
	char socket_path[PATH_BYTES];
	char notify_path[PATH_BYTES];
	struct keeper keeper;
	char **daemon;			/* its arguments */
	pid_t keeper_pid;
	int link_fd;
	int signal_fd;
	sigset_t original_mask;
	pid_t command;
};

/* Sent on to the command; the others are for us, or do their usual work. */
static const int forwarded[] = { SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1, SIGUSR2 };
#define N_FORWARDED (sizeof(forwarded) / sizeof(forwarded[0]))

static int make_dir(struct run *run)
{
	const char *base = getenv("XDG_RUNTIME_DIR");

	/* Room for the longest name within, or the kernel refuses the address. */
	if (!base || base[0] != '/' || access(base, W_OK) < 0 ||
	    strlen(base) + sizeof(TEMPLATE "/control") > PATH_BYTES)
		base = "/tmp";
	snprintf(run->dir, sizeof(run->dir), "%s" TEMPLATE, base);
	if (!mkdtemp(run->dir)) {
		run->dir[0] = '\0';
		return ctl_fail("run: cannot make a directory in %s: %s", base, strerror(errno));
	}
	run->keeper.dir = run->dir;
	run->keeper.dir_fd = open(run->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (run->keeper.dir_fd < 0)
		return ctl_fail("run: %s: %s", run->dir, strerror(errno));
	return 0;
}

static int bind_socket(const struct run *run, const char *name, int type, char path[PATH_BYTES],
		       int *ret_fd)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd;

	if ((size_t)snprintf(address.sun_path, PATH_BYTES, "%s/%s", run->dir, name) >= PATH_BYTES)
		return ctl_fail("run: the path %s is too long for a socket", run->dir);
	memcpy(path, address.sun_path, PATH_BYTES);
	fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    (type == SOCK_SEQPACKET && listen(fd, SOMAXCONN) < 0))
		return ctl_fail("run: %s: %s", path, strerror(errno));
	*ret_fd = fd;
	return 0;
}

static int spawn_keeper(struct run *run)
{
	int link_fds[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, link_fds) < 0)
		return ctl_fail("run: %s", strerror(errno));
	run->keeper_pid = fork();
	if (run->keeper_pid < 0)
		return ctl_fail("run: fork: %s", strerror(errno));
	if (run->keeper_pid == 0) {
		close(link_fds[0]);
		close(run->signal_fd);
		run->keeper.link_fd = link_fds[1];
		run->keeper.notify_path = run->notify_path;
		run->keeper.argv = run->daemon;
		keeper_run(&run->keeper);
	}
	close(link_fds[1]);
	run->link_fd = link_fds[0];
	close(run->keeper.listen_fd);
	close(run->keeper.notify_fd);
	return 0;
}

static void exec_command(const struct run *run, char **argv, pid_t parent)
{
	int r;

	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
		_exit(1);
	sigprocmask(SIG_SETMASK, &run->original_mask, NULL);
	if (setenv("SHMREG_SOCKET", run->socket_path, 1) < 0)
		_exit(1);
	execvp(argv[0], argv);
	r = errno;
	ctl_fail("run: %s: %s", argv[0], strerror(r));
	/* As shells say it. */
	_exit(r == ENOENT ? 127 : 126);
}

static int spawn_command(struct run *run, char **argv)
{
	const pid_t parent = getpid();

	run->command = fork();
	if (run->command < 0)
		return ctl_fail("run: fork: %s", strerror(errno));
	if (run->command == 0)
		exec_command(run, argv, parent);
	return 0;
}

/* The keeper has said something, or is gone. 0: the daemon is ready. */
static int hear_keeper(struct run *run)
{
	struct keeper_news news;
	ssize_t n;

	n = recv(run->link_fd, &news, sizeof(news), 0);
	if (n == sizeof(news) && news.ready)
		return 0;
	if (n != sizeof(news)) {
		/* Killed, and the daemon with it: what it would have done is ours now. */
		keeper_remove_dir(run->keeper.dir_fd, run->dir);
		return ctl_fail("run: the keeper of the private daemon was killed");
	}
	if (WIFEXITED(news.status) && WEXITSTATUS(news.status) == 127)
		return ctl_fail("run: the daemon cannot be started; --daemon PATH says where it is");
	return ctl_fail("run: the daemon %s %d before it was ready",
			WIFSIGNALED(news.status) ? "was killed by signal" : "exited with status",
			WIFSIGNALED(news.status) ? WTERMSIG(news.status) : WEXITSTATUS(news.status));
}

static void handle_signal(const struct run *run, const struct signalfd_siginfo *info, int *stop)
{
	if (info->ssi_signo == SIGCHLD)
		return;
	if (!run->command)
		*stop = 128 + (int)info->ssi_signo;
	/* What the terminal sends, it sends to the command as well. */
	else if (info->ssi_code != SI_KERNEL)
		kill(run->command, (int)info->ssi_signo);
}

/* Until the command has ended, or cannot be started. Return: the exit status. */
static int loop(struct run *run, char **argv)
{
	int failed = 0, stop = 0, status;

	for (;;) {
		struct pollfd p[] = {
			{ .fd = run->link_fd, .events = POLLIN },
			{ .fd = run->signal_fd, .events = POLLIN },
		};
		struct signalfd_siginfo info;

		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return ctl_fail("run: poll: %s", strerror(errno));
		while (p[1].revents && read(run->signal_fd, &info, sizeof(info)) == sizeof(info))
			handle_signal(run, &info, &stop);
		if (stop)
			return stop;
		if (p[0].revents) {
			failed = hear_keeper(run);
			if (failed || !run->command)
				failed = failed ? failed : spawn_command(run, argv);
			if (failed && !run->command)
				return failed;
			if (failed) {
				/* Without a daemon there is no sense in going on. */
				kill(run->command, SIGTERM);
				close(run->link_fd);
				run->link_fd = -1;
			}
		}
		if (run->command && waitpid(run->command, &status, WNOHANG) == run->command) {
			run->command = 0;
			if (failed)
				return failed;
			return WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
		}
	}
}

static int arguments(struct ctl *ctl, int argc, char **argv, char **daemon)
{
	static const struct option options[] = {
		CTL_OPTIONS,
		{ "daemon", required_argument, NULL, 'd' },
		{ "reaper", required_argument, NULL, 'r' },
		{ "daemon-option", required_argument, NULL, 'o' },
		{ "verbose", no_argument, NULL, 'V' },
		{ NULL, 0, NULL, 0 },
	};
	static char reaper[] = "--reaper", config[] = "--config=/dev/null";
	static char quiet[] = "--log-level=warning", verbose[] = "--log-level=info";
	static char path[] = BINDIR "/shmregd";
	size_t n = 0;
	int option;

	/* The machine's configuration is not for a private daemon. */
	daemon[n++] = path;
	daemon[n++] = config;
	daemon[n++] = quiet;
	while ((option = getopt_long(argc, argv, "+:js:", options, NULL)) != -1) {
		switch (option) {
		case 'd':
			daemon[0] = optarg;
			break;
		case 'r':
			daemon[n++] = reaper;
			daemon[n++] = optarg;
			break;
		case 'o':
			daemon[n++] = optarg;
			break;
		case 'V':
			daemon[2] = verbose;
			break;
		case 's':
			return ctl_usage("run: --socket is for the other commands; the private daemon's "
					 "socket is in $SHMREG_SOCKET of COMMAND");
		default:
			if (!ctl_common(ctl, option))
				return ctl_bad_option(option, argv, "run");
		}
	}
	if (ctl->socket)
		return ctl_usage("run: --socket is for the other commands; the private daemon's "
				 "socket is in $SHMREG_SOCKET of COMMAND");
	if (optind == argc)
		return ctl_usage("run: a command is missing: shmregctl run -- COMMAND [ARGUMENT...]");
	return 0;
}

static int start(struct run *run)
{
	sigset_t mask;
	int r;

	sigemptyset(&mask);
	sigaddset(&mask, SIGCHLD);
	for (size_t i = 0; i < N_FORWARDED; i++)
		sigaddset(&mask, forwarded[i]);
	sigprocmask(SIG_BLOCK, &mask, &run->original_mask);
	run->signal_fd = signalfd(-1, &mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (run->signal_fd < 0)
		return ctl_fail("run: signalfd: %s", strerror(errno));
	r = make_dir(run);
	if (r == 0)
		r = bind_socket(run, "control", SOCK_SEQPACKET, run->socket_path,
				&run->keeper.listen_fd);
	if (r == 0)
		r = bind_socket(run, "notify", SOCK_DGRAM, run->notify_path, &run->keeper.notify_fd);
	if (r == 0)
		r = spawn_keeper(run);
	if (r && run->dir[0])
		keeper_remove_dir(run->keeper.dir_fd, run->dir);
	return r;
}

int ctl_run(struct ctl *ctl, int argc, char **argv)
{
	struct run run = { .link_fd = -1 };
	int r;

	/* Each word gives at most two, and three come by themselves. */
	run.daemon = calloc((size_t)argc * 2 + 4, sizeof(*run.daemon));
	if (!run.daemon)
		return ctl_fail("no memory is left");
	r = arguments(ctl, argc, argv, run.daemon);
	if (r == 0)
		r = start(&run);
	if (run.keeper_pid > 0) {
		r = loop(&run, argv + optind);
		/* The keeper stops the daemon and tidies up. */
		if (run.link_fd >= 0)
			close(run.link_fd);
		while (waitpid(run.keeper_pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	free(run.daemon);
	return r;
}
