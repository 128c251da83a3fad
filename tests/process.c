/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <grp.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "process.h"

static void become(const struct identity *who)
{
	if (!who)
		return;
	if (setgroups((size_t)who->n_groups, who->groups) < 0 ||
	    setresgid(who->gid, who->gid, who->gid) < 0 ||
	    setresuid(who->uid, who->uid, who->uid) < 0)
		_exit(70);
	/* Changing uid makes a process undumpable: /proc/self belongs to root then. */
	prctl(PR_SET_DUMPABLE, 1);
}

void process_start_as(struct process *p, const struct identity *who, process_fn run, void *arg)
{
	const pid_t parent = getpid();
	struct mouth mouth;
	int pair[2];
	pid_t pid;

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0);
	pid = fork();
	ck_assert_int_ge(pid, 0);
	if (pid == 0) {
		close(pair[0]);
		become(who);
		/* After become(), which clears it. */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(0);
		mouth.fd = pair[1];
		run(&mouth, arg);
		_exit(0);
	}
	close(pair[1]);
	p->pid = pid;
	p->fd = pair[0];
}

void process_start(struct process *p, process_fn run, void *arg)
{
	process_start_as(p, NULL, run, arg);
}

void process_tell(struct process *p, int64_t word)
{
	ck_assert_msg(send(p->fd, &word, sizeof(word), MSG_NOSIGNAL) == (ssize_t)sizeof(word),
		      "process %d does not listen: %s", p->pid, strerror(errno));
}

int64_t process_hear(struct process *p)
{
	int64_t word = 0;
	ssize_t n;

	do
		n = recv(p->fd, &word, sizeof(word), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(word)) {
		const int status = process_wait(p);

		ck_abort_msg("a client ended with status 0x%x while it was expected to speak",
			     status);
	}
	return word;
}

void process_expect(struct process *p, int64_t word)
{
	const int64_t heard = process_hear(p);

	ck_assert_msg(heard == word, "a client said %lld (%s) instead of %lld", (long long)heard,
		      heard < 0 ? strerror((int)-heard) : "-", (long long)word);
}

bool process_speaks(struct process *p)
{
	char byte;

	return recv(p->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) > 0;
}

int process_wait(struct process *p)
{
	int status;
	pid_t pid;

	do
		pid = waitpid(p->pid, &status, 0);
	while (pid < 0 && errno == EINTR);
	ck_assert_int_eq(pid, p->pid);
	close(p->fd);
	p->pid = 0;
	p->fd = -1;
	return status;
}

void process_try(process_fn run, void *arg)
{
	struct process p;

	process_start(&p, run, arg);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);
}

void process_finish(struct process *p)
{
	const int64_t word = 0;
	int status;

	/* It may have gone already: how is seen by its status. */
	(void)!send(p->fd, &word, sizeof(word), MSG_NOSIGNAL);
	status = process_wait(p);
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0,
		      "a client ended with status 0x%x", status);
}

void process_kill(struct process *p)
{
	ck_assert_int_eq(kill(p->pid, SIGKILL), 0);
	ck_assert_int_eq(WTERMSIG(process_wait(p)), SIGKILL);
}

void process_stop(struct process *p)
{
	int status;

	ck_assert_int_eq(kill(p->pid, SIGSTOP), 0);
	ck_assert_int_eq(waitpid(p->pid, &status, WUNTRACED), p->pid);
	ck_assert(WIFSTOPPED(status));
}

void process_continue(struct process *p)
{
	ck_assert_int_eq(kill(p->pid, SIGCONT), 0);
}

void tell(const struct mouth *mouth, int64_t word)
{
	if (send(mouth->fd, &word, sizeof(word), MSG_NOSIGNAL) != (ssize_t)sizeof(word))
		_exit(71);
}

int64_t hear(const struct mouth *mouth)
{
	int64_t word = 0;
	ssize_t n;

	do
		n = recv(mouth->fd, &word, sizeof(word), 0);
	while (n < 0 && errno == EINTR);
	if (n != (ssize_t)sizeof(word))
		_exit(72);
	return word;
}
