/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/abi/reaper.h>

#include "janitor.h"
#include "spawn.h"

_Static_assert(SHMREG_REAPER_FD == JANITOR_FD, "both are started in the same way");

/*
 * Between vfork and exec, in the daemon's memory and on its stack: async-signal-safe functions
 * only, and nothing is changed there.
 */
_Noreturn static void become(const char *path, const char *name, int lock_fd, int fd, pid_t daemon)
{
	static const int handled[] = { SIGPIPE, SIGXFSZ, SIGCHLD, SIGTERM, SIGINT, SIGHUP,
				       SIGUSR1 };
	char *const argv[] = { (char *)name, NULL };
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* It may have died before that. */
	if (getppid() != daemon)
		_exit(0);
	/* A signal to this process must not be taken for one to the daemon by its handlers. */
	for (size_t i = 0; i < sizeof(handled) / sizeof(*handled); i++)
		signal(handled[i], SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	if (lock_fd < 0)
		lock_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (dup2(lock_fd, STDIN_FILENO) < 0)
		_exit(127);
	if (fd == SHMREG_REAPER_FD ? fcntl(fd, F_SETFD, 0) < 0 : dup2(fd, SHMREG_REAPER_FD) < 0)
		_exit(127);
	syscall(SYS_close_range, SHMREG_REAPER_FD + 1, ~0U, 0);
	execv(path, argv);
	_exit(127);
}

/*
 * By vfork(2): fork(2) copies what maps the directories, which with 1,000 segments takes a
 * millisecond, in which nobody is served. Return: a pid; -errno.
 */
static pid_t start(const char *path, const char *name, int lock_fd, int fd)
{
	const pid_t daemon = getpid();
	sigset_t all, before;
	pid_t pid;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	pid = vfork();
	if (pid == 0)
		become(path, name, lock_fd, fd, daemon);
	if (pid < 0)
		pid = -errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	return pid;
}

static int spawn(const char *path, const char *name, int lock_fd, pid_t *ret_pid, int *ret_fd)
{
	int pair[2];
	pid_t pid;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	pid = start(path, name, lock_fd, pair[1]);
	close(pair[1]);
	if (pid < 0) {
		close(pair[0]);
		return pid;
	}
	*ret_pid = pid;
	*ret_fd = pair[0];
	return 0;
}

int spawn_reaper(const char *path, int lock_fd, pid_t *ret_pid, int *ret_fd)
{
	return spawn(path, path, lock_fd, ret_pid, ret_fd);
}

int spawn_janitor(int lock_fd, pid_t *ret_pid, int *ret_fd)
{
	return spawn("/proc/self/exe", JANITOR_NAME, lock_fd, ret_pid, ret_fd);
}
