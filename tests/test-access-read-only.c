/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Read-only is read-only: whatever one tries with the descriptors and mappings one was given,
 * and with those of other users' processes. With a daemon that is root and one that has a uid of its
 * own; not for the daemon's own uid, which owns the files.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "own-uid.h"
#include "raw.h"

#ifndef F_SEAL_FUTURE_WRITE
#define F_SEAL_FUTURE_WRITE 0x0010
#endif

static const struct identity anna = { .uid = 20001, .gid = 20001 };
static const struct identity bert = { .uid = 20002, .gid = 20002 };

#define SEGMENT "stage"

static struct harness h;

#define FAILS(call) ck_assert_msg((call) < 0, #call " of %s succeeded", what)

/* --- one's own descriptors ----------------------------------------------------------------- */

static void try_path(const char *what, int fd, int flags)
{
	char path[64];
	int again;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	again = open(path, flags | O_CLOEXEC);
	ck_assert_msg(again < 0, "%s could be opened with flags 0x%x", what, (unsigned int)flags);
}

static void try_descriptor(const char *what, int fd)
{
	int other[2];
	char byte = 'x';

	try_path(what, fd, O_RDWR);
	try_path(what, fd, O_WRONLY);
	try_path(what, fd, O_RDONLY | O_TRUNC);
	FAILS(write(fd, "x", 1));
	FAILS(pwrite(fd, "x", 1, 0));
	FAILS(pwritev(fd, &(struct iovec){ &byte, 1 }, 1, 0));
	FAILS(ftruncate(fd, 0));
	FAILS(ftruncate(fd, 1 << 30));
	FAILS(fallocate(fd, 0, 0, 4096));
	FAILS(fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096));
	FAILS(fallocate(fd, FALLOC_FL_ZERO_RANGE, 0, 4096));
	FAILS(fallocate(fd, FALLOC_FL_COLLAPSE_RANGE, 0, 4096));
	/* Others must go on being able to write. */
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE));
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	FAILS(fcntl(fd, F_ADD_SEALS, F_SEAL_SEAL));
	FAILS(fchmod(fd, 0777));
	FAILS(fchown(fd, getuid(), getgid()));
	FAILS(futimens(fd, (const struct timespec[2]){ { .tv_nsec = UTIME_NOW },
						       { .tv_sec = 1 } }));
	/* The flags of an open file cannot be widened. */
	fcntl(fd, F_SETFL, O_RDWR);
	ck_assert_int_eq(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
	FAILS(sendfile(fd, fd, NULL, 1));
	FAILS(copy_file_range(fd, &(off64_t){ 0 }, fd, &(off64_t){ 4096 }, 1, 0));
	ck_assert_int_eq(pipe(other), 0);
	ck_assert_int_eq(write(other[1], &byte, 1), 1);
	FAILS(splice(other[0], NULL, fd, &(off64_t){ 0 }, 1, 0));
	close(other[0]);
	close(other[1]);
}

/* --- one's own mappings --------------------------------------------------------------------- */

static void try_mapping(const char *what, int fd)
{
	char path[96], old, byte = 'x';
	unsigned char *map;
	struct stat st;
	size_t n;
	int mem;

	ck_assert_int_eq(fstat(fd, &st), 0);
	n = (size_t)st.st_size;
	ck_assert_ptr_eq(mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, n, PROT_WRITE, MAP_SHARED, fd, 0), MAP_FAILED);
	ck_assert_ptr_eq(mmap(NULL, n, PROT_WRITE, MAP_SHARED_VALIDATE, fd, 0), MAP_FAILED);
	map = mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	FAILS(mprotect(map, n, PROT_READ | PROT_WRITE));
	FAILS(mprotect(map, n, PROT_WRITE));
	FAILS(madvise(map, 4096, MADV_REMOVE));
	old = (char)map[0];
	/* The way of debuggers, which write over what is read-only. */
	mem = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(mem, 0);
	FAILS(pwrite(mem, &byte, 1, (off_t)(uintptr_t)map));
	close(mem);
	FAILS(process_vm_writev(getpid(), &(struct iovec){ &byte, 1 }, 1,
				&(struct iovec){ map, 1 }, 1, 0));
	snprintf(path, sizeof(path), "/proc/self/map_files/%lx-%lx", (unsigned long)(uintptr_t)map,
		 (unsigned long)((uintptr_t)map + n));
	FAILS(open(path, O_RDWR | O_CLOEXEC));
	ck_assert_int_eq((char)map[0], old);
	ck_assert_int_eq(munmap(map, n), 0);
	/* A private one is writable, and is one's own. */
	map = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
	if (map != MAP_FAILED) {
		map[0] = (unsigned char)(old + 1);
		ck_assert_int_eq(pread(fd, &byte, 1, 0), 1);
		ck_assert_int_eq(byte, old);
		munmap(map, n);
	}
}

/* Root of a user namespace is nobody to files of others. */
static void try_as_root_of_namespace(const char *what, int fd)
{
	const pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		if (unshare(CLONE_NEWUSER) < 0)
			_exit(0);	/* forbidden here */
		try_descriptor(what, fd);
		_exit(0);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert_msg(status == 0, "%s, in a user namespace", what);
}

static void try_all(const char *what, int fd)
{
	try_descriptor(what, fd);
	try_mapping(what, fd);
	try_as_root_of_namespace(what, fd);
}

static void try_read_only(const struct mouth *mouth, void *arg)
{
	struct shmreg_request in;
	struct raw c;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, SEGMENT, SHMREG_ACCESS_READ, 1), 0);
	ck_assert_int_eq(c.n_fds, 2);
	try_all("a directory", c.fds[0]);
	try_all("a read-only data area", c.fds[1]);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_DESCRIBE, SEGMENT), 0);
	ck_assert_int_eq(c.n_fds, 1);
	try_all("a described directory", c.fds[0]);
	raw_request(&in, SHMREG_PACKET_ROOT);
	ck_assert_int_eq(raw_call(&c, &in), 0);
	ck_assert_int_eq(c.n_fds, 1);
	try_all("the root", c.fds[0]);
	raw_close(&c);
	tell(mouth, 0);
}

/* Who may write the contents may still not change what the others rely on. */
static void try_writer(const struct mouth *mouth, void *arg)
{
	const char *what = "a writable data area";
	struct raw c;
	int token;

	(void)arg;
	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, 0), 0);
	ck_assert_int_eq(c.n_fds, 1);
	token = dup(c.fds[0]);
	raw_map_token(&c);
	ck_assert_int_eq(raw_attach(&c, SEGMENT, SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE,
				    2), 0);
	try_all("the directory of a writer", c.fds[0]);
	FAILS(ftruncate(c.fds[1], 0));
	FAILS(ftruncate(c.fds[1], 4096));
	FAILS(ftruncate(c.fds[1], 1 << 30));
	FAILS(fcntl(c.fds[1], F_ADD_SEALS, F_SEAL_WRITE));
	FAILS(fcntl(c.fds[1], F_ADD_SEALS, F_SEAL_FUTURE_WRITE));
	FAILS(fchmod(c.fds[1], 0777));
	FAILS(fchown(c.fds[1], getuid(), getgid()));
	/* The token is the client's to map; that is all it can do to the daemon with it. */
	what = "a token";
	FAILS(ftruncate(token, 0));
	FAILS(ftruncate(token, 1 << 30));
	FAILS(fchmod(token, 0777));
	FAILS(fchown(token, getuid(), getgid()));
	close(token);
	raw_close(&c);
	tell(mouth, 0);
}

/* --- those of other users' processes ----------------------------------------------------- */

struct prey {
	pid_t pid;
	int fd;			/* its, writable */
	uintptr_t map;		/* its, writable */
	size_t n;
};

static void try_prey(const char *what, const struct prey *prey)
{
	struct iovec from, to = { (void *)prey->map, 1 };
	char path[96], byte = 'x';
	int pidfd;

	from = (struct iovec){ &byte, 1 };
	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)prey->pid, prey->fd);
	FAILS(open(path, O_RDWR | O_CLOEXEC));
	FAILS(open(path, O_RDONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)prey->pid);
	FAILS(open(path, O_RDWR | O_CLOEXEC));
	FAILS(open(path, O_RDONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/%d/maps", (int)prey->pid);
	FAILS(open(path, O_RDONLY | O_CLOEXEC));
	snprintf(path, sizeof(path), "/proc/%d/map_files/%lx-%lx", (int)prey->pid,
		 (unsigned long)prey->map, (unsigned long)(prey->map + prey->n));
	FAILS(open(path, O_RDWR | O_CLOEXEC));
	FAILS(process_vm_readv(prey->pid, &from, 1, &to, 1, 0));
	FAILS(process_vm_writev(prey->pid, &from, 1, &to, 1, 0));
	FAILS(ptrace(PTRACE_SEIZE, prey->pid, NULL, NULL));
	FAILS(ptrace(PTRACE_ATTACH, prey->pid, NULL, NULL));
	pidfd = (int)syscall(SYS_pidfd_open, prey->pid, 0);
	ck_assert_int_ge(pidfd, 0);
	FAILS(syscall(SYS_pidfd_getfd, pidfd, prey->fd, 0));
	close(pidfd);
}

static void try_others(const struct mouth *mouth, void *arg)
{
	const struct prey *prey = arg;
	struct prey daemon = { .pid = prey[1].pid, .map = 0x1000, .n = 4096 };

	try_prey("the owner", &prey[0]);
	for (daemon.fd = 0; daemon.fd < 32; daemon.fd++)
		try_prey("the daemon", &daemon);
	tell(mouth, 0);
}

/* Attached for writing, mapped; says where, and waits. */
static void be_prey(const struct mouth *mouth, void *arg)
{
	struct raw c;
	void *map;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, SEGMENT, SHMREG_ACCESS_READ | SHMREG_ACCESS_WRITE,
				    3), 0);
	map = mmap(NULL, 65536, PROT_READ | PROT_WRITE, MAP_SHARED, c.fds[1], 0);
	ck_assert_ptr_ne(map, MAP_FAILED);
	tell(mouth, c.fds[1]);
	tell(mouth, (int64_t)(uintptr_t)map);
	hear(mouth);
	/* Nobody has written. */
	for (size_t i = 0; i < 65536; i++)
		if (((const char *)map)[i])
			ck_abort_msg("byte %zu is not 0", i);
	munmap(map, 65536);
	raw_close(&c);
}

static void as_daemon(uid_t uid)
{
	struct shmreg_request in;
	struct prey prey[2] = { { .n = 65536 }, { 0 } };
	struct process owner, p;
	struct raw root;

	own_uid_start(&h, uid, NULL);
	raw_open(&root, h.socket_path);
	ck_assert_int_eq(raw_create(&root, SEGMENT, 9, SHMREG_CREATE_DETACHED), 0);
	raw_request(&in, SHMREG_PACKET_SET);
	in.u.set.target.segment = root.reply.u.attach.segment;
	in.u.set.what = SHMREG_SET_OWNER | SHMREG_SET_MODE;
	in.u.set.uid = in.u.set.gid = anna.uid;
	in.u.set.mode = 0644;
	ck_assert_int_eq(raw_call(&root, &in), 0);

	process_start_as(&owner, &anna, be_prey, NULL);
	prey[0].pid = owner.pid;
	prey[0].fd = (int)process_hear(&owner);
	prey[0].map = (uintptr_t)process_hear(&owner);
	prey[1].pid = harness_daemon(&h);

	process_start_as(&p, &bert, try_read_only, NULL);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);
	/* The segment's owner does not own the files. */
	process_start_as(&p, &anna, try_read_only, NULL);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);
	process_start_as(&p, &anna, try_writer, NULL);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);
	process_start_as(&p, &bert, try_others, prey);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);

	process_finish(&owner);
	ck_assert_int_eq(raw_target(&root, SHMREG_PACKET_REMOVE, SEGMENT), 0);
	raw_close(&root);
	own_uid_stop(&h);
}

START_TEST(test_daemon_is_root)
{
	if (!harness_need_root())
		as_daemon(0);
}
END_TEST

START_TEST(test_daemon_has_a_uid)
{
	if (!harness_need_root())
		as_daemon(OWN_UID);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("access-read-only");
	TCase *tc = harness_case(s, "access-read-only");

	tcase_add_test(tc, test_daemon_is_root);
	tcase_add_test(tc, test_daemon_has_a_uid);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
