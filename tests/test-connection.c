/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <shmreg/handle.h>
#include <shmreg/segment.h>

#include "fake.h"

#define REGISTRY UINT64_C(0x1234)

/*
 * What the fake is to do, and what it saw. One request at a time, so no locks; a hang-up
 * ends a request before the fake is through with it, hence the atomic counter.
 */
struct script {
	uint64_t registry;
	unsigned int n_hang_ups;	/* hang up on so many requests other than HELLO */
	uint16_t hang_up_on;		/* 0: any */
	int token;
	struct fake_segment segment;
	enum fake_action (*serve)(struct script *s, const struct shmreg_request *request,
				  struct fake_answer *answer);
	unsigned int n[SHMREG_PACKET_MAX + 1];	/* requests of each type */
	uint64_t nonce[4];		/* of the CREATEs */
	uint64_t serial[4];
};

static enum fake_action serve(void *data, const struct shmreg_request *request,
			      struct fake_answer *answer)
{
	struct script *s = data;
	const uint16_t type = request->header.type;
	const char *why = NULL;

	if (shmreg_request_check(request, sizeof(*request), &why) < 0) {
		fprintf(stderr, "libshmreg sent what it should not: %s\n", why);
		abort();
	}
	s->n[type]++;
	if (type == SHMREG_PACKET_CREATE && s->n[type] <= 4) {
		s->nonce[s->n[type] - 1] = request->u.create.nonce;
		s->serial[s->n[type] - 1] = request->header.serial;
	}
	if (type != SHMREG_PACKET_HELLO && shmreg_load_acquire(&s->n_hang_ups) > 0 &&
	    (s->hang_up_on == 0 || s->hang_up_on == type)) {
		shmreg_store_release(&s->n_hang_ups, shmreg_load_acquire(&s->n_hang_ups) - 1);
		return FAKE_HANG_UP;
	}
	if (s->serve != NULL)
		return s->serve(s, request, answer);
	switch (type) {
	case SHMREG_PACKET_HELLO:
		return fake_hello(request, answer, s->registry, s->token == 0 ? &s->token : NULL);
	case SHMREG_PACKET_CREATE:
	case SHMREG_PACKET_OPEN:
	case SHMREG_PACKET_REATTACH:
		fake_attach(&s->segment, answer);
		if (type == SHMREG_PACKET_REATTACH)
			while (answer->n_fds > 0)
				close(answer->fds[--answer->n_fds]);
		return FAKE_ANSWER;
	default:
		return FAKE_ANSWER;
	}
}

static struct script script;
static struct fake *fake;
static unsigned int descriptors;

static void setup(void)
{
	memset(&script, 0, sizeof(script));
	script.registry = REGISTRY;
	descriptors = open_descriptors();
	fake_segment_new(&script.segment, "seg");
	fake = fake_start(serve, &script);
}

static void teardown(void)
{
	fake_stop(fake);
	fake_segment_free(&script.segment);
	if (script.token > 0)
		close(script.token);
	ck_assert_uint_eq(open_descriptors(), descriptors);
}

static struct shmreg_connection *connected(void)
{
	const struct shmreg_connect_params params = { .size = sizeof(params),
						      .socket = fake_socket(fake) };
	struct shmreg_connection *c = NULL;
	const int r = shmreg_connect(&c, &params);

	ck_assert_msg(r == 0, "%s", shmreg_error());
	return c;
}

static struct shmreg_segment *attached(struct shmreg_connection *c)
{
	const struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 65536 };
	struct shmreg_segment *s = NULL;
	const int r = shmreg_segment_create(c, &s, "seg", &params);

	ck_assert_msg(r == 0, "%s", shmreg_error());
	return s;
}

static void says(const char *text)
{
	ck_assert_msg(strstr(shmreg_error(), text) != NULL, "'%s' does not say '%s'", shmreg_error(),
		      text);
}

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

/* By F_SEAL_WRITE the daemon learns whether we still have it mapped. */
static int seal_token(void)
{
	return fcntl(script.token, F_ADD_SEALS, F_SEAL_WRITE) < 0 ? -errno : 0;
}

START_TEST(token)
{
	struct shmreg_connection *c = connected();
	const pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (child == 0) {
		pause();
		_exit(0);
	}
	ck_assert_int_gt(script.token, 0);
	ck_assert_int_eq(seal_token(), -EBUSY);
	shmreg_disconnect(c);
	/* the child, which is alive, has not got the mapping */
	ck_assert_int_eq(seal_token(), 0);
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
	ck_assert_int_eq(seal_token(), -EBUSY); /* of the first session */
	shmreg_disconnect(c);
	ck_assert_int_eq(seal_token(), 0);
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

START_TEST(repeated_with_its_nonce)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s;

	shmreg_store_release(&script.n_hang_ups, 2);
	script.hang_up_on = SHMREG_PACKET_CREATE;
	s = attached(c);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_CREATE], 3);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_HELLO], 3);
	ck_assert_uint_ne(script.nonce[0], 0);
	ck_assert_uint_eq(script.nonce[0], script.nonce[1]);
	ck_assert_uint_eq(script.nonce[0], script.nonce[2]);
	ck_assert_uint_lt(script.serial[0], script.serial[1]);
	shmreg_segment_close(s);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_DETACH], 1);
	s = attached(c);
	ck_assert_uint_ne(script.nonce[3], script.nonce[0]);
	shmreg_disconnect(c);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_DETACH], 2);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 0);
}
END_TEST

START_TEST(dies_on_every_request)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;

	shmreg_store_release(&script.n_hang_ups, 1000);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), -ECONNRESET);
	says("16 times in a row");
	shmreg_store_release(&script.n_hang_ups, 0);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	shmreg_disconnect(c);
}
END_TEST

START_TEST(goes_away)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_stats_reply stats;
	const uint64_t *data = shmreg_segment_data(s);

	fake_stop(fake);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), -ENOENT);
	says("shmregctl run");
	ck_assert_uint_eq(data[0], 0); /* the data plane goes on */
	ck_assert_uint_eq(shmreg_segment_participant(s), 7);
	shmreg_disconnect(c);
	fake = fake_start(serve, &script);
}
END_TEST

START_TEST(registry_without_our_segments)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_stats_reply stats;

	script.registry = REGISTRY + 1;
	shmreg_store_release(&script.n_hang_ups, 1);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 0);
	shmreg_dir_objects(script.segment.dir)[0] = (struct shmreg_dir_object){
		.state = SHMREG_ENTRY_LIVE, .id = 1, .bytes = 128, .name = "a",
		.shape = { SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } },
	};
	shmreg_dir_buckets(script.segment.dir)[shmreg_name_hash("a") & 15] = 1;
	ck_assert_int_eq(shmreg_object_remove(s, "a"), -ESTALE);
	says("segment 'seg'");
	says("goes on working");
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REMOVE_OBJECT], 0);
	ck_assert_uint_eq(shmreg_segment_dir(s)->segment, 3);
	shmreg_segment_close(s);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_DETACH], 0);
	shmreg_disconnect(c);
}
END_TEST

static enum fake_action unknown_attachment(struct script *s, const struct shmreg_request *request,
					   struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_REATTACH)
		return fake_error(answer, -ENOENT, "there is no participant 7");
	s->serve = NULL;
	s->n[request->header.type]--;
	serve(s, request, answer);
	s->serve = unknown_attachment;
	return FAKE_ANSWER;
}

START_TEST(attachment_refused)
{
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_stats_reply stats;
	struct shmreg_handle *h;
	const struct shmreg_shape shape = { SHMREG_KIND_ATOMIC, SHMREG_ATOMIC_LAYOUT, 0, 8, 8, 1, { 0 } };

	script.serve = unknown_attachment;
	shmreg_store_release(&script.n_hang_ups, 1);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 1);
	ck_assert_int_eq(shmreg_object_open(s, &h, SHMREG_OBJECT_CREATE, "a", &shape, NULL,
					    sizeof(*h)), -ESTALE);
	says("there is no participant 7");
	shmreg_disconnect(c);
}
END_TEST

/* The answer to SEATS is lost; the seats were granted and are found in the directory. */
static enum fake_action seats_lost(struct script *s, const struct shmreg_request *request,
				   struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_SEATS) {
		shmreg_store_release(&shmreg_dir_seats(s->segment.dir)[11],
				     7 << SHMREG_SEAT_PARTICIPANT_SHIFT | SHMREG_SEAT_LIVE);
		return FAKE_HANG_UP;
	}
	s->serve = NULL;
	s->n[request->header.type]--;
	serve(s, request, answer);
	s->serve = seats_lost;
	return FAKE_ANSWER;
}

START_TEST(seats_answer_lost)
{
	const struct shmreg_shape any = { SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 0, 0, 0, { 0 } };
	struct shmreg_connection *c = connected();
	struct shmreg_segment *s = attached(c);
	struct shmreg_handle *h[3];
	unsigned int i;

	shmreg_dir_objects(script.segment.dir)[0] = (struct shmreg_dir_object){
		.state = SHMREG_ENTRY_LIVE, .id = 1, .bytes = 1024 + 2 * 16, .name = "q",
		.shape = { SHMREG_KIND_QUEUE, SHMREG_QUEUE_LAYOUT, 0, 8, 8, 2, { 0 } },
	};
	shmreg_dir_objects(script.segment.dir)[0].bytes = 1152;
	shmreg_dir_buckets(script.segment.dir)[shmreg_name_hash("q") & 15] = 1;
	script.serve = seats_lost;
	for (i = 0; i < 3; i++)
		ck_assert_msg(shmreg_object_open(s, &h[i], SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_SEAT,
						 "q", &any, NULL, sizeof(*h[i])) == 0, "%s",
			      shmreg_error());
	ck_assert_uint_eq(h[0]->seat, 5);
	ck_assert_uint_eq(h[1]->seat, 9);
	ck_assert_uint_eq(h[2]->seat, 11);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_SEATS], 1);
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REATTACH], 1);
	/* two handles of one object never share, and a closed one's seat is free again */
	ck_assert_int_eq(shmreg_object_close(h[1]), 0);
	ck_assert_int_eq(shmreg_object_open(s, &h[1], SHMREG_OBJECT_ATTACH | SHMREG_OBJECT_SEAT, "q",
					    &any, NULL, sizeof(*h[1])), 0);
	ck_assert_uint_eq(h[1]->seat, 9);
	shmreg_disconnect(c);
}
END_TEST

static enum fake_action removed_before_the_answer(struct script *s,
						  const struct shmreg_request *request,
						  struct fake_answer *answer)
{
	switch (request->header.type) {
	case SHMREG_PACKET_HELLO:
		return fake_hello(request, answer, s->registry, NULL);
	case SHMREG_PACKET_DESCRIBE:
		answer->reply.u.describe.segment = 42;
		return FAKE_ANSWER;
	case SHMREG_PACKET_REMOVE:
		ck_assert_uint_eq(request->u.target.segment, 42);
		ck_assert_str_eq(request->u.target.name, "");
		return s->n[SHMREG_PACKET_REMOVE] == 1 ?
			       FAKE_HANG_UP :
			       fake_error(answer, -ENOENT, "there is no segment 42");
	default:
		return FAKE_HANG_UP;
	}
}

START_TEST(removed_exactly_once)
{
	struct shmreg_connection *c = connected();

	script.serve = removed_before_the_answer;
	ck_assert_msg(shmreg_segment_remove(c, "seg") == 0, "%s", shmreg_error());
	ck_assert_uint_eq(script.n[SHMREG_PACKET_REMOVE], 2);
	/* an answer that was not lost is believed */
	ck_assert_int_eq(shmreg_segment_remove(c, "seg"), -ENOENT);
	shmreg_disconnect(c);
}
END_TEST

static int nonsense_kind;
static enum fake_action nonsense(struct script *s, const struct shmreg_request *request,
				 struct fake_answer *answer)
{
	unsigned int i;

	if (request->header.type == SHMREG_PACKET_HELLO)
		return fake_hello(request, answer, s->registry, NULL);
	switch (nonsense_kind) {
	case 0:
		answer->bytes = 7;
		break;
	case 1:
		answer->reply.header.serial++;
		break;
	case 2:
		answer->reply.header.magic = 0;
		break;
	case 3:
		answer->reply.header.type ^= 1;
		break;
	case 4:
		answer->reply.header.status = -EACCES;
		memset(answer->reply.u.error, 'x', sizeof(answer->reply.u.error));
		break;
	case 5: /* more descriptors than a reply may have */
		for (i = 0; i < 5; i++)
			answer->fds[i] = dup(s->segment.dir_fd);
		answer->n_fds = 5;
		break;
	case 6: /* descriptors where none are due: fine, but they are not kept */
		answer->fds[0] = dup(s->segment.dir_fd);
		answer->n_fds = 1;
		break;
	case 7:
		answer->reply.header.status = 3;
		break;
	}
	return FAKE_ANSWER;
}

START_TEST(nonsense_answers)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	const unsigned int before = open_descriptors();

	script.serve = nonsense;
	for (nonsense_kind = 0; nonsense_kind < 8; nonsense_kind++) {
		const int r = shmreg_stats(c, 0, &stats);

		ck_assert_int_eq(r, nonsense_kind == 6 ? 0 : -EBADMSG);
	}
	/* The fake has closed its copies once it has answered another request. */
	script.serve = NULL;
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), 0);
	ck_assert_uint_le(open_descriptors(), before);
	shmreg_disconnect(c);
}
END_TEST

static int attached_to_nobody;
static enum fake_action nobody(struct script *s, const struct shmreg_request *request,
			       struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_HELLO)
		return fake_hello(request, answer, s->registry, NULL);
	/* Without an attachment there is nothing to detach from. */
	ck_assert_int_ne(request->header.type, SHMREG_PACKET_DETACH);
	if (!attached_to_nobody)
		return fake_error(answer, -EMFILE, "shmregd has no descriptor left");
	fake_attach(&s->segment, answer);
	answer->reply.u.attach.participant = 0;
	return FAKE_ANSWER;
}

START_TEST(no_attachment)
{
	struct shmreg_segment_params params = { .size = sizeof(params), .bytes = 4096 };
	struct shmreg_connection *c = connected();
	const unsigned int before = open_descriptors();
	struct shmreg_segment *s = NULL;

	script.serve = nobody;
	attached_to_nobody = 0;
	ck_assert_int_eq(shmreg_segment_create(c, &s, "seg", &params), -EMFILE);
	/* The sentence is not taken for an attachment. */
	ck_assert_str_eq(shmreg_error(), "shmregd has no descriptor left");
	attached_to_nobody = 1;
	ck_assert_int_eq(shmreg_segment_create(c, &s, "seg", &params), -EBADMSG);
	ck_assert_ptr_nonnull(strstr(shmreg_error(), "to nobody"));
	ck_assert_ptr_null(s);
	script.serve = NULL;
	ck_assert_int_eq(shmreg_segment_create(c, &s, "seg", &params), 0);
	s = shmreg_segment_close(s);
	ck_assert_uint_le(open_descriptors(), before);
	shmreg_disconnect(c);
}
END_TEST

static enum fake_action stream(struct script *s, const struct shmreg_request *request,
			       struct fake_answer *answer)
{
	if (request->header.type == SHMREG_PACKET_HELLO)
		return fake_hello(request, answer, s->registry, NULL);
	ck_assert_uint_eq(request->u.subscribe.mask, 1 << SHMREG_EVENT_DIED);
	ck_assert_str_eq(request->u.subscribe.name, "seg");
	return FAKE_ANSWER;
}

START_TEST(events)
{
	struct shmreg_connection *c = connected();
	struct shmreg_stats_reply stats;
	struct shmreg_event event;
	struct shmreg_segment *s;

	ck_assert_int_eq(shmreg_next_event(c, &event, 1), -EINVAL);
	says("shmreg_subscribe()");
	ck_assert_int_eq(shmreg_subscribe(c, "no//name", 0), -EINVAL);
	s = attached(c);
	ck_assert_int_eq(shmreg_subscribe(c, "seg", 0), -EBUSY);
	shmreg_segment_close(s);
	script.serve = stream;
	ck_assert_int_eq(shmreg_subscribe(c, "seg", 1 << SHMREG_EVENT_DIED), 0);
	ck_assert_int_ge(shmreg_event_fd(c), 0);
	ck_assert_int_eq(shmreg_next_event(c, &event, 1), -EAGAIN);
	ck_assert_int_eq(shmreg_stats(c, 0, &stats), -EBUSY);
	fake_stop(fake);
	ck_assert_int_eq(shmreg_next_event(c, &event, 0), -ECONNRESET);
	shmreg_disconnect(c);
	fake = fake_start(serve, &script);
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
	Suite *suite = suite_create("connection");
	TCase *tcase = tcase_create("fake");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tcase, setup, teardown);
	tcase_set_timeout(tcase, 120);
	tcase_add_test(tcase, no_daemon);
	tcase_add_test(tcase, where_it_looks);
	tcase_add_test(tcase, bad_parameters);
	tcase_add_test(tcase, version_differs);
	tcase_add_test(tcase, greeting_refused);
	tcase_add_test(tcase, token);
	tcase_add_test(tcase, token_after_reconnect);
	tcase_add_test(tcase, observer);
	tcase_add_test(tcase, repeated_with_its_nonce);
	tcase_add_test(tcase, dies_on_every_request);
	tcase_add_test(tcase, goes_away);
	tcase_add_test(tcase, registry_without_our_segments);
	tcase_add_test(tcase, attachment_refused);
	tcase_add_test(tcase, seats_answer_lost);
	tcase_add_test(tcase, removed_exactly_once);
	tcase_add_test(tcase, nonsense_answers);
	tcase_add_test(tcase, no_attachment);
	tcase_add_test(tcase, events);
	tcase_add_test(tcase, threads);
	tcase_add_test(tcase, interrupted);
	tcase_add_test(tcase, many_come_and_go);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
