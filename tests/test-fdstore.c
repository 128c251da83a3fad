/* SPDX-License-Identifier: MIT */
/* The fd store of shmregctl run, against libsystemd's side of it. */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "fdstore.h"
#include "suite.h"

static char dir[] = "/tmp/test-fdstore.XXXXXX";
static char path[64];
static int notify_fd;
static struct fdstore store;

static void setup(void)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/notify", dir);
	strcpy(address.sun_path, path);
	notify_fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(notify_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	setenv("NOTIFY_SOCKET", path, 1);
	store = (struct fdstore)FDSTORE_INIT;
}

static void teardown(void)
{
	fdstore_deinit(&store);
	close(notify_fd);
	unlink(path);
	rmdir(dir);
	memcpy(dir + sizeof(dir) - 7, "XXXXXX", 6);
}

static void notify(const char *text, const int *fds, unsigned int n)
{
	ck_assert_int_gt(sd_pid_notify_with_fds(0, 0, text, fds, n), 0);
}

START_TEST(test_store)
{
	const int fds[2] = { memfd_create("a", MFD_CLOEXEC), memfd_create("b", MFD_CLOEXEC) };
	bool ready = false;

	ck_assert_int_eq(fdstore_receive(&store, notify_fd, &ready), -EAGAIN);
	notify("FDSTORE=1\nFDNAME=d3", fds, 1);
	notify("FDSTORE=1\nFDNAME=m3", fds + 1, 1);
	notify("FDSTORE=1\nFDNAME=pair", fds, 2);
	notify("READY=1\nSTATUS=fine", NULL, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fdstore_receive(&store, notify_fd, &ready), 0);
	ck_assert(!ready);
	ck_assert_int_eq(fdstore_receive(&store, notify_fd, &ready), 0);
	ck_assert(ready);
	ck_assert_int_eq(fdstore_receive(&store, notify_fd, &ready), -EAGAIN);
	ck_assert_uint_eq(store.n, 4);
	ck_assert_str_eq(store.entries[0].name, "d3");
	ck_assert_str_eq(store.entries[1].name, "m3");
	ck_assert_str_eq(store.entries[3].name, "pair");
	for (size_t i = 0; i < store.n; i++)
		ck_assert_int_eq(fcntl(store.entries[i].fd, F_GETFD), FD_CLOEXEC);

	/* All of a name go, the others keep their order. */
	notify("FDSTOREREMOVE=1\nFDNAME=d3", NULL, 0);
	notify("FDSTOREREMOVE=1\nFDNAME=pair", NULL, 0);
	notify("FDSTOREREMOVE=1\nFDNAME=unknown", NULL, 0);
	for (int i = 0; i < 3; i++)
		ck_assert_int_eq(fdstore_receive(&store, notify_fd, &ready), 0);
	ck_assert_uint_eq(store.n, 1);
	ck_assert_str_eq(store.entries[0].name, "m3");
	close(fds[0]);
	close(fds[1]);
}
END_TEST

START_TEST(test_names)
{
	const int fd = memfd_create("a", MFD_CLOEXEC);
	char text[400] = "FDSTORE=1\nFDNAME=";
	bool ready = false;

	notify("FDSTORE=1", &fd, 1);
	notify("FDSTORE=1\nFDNAME=a:b", &fd, 1);
	notify("FDSTORE=1\nFDNAME=", &fd, 1);
	memset(text + strlen(text), 'x', 256);
	notify(text, &fd, 1);
	for (int i = 0; i < 4; i++)
		ck_assert_int_eq(fdstore_receive(&store, notify_fd, &ready), 0);
	ck_assert_uint_eq(store.n, 4);
	for (size_t i = 0; i < store.n; i++)
		ck_assert_str_eq(store.entries[i].name, "stored");
	close(fd);
}
END_TEST

static void *barrier(void *data)
{
	*(int *)data = sd_notify_barrier(0, UINT64_MAX);
	return NULL;
}

/* Answered when what was sent before it has been done. */
START_TEST(test_barrier)
{
	const int fd = memfd_create("a", MFD_CLOEXEC);
	bool ready = false;
	pthread_t thread;
	int result = -1;

	notify("FDSTORE=1\nFDNAME=d1", &fd, 1);
	ck_assert_int_eq(pthread_create(&thread, NULL, barrier, &result), 0);
	for (int n = 0; n < 2;) {
		poll(&(struct pollfd){ .fd = notify_fd, .events = POLLIN }, 1, -1);
		n += fdstore_receive(&store, notify_fd, &ready) == 0;
	}
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	ck_assert_int_ge(result, 0);
	ck_assert_uint_eq(store.n, 1);
	close(fd);
}
END_TEST

int main(void)
{
	TCase *tcase = tcase_create("fdstore");

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_add_test(tcase, test_store);
	tcase_add_test(tcase, test_names);
	tcase_add_test(tcase, test_barrier);
	tcase_set_timeout(tcase, 300);
	return run_case("fdstore", tcase);
}
