/* SPDX-License-Identifier: MIT */

/*
 * restore - what a service manager hands over at the start: names, descriptors, and which is which
 *
 * Pairs that belong together and pairs that do not, twice or halves, directories with numbers
 * changed, sockets, roots, files of any other kind, under any name, or more names than descriptors.
 * What comes back bears its invariants, and no descriptor is left over.
 */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "fuzz.h"
#include "log.h"
#include "registry-fixture.h"
#include "restore.h"
#include "segment.h"
#include "server-internal.h"

#define FIRST SD_LISTEN_FDS_START
#define N_MAX 12
#define N_MODELS 3
#define NULL_FD 60

static struct server server;
static struct {
	int dir, data;
	uint64_t id;
} models[N_MODELS];

/* Numbers from 3 on are ours alone. */
static void reserve(void)
{
	for (int fd = FIRST; fd < FIRST + N_MAX; fd++)
		MUST(dup2(NULL_FD, fd) == fd);
}

static void setup(void)
{
	const struct registry_config config = fixture_config();
	const struct caller alice = fixture_caller(1000, 11);
	struct shmreg_attach_reply at;
	struct notes notes = { 0 };
	struct registry *r;
	struct segment *s;
	char name[8];
	int fd;

	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	MUST(fd >= 0 && dup2(fd, NULL_FD) == NULL_FD);
	reserve();
	log_set_level(LOG_EMERG);
	server.loop = ev_default_loop(EVFLAG_NOENV);
	MUST(server.loop != NULL);
	r = fixture_registry(&config, &notes);
	for (int i = 0; i < N_MODELS; i++) {
		snprintf(name, sizeof(name), "s%d", i);
		MUST(fixture_create(r, &alice, name, 4096, 0600, SHMREG_UNTIL_REMOVED, &at) == 0);
	}
	s = registry_first(r);
	for (int i = 0; i < N_MODELS; i++, s = registry_next(r, s)) {
		models[i].id = segment_id(s);
		models[i].dir = fixture_copy_memfd(segment_dir_fd(s));
		models[i].data = fixture_copy_memfd(segment_data_fd(s));
	}
	registry_free(r);
}

static int poked(struct fuzz_input *in, int model)
{
	const int fd = fixture_copy_memfd(model);
	uint8_t head[sizeof(struct shmreg_dir)];

	MUST(pread(fd, head, sizeof(head), 0) == sizeof(head));
	fuzz_poke(in, head, sizeof(head));
	MUST(pwrite(fd, head, sizeof(head), 0) == sizeof(head));
	return fd;
}

static int listening(int type)
{
	const struct sockaddr_un a = { .sun_family = AF_UNIX };
	const int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	MUST(fd >= 0 && bind(fd, (const struct sockaddr *)&a, sizeof(sa_family_t)) == 0 &&
	     listen(fd, 1) == 0);
	return fd;
}

static int root_fd(void)
{
	struct root root = ROOT_INIT;
	int fd;

	MUST(root_new(&root) == 0);
	fd = fcntl(root.fd, F_DUPFD_CLOEXEC, 3);
	root_deinit(&root);
	return fd;
}

static int descriptor(struct fuzz_input *in)
{
	const uint8_t what = fuzz_u8(in);
	const int m = what / 16 % N_MODELS;

	switch (what % 16) {
	case 0:
	case 1:
	case 2:
		return fixture_copy_memfd(models[m].dir);
	case 3:
	case 4:
	case 5:
		return fixture_copy_memfd(models[m].data);
	case 6:
	case 7:
		return poked(in, models[m].dir);
	case 8:
		return memfd_create("fuzz", MFD_CLOEXEC);
	case 9:
		return listening(SOCK_SEQPACKET);
	case 10:
		return listening(SOCK_STREAM);
	case 11:
		return socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	case 12:
	case 13:
		return root_fd();
	case 14:
		return fcntl(models[m].dir, F_DUPFD_CLOEXEC, 3);
	default:
		return fcntl(NULL_FD, F_DUPFD_CLOEXEC, 3);
	}
}

static void name(struct fuzz_input *in, char *ret, size_t size)
{
	static const char *const words[] = {
		STORE_ROOT, STORE_PROBE, "control", "stored", "", "d", "m", "d0000000000000001",
		"d00000000000000001", "dfffffffffffffffff", "mffffffffffffffff", "d-1", "D1",
	};
	const uint8_t what = fuzz_u8(in);

	if (what < 160)
		snprintf(ret, size, "%c%llx", what % 2 ? 'm' : 'd',
			 (unsigned long long)models[what / 2 % N_MODELS].id);
	else if (what < 240)
		snprintf(ret, size, "%s", words[what % (sizeof(words) / sizeof(words[0]))]);
	else
		for (size_t n = fuzz_below(in, size); n; n--, ret++, *ret = 0)
			*ret = (char)(fuzz_u8(in) | 1);
}

static void hand_over(struct fuzz_input *in, int n)
{
	char names[N_MAX * 32 + 64] = "", one[32], number[16];
	int fds[N_MAX];

	for (int i = 0; i < n; i++) {
		memset(one, 0, sizeof(one));
		name(in, one, sizeof(one) - 1);
		snprintf(names + strlen(names), sizeof(names) - strlen(names), "%s%s", i ? ":" : "", one);
		fds[i] = descriptor(in);
		MUST(fds[i] >= 0);
	}
	for (int i = 0; i < N_MAX; i++)
		close(FIRST + i);
	for (int i = 0; i < n; i++) {
		MUST(dup2(fds[i], FIRST + i) == FIRST + i);
		close(fds[i]);
	}
	setenv("LISTEN_FDNAMES", names, 1);
	snprintf(number, sizeof(number), "%d", n);
	setenv("LISTEN_FDS", number, 1);
	snprintf(number, sizeof(number), "%d", (int)getpid());
	setenv("LISTEN_PID", number, 1);
}

static void run(struct fuzz_input *in)
{
	const int n = 1 + (int)fuzz_below(in, N_MAX);
	struct ev_loop *loop = server.loop;
	uint64_t n_segments, ignored;
	int r;

	server = (struct server){ .loop = loop, .lock = LOCK_INIT, .root = ROOT_INIT };
	TAILQ_INIT(&server.peers);
	LIST_INIT(&server.subscribers);
	listener_init(&server.listener, loop, NULL, NULL);
	MUST(options_init(&server.options) == 0);
	server.options.log_level = LOG_EMERG;
	MUST(server_make_parts(&server) == 0);
	hand_over(in, n);
	server.restoring = true;
	r = restore_all(&server);
	server.restoring = false;
	MUST(r >= 0 || r == -EPROTONOSUPPORT || r == -EINVAL);
	registry_verify(server.registry);
	registry_count(server.registry, &n_segments, &ignored);
	MUST(r < 0 || n_segments <= (uint64_t)r);
	for (int i = 0; i < 3 && r >= 0; i++) {
		ev_run(loop, EVRUN_NOWAIT);
		registry_verify(server.registry);
	}
	server_free_parts(&server);
	listener_stop(&server.listener);
	options_deinit(&server.options);
	ev_run(loop, EVRUN_NOWAIT);
	/* It goes on living then only to say why it cannot. */
	for (int i = 0; i < n; i++)
		MUST(r < 0 || fcntl(FIRST + i, F_GETFD) < 0);
	reserve();
}

static void seeds(void)
{
	/* how many; name, descriptor */
	fuzz_seed((const uint8_t[]){ 7, 0, 0, 1, 3, 2, 16, 3, 19, 4, 32, 5, 35, 162, 9, 160, 12 }, 17);
	fuzz_seed((const uint8_t[]){ 3, 0, 0, 1, 3, 0, 0, 1, 3 }, 9);
	fuzz_seed((const uint8_t[]){ 3, 0, 16, 1, 3, 160, 12, 160, 13 }, 9);
	for (uint8_t i = 0; i < 16; i++)
		fuzz_seed((const uint8_t[]){ 2, 0, i, 1, 3, (uint8_t)(160 + i), i }, 7);
	for (uint8_t at = 0; at < 200; at += 8)
		fuzz_seed((const uint8_t[]){ 1, 0, 6, 3, at, 7, 1, 3 }, 8);
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
