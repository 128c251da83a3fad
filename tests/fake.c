/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "fake.h"
#include "send-fds.h"

#define DATA_BYTES 65536

struct fake {
	fake_serve *serve;
	void *data;
	pthread_t thread;
	int listener;
	int client;	/* shut down by fake_stop() to end the thread */
	bool stop;
	unsigned int n_connections;
	char directory[32];
	char socket[64];
};

#define CHECK(e) \
	do { \
		if (!(e)) { \
			fprintf(stderr, "fake daemon: %s: %s\n", #e, strerror(errno)); \
			abort(); \
		} \
	} while (0)

static bool answer_one(struct fake *f, int client)
{
	struct shmreg_request request;
	struct fake_answer answer;
	enum fake_action action;
	ssize_t n;

	n = recv(client, &request, sizeof(request), 0);
	if (n != (ssize_t)sizeof(request))
		return false;
	memset(&answer, 0, sizeof(answer));
	answer.bytes = sizeof(answer.reply);
	answer.reply.header.magic = SHMREG_PACKET_MAGIC;
	answer.reply.header.protocol = SHMREG_PROTOCOL;
	answer.reply.header.type = request.header.type | SHMREG_PACKET_REPLY;
	answer.reply.header.serial = request.header.serial;
	action = f->serve(f->data, &request, &answer);
	if (action == FAKE_ANSWER)
		send_fds(client, NULL, &answer.reply, answer.bytes, answer.fds, answer.n_fds,
			 MSG_NOSIGNAL);
	while (answer.n_fds > 0)
		close(answer.fds[--answer.n_fds]);
	return action == FAKE_ANSWER;
}

static void *run(void *data)
{
	struct fake *f = data;
	int client;

	for (;;) {
		client = accept4(f->listener, NULL, NULL, SOCK_CLOEXEC);
		if (client < 0)
			return NULL;
		__atomic_store_n(&f->client, client, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&f->stop, __ATOMIC_SEQ_CST)) {
			close(client);
			return NULL;
		}
		__atomic_fetch_add(&f->n_connections, 1, __ATOMIC_SEQ_CST);
		while (answer_one(f, client))
			;
		__atomic_store_n(&f->client, -1, __ATOMIC_SEQ_CST);
		close(client);
	}
}

struct fake *fake_start(fake_serve *serve, void *data)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	struct fake *f = calloc(1, sizeof(*f));

	CHECK(f != NULL);
	f->serve = serve;
	f->data = data;
	f->client = -1;
	strcpy(f->directory, "/tmp/shmreg-fake-XXXXXX");
	CHECK(mkdtemp(f->directory) != NULL);
	snprintf(f->socket, sizeof(f->socket), "%s/control", f->directory);
	f->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	CHECK(f->listener >= 0);
	strcpy(address.sun_path, f->socket);
	CHECK(bind(f->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	CHECK(listen(f->listener, 16) == 0);
	CHECK(pthread_create(&f->thread, NULL, run, f) == 0);
	return f;
}

void fake_stop(struct fake *f)
{
	int client;

	__atomic_store_n(&f->stop, true, __ATOMIC_SEQ_CST);
	shutdown(f->listener, SHUT_RDWR);
	client = __atomic_load_n(&f->client, __ATOMIC_SEQ_CST);
	if (client >= 0)
		shutdown(client, SHUT_RDWR);
	pthread_join(f->thread, NULL);
	close(f->listener);
	unlink(f->socket);
	rmdir(f->directory);
	free(f);
}

const char *fake_socket(const struct fake *f)
{
	return f->socket;
}

unsigned int fake_connections(const struct fake *f)
{
	return __atomic_load_n(&f->n_connections, __ATOMIC_SEQ_CST);
}

static int memfd(size_t bytes)
{
	const int fd = memfd_create("fake", MFD_CLOEXEC | MFD_ALLOW_SEALING);

	CHECK(fd >= 0 && ftruncate(fd, (off_t)bytes) == 0);
	return fd;
}

/* Another description of the same file, by which can be told whether @fd's is gone. */
static int lock_token(int fd)
{
	char path[32];
	int own;

	CHECK(flock(fd, LOCK_EX | LOCK_NB) == 0);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	own = open(path, O_RDONLY | O_CLOEXEC);
	CHECK(own >= 0);
	return own;
}

enum fake_action fake_hello(const struct shmreg_request *request, struct fake_answer *answer,
			    uint64_t registry, int *ret_token)
{
	answer->reply.u.hello.registry = registry;
	strcpy(answer->reply.u.hello.version, "fake");
	if ((request->u.hello.flags & SHMREG_HELLO_OBSERVER) == 0) {
		answer->fds[0] = memfd(4096);
		answer->n_fds = 1;
		if (ret_token != NULL)
			*ret_token = lock_token(answer->fds[0]);
	}
	return FAKE_ANSWER;
}

void fake_segment_new(struct fake_segment *ret, const char *name)
{
	struct shmreg_dir geometry;

	memset(&geometry, 0, sizeof(geometry));
	CHECK(shmreg_dir_layout(&geometry, 16, 16) == 0);
	ret->dir_fd = memfd(geometry.dir_bytes);
	ret->data_fd = memfd(DATA_BYTES);
	ret->dir = mmap(NULL, geometry.dir_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, ret->dir_fd,
			0);
	CHECK(ret->dir != MAP_FAILED);
	geometry.magic = SHMREG_DIR_MAGIC;
	geometry.layout = SHMREG_DIR_LAYOUT;
	geometry.segment = 3;
	geometry.data_bytes = DATA_BYTES;
	geometry.max_participants = 16;
	geometry.max_objects = 16;
	geometry.state = SHMREG_DIR_LIVE;
	strcpy(geometry.name, name);
	*ret->dir = geometry;
	shmreg_dir_seats(ret->dir)[5] = 7 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;
	shmreg_dir_seats(ret->dir)[9] = 7 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE;
}

void fake_segment_free(struct fake_segment *s)
{
	close(s->dir_fd);
	close(s->data_fd);
	munmap(s->dir, s->dir->dir_bytes);
}

enum fake_action fake_attach(const struct fake_segment *s, struct fake_answer *answer)
{
	struct shmreg_attach_reply *a = &answer->reply.u.attach;

	a->segment = s->dir->segment;
	a->participant = 7;
	a->dir_bytes = s->dir->dir_bytes;
	a->data_bytes = s->dir->data_bytes;
	a->access = SHMREG_ACCESS_WRITE;
	a->created = 1;
	a->n_seats = 2;
	a->seat[0] = 5;
	a->seat[1] = 9;
	answer->fds[0] = fcntl(s->dir_fd, F_DUPFD_CLOEXEC, 0);
	answer->fds[1] = fcntl(s->data_fd, F_DUPFD_CLOEXEC, 0);
	answer->n_fds = 2;
	return FAKE_ANSWER;
}

enum fake_action fake_error(struct fake_answer *answer, int status, const char *sentence)
{
	answer->reply.header.status = status;
	snprintf(answer->reply.u.error, sizeof(answer->reply.u.error), "%s", sentence);
	return FAKE_ANSWER;
}

unsigned int open_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	unsigned int n = 0;

	CHECK(dir != NULL);
	while (readdir(dir) != NULL)
		n++;
	closedir(dir);
	return n;
}
