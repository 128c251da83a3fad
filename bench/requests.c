/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * requests - how many system calls the daemon makes for a request
 *
 *	shmregctl run -- ./requests			print them
 *	shmregctl run -- ./requests --check FILE	compare them with those in FILE
 *
 * A child makes requests of the daemon, which this process traces. Each is counted once for a few
 * requests and once for CALLS more of them, several times; the fewest count, since what the daemon
 * does besides (it tells the service manager its status) only adds. Not counted is how it waits
 * and reads: how many requests it finds at once depends on who runs when.
 *
 * Exit status: 0; 1 they differ, or it could not be done; 77 the daemon cannot be traced, or this
 * kernel is older than the figures'.
 */

#include <err.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg.h>

#define CALLS 16
#define BEFORE 2	/* requests that are counted twice */
#define ROUNDS 6
#define SKIPPED 77

#ifndef MFD_NOEXEC_SEAL
# define MFD_NOEXEC_SEAL 8U	/* Linux 6.3 */
#endif

SHMREG_DEFINE_ATOMIC(number, uint64_t);

static struct shmreg_connection *connection;
static struct shmreg_segment *segment;
static unsigned int serial;
static char name[64];

static void ok(int r, const char *what)
{
	if (r < 0)
		errx(1, "%s: %s", what, shmreg_error());
}

static void ask_nothing(void)
{
	struct shmreg_stats_reply stats;

	ok(shmreg_stats(connection, (uint32_t)geteuid(), &stats), "stats");
}

static void create(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 4096,
						      .lifetime = SHMREG_UNTIL_REMOVED };

	snprintf(name, sizeof(name), "requests.%u", serial++);
	ok(shmreg_segment_create(connection, NULL, name, &params), "a segment");
}

static void attach(uint32_t access)
{
	struct shmreg_segment *s;

	ok(shmreg_segment_open(connection, &s, "requests", access), "open");
	shmreg_segment_close(s);
}

static void attach_detach(void)
{
	attach(SHMREG_ACCESS_READ);
}

static void create_object(void)
{
	struct number *a;

	snprintf(name, sizeof(name), "object-%u", serial++);
	ok(number_create(segment, &a, name), "an object");
	number_close(a);
}

static void open_object(void)
{
	struct number *a;

	ok(number_open(segment, &a, "number"), "an object");
	number_close(a);
}

static const struct op {
	const char *name;
	void (*one)(void);
} ops[] = {
	{ "stats", ask_nothing },
	{ "create-store", create },
	{ "attach-detach", attach_detach },
	{ "create-object", create_object },
	{ "open-object", open_object },
};
#define N_OPS (sizeof(ops) / sizeof(*ops))

/* Before and after each count: a stop, for which the tracer waits. */
static void make_requests(void)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 1 << 20,
						      .max_objects = 1000 };
	struct number *a;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	ok(shmreg_connect(&connection, NULL), "no daemon (shmregctl run -- starts one)");
	ok(shmreg_segment_create(connection, &segment, "requests", &params), "the segment");
	ok(number_create(segment, &a, "number"), "an object");
	number_close(a);
	attach(SHMREG_ACCESS_READ);
	for (size_t i = 0; i < N_OPS; i++) {
		for (unsigned int round = 0; round < 2 * ROUNDS; round++) {
			ask_nothing();
			raise(SIGSTOP);
			for (unsigned int n = round % 2 ? BEFORE + CALLS : BEFORE; n > 0; n--)
				ops[i].one();
			/* When it is answered, all of the requests before is done. */
			ask_nothing();
			raise(SIGSTOP);
		}
	}
	exit(0);
}

/* The daemon's, of which there are always as many. */
static bool counts(uint64_t nr)
{
	switch (nr) {
	case SYS_recvmsg:
	case SYS_epoll_pwait:
	case SYS_epoll_ctl:
	case SYS_wait4:
	case SYS_restart_syscall:
	case SYS_rt_sigreturn:
#ifdef SYS_epoll_wait
	case SYS_epoll_wait:
#endif
		return false;
	default:
		return true;
	}
}

/* Until @child stops or ends. Return: the daemon's system calls meanwhile. */
static unsigned int count_until_stop(pid_t daemon, pid_t child)
{
	unsigned int n = 0;
	int status;

	for (;;) {
		const pid_t pid = waitpid(-1, &status, WUNTRACED | __WALL);
		struct __ptrace_syscall_info info;
		long signum = 0;

		if (pid < 0)
			err(1, "waitpid");
		if (pid == child) {
			if (!WIFSTOPPED(status) && status != 0)
				errx(1, "who makes the requests has ended too soon");
			return n;
		}
		if (pid != daemon)
			continue;
		if (!WIFSTOPPED(status))
			errx(1, "the daemon has ended");
		if (WSTOPSIG(status) == (SIGTRAP | 0x80)) {
			if (ptrace(PTRACE_GET_SYSCALL_INFO, daemon, (void *)sizeof(info), &info) > 0 &&
			    info.op == PTRACE_SYSCALL_INFO_ENTRY && counts(info.entry.nr))
				n++;
		} else if (status >> 16 == 0) {
			signum = WSTOPSIG(status);
		}
		if (ptrace(PTRACE_SYSCALL, daemon, NULL, (void *)signum) < 0)
			err(1, "ptrace");
	}
}

static pid_t trace_daemon(void)
{
	struct shmreg_stats_reply stats;
	pid_t daemon;

	ok(shmreg_connect(&connection, NULL), "no daemon (shmregctl run -- starts one)");
	ok(shmreg_stats(connection, (uint32_t)geteuid(), &stats), "stats");
	shmreg_disconnect(connection);
	daemon = (pid_t)stats.pid;
	if (ptrace(PTRACE_SEIZE, daemon, NULL, (void *)PTRACE_O_TRACESYSGOOD) < 0 ||
	    ptrace(PTRACE_INTERRUPT, daemon, NULL, NULL) < 0) {
		printf("skipped: the daemon cannot be traced: %s\n", strerror(errno));
		exit(SKIPPED);
	}
	return daemon;
}

static void count_all(double ret[N_OPS])
{
	const pid_t daemon = trace_daemon(), child = fork();

	if (child < 0)
		err(1, "fork");
	if (child == 0)
		make_requests();
	for (size_t i = 0; i < N_OPS; i++) {
		unsigned int fewest[2] = { -1U, -1U };

		for (unsigned int round = 0; round < 2 * ROUNDS; round++) {
			unsigned int n;

			count_until_stop(daemon, child);
			kill(child, SIGCONT);
			n = count_until_stop(daemon, child);
			kill(child, SIGCONT);
			if (n < fewest[round % 2])
				fewest[round % 2] = n;
		}
		ret[i] = (fewest[1] - (double)fewest[0]) / CALLS;
	}
	count_until_stop(daemon, child);
}

static int check(const char *path, const double found[N_OPS])
{
	char line[256], op[64];
	int status = 0;
	size_t n = 0;
	FILE *file = fopen(path, "re");
	double was;

	if (!file)
		err(1, "%s", path);
	while (fgets(line, sizeof(line), file)) {
		if (*line == '#' || sscanf(line, "%63s %lf", op, &was) != 2)
			continue;
		for (size_t i = 0; i < N_OPS; i++) {
			if (strcmp(ops[i].name, op) != 0)
				continue;
			n++;
			if (found[i] > was + 0.001 || found[i] < was - 0.001) {
				printf("%s: %g system calls of the daemon, %g in %s: if that is meant, "
				       "write it there\n", op, found[i], was, path);
				status = 1;
			}
		}
	}
	fclose(file);
	if (n != N_OPS) {
		printf("%s has %zu of %zu requests\n", path, n, N_OPS);
		status = 1;
	}
	return status;
}

int main(int argc, char **argv)
{
	const int fd = memfd_create("requests", MFD_CLOEXEC | MFD_NOEXEC_SEAL);
	double found[N_OPS];

	if (argc != 1 && (argc != 3 || strcmp(argv[1], "--check") != 0)) {
		fputs("usage: requests [--check FILE]\n", stderr);
		return 2;
	}
	if (fd < 0) {
		puts("skipped: this kernel makes no memfd without exec, so the daemon tries twice");
		return SKIPPED;
	}
	close(fd);
	count_all(found);
	if (argc == 3)
		return check(argv[2], found);
	for (size_t i = 0; i < N_OPS; i++)
		printf("%-20s %g\n", ops[i].name, found[i]);
	return 0;
}
