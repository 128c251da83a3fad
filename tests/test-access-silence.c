/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * Of a segment that one may not read one learns no more than its name and id: not from any reply to
 * any request, not from a sentence that refuses one, not from shmregctl. What must not be
 * learned are numbers and words that are nowhere else.
 */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "actor.h"
#include "raw.h"

#define OWNER_UID 20001
#define BYTES (UINT64_C(777) * 4096)	/* its size */
#define MODE 0620
#define QUIET "quiet"
#define GHOST "ghost"		/* of no name any more */

static const struct identity anna = { .uid = OWNER_UID, .gid = 20005 };
static const struct identity bert = { .uid = 20002, .gid = 20002 };

static struct harness h;
static struct raw root;

static void setup(void)
{
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_stop(&h);
}

/* --- what is not to be learned ------------------------------------------------------------ */

static const char *const words[] = { "okapi", "zebra", "struct gnu", GHOST };

static struct {
	uint64_t n;
	const char *what;
} numbers[] = {
	{ OWNER_UID, "the owner's uid" },
	{ 20005, "the owner's gid" },
	{ BYTES, "its size" },
	{ MODE, "its mode" },
	{ 0, "the directory's size" },
	{ 0, "the owner's pid" },
};
#define PID (sizeof(numbers) / sizeof(numbers[0]) - 1)
#define NOWHERE 98	/* no such segment */

/* One that may be there for another reason is no proof. */
static uint64_t telling(uint64_t pid)
{
	return pid < 70000 && (pid == bert.uid || pid <= NOWHERE || !(pid & (pid - 1)) || pid == 500) ?
		       UINT64_MAX - 7 : pid;
}

/* Whole, not as part of a longer number. */
static bool has_number(const char *text, size_t n, const char *number)
{
	const size_t length = strlen(number);

	for (size_t i = 0; i + length <= n; i++)
		if (memcmp(text + i, number, length) == 0 &&
		    (i == 0 || text[i - 1] < '0' || text[i - 1] > '9') &&
		    (i + length == n || text[i + length] < '0' || text[i + length] > '9'))
			return true;
	return false;
}

static void check_text(const char *text, size_t n, const char *where)
{
	char number[24];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		ck_assert_msg(memmem(text, n, words[i], strlen(words[i])) == NULL, "%s: '%s'", where,
			      words[i]);
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		/* The daemon's own counts and pid may happen to be the same. */
		if ((strncmp(where, "stats", 5) == 0 || strncmp(where, "metrics", 7) == 0) && (i == PID || numbers[i].n == MODE))
			continue;
		snprintf(number, sizeof(number), "%" PRIu64, numbers[i].n);
		ck_assert_msg(!has_number(text, n, number), "%s: %s, %s: %.*s",
			      where, numbers[i].what, number, (int)n, text);
	}
}

static void check_reply(const struct raw *c, const char *where)
{
	const unsigned char *body = c->reply.u.bytes;
	uint32_t word;

	check_text((const char *)body, sizeof(c->reply.u.bytes), where);
	for (size_t at = 0; at + sizeof(word) <= sizeof(c->reply.u.bytes); at += 4) {
		memcpy(&word, body + at, sizeof(word));
		for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
			ck_assert_msg(word != numbers[i].n, "%s: %s at byte %zu", where,
				      numbers[i].what, at);
	}
}

/* --- the owner ---------------------------------------------------------------------------- */

static int64_t deed_furnish(struct actor *a, int64_t unused)
{
	const struct shmreg_connect_params connect = { .size = sizeof(connect), .name = "okapi" };
	const struct shmreg_segment_params params = {
		.size = sizeof(params), .bytes = BYTES, .mode = MODE,
		.lifetime = SHMREG_UNTIL_REMOVED,
	};
	struct shmreg_segment *ghost;
	struct word_atomic *object;

	(void)unused;
	harness_ok(shmreg_connect(&a->connection, &connect));
	harness_ok(shmreg_segment_create(a->connection, &a->segment, QUIET, &params));
	harness_ok(word_atomic_create(a->segment, &object, "zebra"));
	harness_ok(shmreg_segment_create(a->connection, &ghost, GHOST, &params));
	harness_ok(word_atomic_create(ghost, &object, "zebra"));
	harness_ok(shmreg_segment_remove(a->connection, GHOST));
	return 0;
}

static int64_t deed_dir_bytes(struct actor *a, int64_t unused)
{
	const struct shmreg_dir *dir;
	struct shmreg_segment_info info;
	int64_t n;

	(void)unused;
	harness_ok(shmreg_segment_describe(a->connection, QUIET, &info, &dir));
	n = (int64_t)dir->dir_bytes;
	shmreg_dir_unmap(dir);
	return n;
}

static int64_t deed_remove_quiet(struct actor *a, int64_t unused)
{
	(void)unused;
	return shmreg_segment_remove(a->connection, QUIET);
}

/* --- the stranger -------------------------------------------------------------------------- */

/* All that may speak of segment @segment, participant @participant, object @object. */
static int ask(struct raw *c, uint16_t type, uint64_t segment, uint64_t participant,
	       uint64_t object)
{
	const struct shmreg_attachment at = { .segment = segment, .participant = participant };
	struct shmreg_request in;
	char where[96];
	int r;

	raw_request(&in, type);
	switch (type) {
	case SHMREG_PACKET_REATTACH:
	case SHMREG_PACKET_DETACH:
	case SHMREG_PACKET_QUIESCE:
		in.u.attachment = at;
		break;
	case SHMREG_PACKET_SEATS:
		in.u.seats.at = at;
		in.u.seats.n_seats = 1;
		break;
	case SHMREG_PACKET_CREATE_OBJECT:
		in.u.create_object.at = at;
		in.u.create_object.nonce = 1;
		in.u.create_object.shape = (struct shmreg_shape){
			.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_bytes = 8, .elem_align = 8,
			.capacity = 1,
		};
		snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "new");
		break;
	case SHMREG_PACKET_REMOVE_OBJECT:
		in.u.remove_object.at = at;
		in.u.remove_object.object = object;
		break;
	case SHMREG_PACKET_WATCH:
		in.u.watch.at = at;
		in.u.watch.object = object;
		in.u.watch.events = SHMREG_WAIT_ITEMS;
		break;
	case SHMREG_PACKET_NOTIFY:
		in.u.notify.at = at;
		in.u.notify.object = object;
		break;
	case SHMREG_PACKET_DESCRIBE:
	case SHMREG_PACKET_REMOVE:
		in.u.target.segment = segment;
		break;
	case SHMREG_PACKET_SET:
		in.u.set.target.segment = segment;
		in.u.set.what = SHMREG_SET_LIFETIME;
		break;
	default:
		ck_abort();
	}
	r = raw_call(c, &in);
	ck_assert_int_eq(c->n_fds, 0);
	snprintf(where, sizeof(where), "request %u of segment %" PRIu64 ", participant %" PRIu64
		 ", object %" PRIu64, type, segment, participant, object);
	check_reply(c, where);
	return r;
}

/* A sentence without its numbers. */
static void plain(const char *from, char *to)
{
	for (; *from; from++)
		if (*from < '0' || *from > '9')
			*to++ = *from;
	*to = '\0';
}

/* What there is and may not be known of is as what there is not. */
static void ask_as_if_there_were_none(struct raw *c, uint16_t type, uint64_t segment,
				      uint64_t participant, uint64_t object)
{
	char there[SHMREG_ERROR_MAX + 1], nowhere[SHMREG_ERROR_MAX + 1];
	const int r = ask(c, type, segment, participant, object);
	int none;

	ck_assert_int_lt(r, 0);
	plain(c->reply.u.error, there);
	none = ask(c, type, NOWHERE, participant, object);
	ck_assert_int_eq(r, none);
	plain(c->reply.u.error, nowhere);
	ck_assert_str_eq(there, nowhere);
}

static void by_name(struct raw *c)
{
	struct shmreg_request in;

	for (uint32_t access = SHMREG_ACCESS_READ; access <= SHMREG_ACCESS_WRITE; access++) {
		ck_assert_int_eq(raw_attach(c, QUIET, access, 100 + access), -EACCES);
		check_reply(c, "OPEN");
	}
	ck_assert_int_eq(raw_create(c, QUIET, 7, 0), -EEXIST);
	check_reply(c, "CREATE");
	ck_assert_int_eq(raw_create(c, QUIET, 8, SHMREG_CREATE_OPEN), -EACCES);
	check_reply(c, "CREATE or open");
	ck_assert_int_eq(raw_target(c, SHMREG_PACKET_REMOVE, QUIET), -EACCES);
	check_reply(c, "REMOVE");
	ck_assert_int_eq(raw_target(c, SHMREG_PACKET_DESCRIBE, QUIET), 0);
	ck_assert_int_eq(c->n_fds, 0);
	check_reply(c, "DESCRIBE");
	for (uint32_t what = 1; what < 8; what++) {
		raw_request(&in, SHMREG_PACKET_SET);
		snprintf(in.u.set.target.name, sizeof(in.u.set.target.name), QUIET);
		in.u.set.what = what;
		ck_assert_int_eq(raw_call(c, &in), -EACCES);
		check_reply(c, "SET");
	}
	raw_request(&in, SHMREG_PACKET_SUBSCRIBE);
	snprintf(in.u.subscribe.name, sizeof(in.u.subscribe.name), QUIET);
	ck_assert_int_eq(raw_call(c, &in), -EACCES);
	check_reply(c, "SUBSCRIBE");
	raw_request(&in, SHMREG_PACKET_LIST);
	ck_assert_int_eq(raw_call(c, &in), 0);
	ck_assert_uint_eq(c->reply.u.list.n, 1);
	check_reply(c, "LIST");
	for (uint32_t i = 0; i < 2; i++) {
		raw_request(&in, SHMREG_PACKET_STATS);
		in.u.stats.uid = i ? bert.uid : UINT32_MAX;
		ck_assert_int_eq(raw_call(c, &in), 0);
		/* These count what clients say, and are the daemon's. */
		c->reply.u.stats.n_requests = c->reply.u.stats.n_refused = 0;
		c->reply.u.stats.started_ns = c->reply.u.stats.pid = 0;
		check_reply(c, "STATS");
	}
	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = OWNER_UID;
	ck_assert_int_eq(raw_call(c, &in), -EACCES);
}

static void stranger(const struct mouth *mouth, void *arg)
{
	static const uint16_t attached[] = {
		SHMREG_PACKET_REATTACH, SHMREG_PACKET_DETACH, SHMREG_PACKET_QUIESCE,
		SHMREG_PACKET_SEATS, SHMREG_PACKET_CREATE_OBJECT, SHMREG_PACKET_REMOVE_OBJECT,
		SHMREG_PACKET_WATCH, SHMREG_PACKET_NOTIFY,
	};
	static const uint16_t nameless[] = {
		SHMREG_PACKET_DESCRIBE, SHMREG_PACKET_REMOVE, SHMREG_PACKET_SET,
		SHMREG_PACKET_CREATE_OBJECT, SHMREG_PACKET_REMOVE_OBJECT,
	};
	struct raw c;

	(void)arg;
	raw_open(&c, h.socket_path);
	by_name(&c);
	/* 1 is the quiet one, 2 the ghost. */
	for (size_t i = 0; i < sizeof(attached) / sizeof(attached[0]); i++)
		for (uint64_t segment = 1; segment <= 2; segment++)
			for (uint64_t participant = 1; participant <= 3; participant++)
				for (uint64_t object = 1; object <= 3; object++)
					ask_as_if_there_were_none(&c, attached[i], segment,
								  participant, object);
	for (size_t i = 0; i < sizeof(nameless) / sizeof(nameless[0]); i++) {
		ask_as_if_there_were_none(&c, nameless[i], 2, 0, 1);
		ask(&c, nameless[i], 1, 0, 1);
	}
	raw_close(&c);
	tell(mouth, 0);
}

/* Whether the build tree may be entered by others is its owner's business. */
static void by_shmregctl(const struct mouth *mouth, void *arg)
{
	static const char *const commands[] = {
		"ls", "ls --json", "show quiet", "show quiet --json", "stats", "stats --json",
		"stats --user 20002", "rm quiet", "set quiet --mode 0666",
		"set quiet --owner 20002", "create quiet --size 4096", "watch quiet",
		"metrics", "metrics quiet --format prometheus",
	};
	char line[512], text[8192];
	FILE *out;

	(void)arg;
	if (access(SHMREGCTL, X_OK) < 0) {
		harness_skip("other users cannot enter the build tree, so not run shmregctl");
		tell(mouth, 0);
		return;
	}
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		size_t n;

		snprintf(line, sizeof(line), "'%s' %s 2>&1", SHMREGCTL, commands[i]);
		out = popen(line, "re");
		ck_assert_ptr_nonnull(out);
		n = fread(text, 1, sizeof(text), out);
		ck_assert_uint_gt(n, 0);
		pclose(out);
		check_text(text, n, commands[i]);
		ck_assert_msg(memmem(text, n, "3.0 MiB", 7) == NULL, "%s: its size", commands[i]);
		ck_assert_msg(!has_number(text, n, "0620"), "%s: its mode", commands[i]);
	}
	tell(mouth, 0);
}

START_TEST(test_silence)
{
	struct process owner, p;

	if (harness_need_root())
		return;
	actor_start_as(&owner, &anna);
	actor_ok(&owner, deed_furnish, 0);
	numbers[PID].n = telling((uint64_t)owner.pid);
	numbers[PID - 1].n = (uint64_t)actor_do(&owner, deed_dir_bytes, 0);
	/* It is there to be found. */
	raw_open(&root, h.socket_path);
	ck_assert_int_eq(raw_target(&root, SHMREG_PACKET_DESCRIBE, QUIET), 0);
	ck_assert_uint_eq(root.reply.u.describe.owner_uid, OWNER_UID);
	ck_assert_uint_eq(root.reply.u.describe.segment, 1);
	ck_assert_uint_eq(root.reply.u.describe.data_bytes, BYTES);
	raw_close(&root);

	process_start_as(&p, &bert, stranger, NULL);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);
	process_start_as(&p, &bert, by_shmregctl, NULL);
	process_expect(&p, 0);
	ck_assert_int_eq(process_wait(&p), 0);
	actor_ok(&owner, deed_remove_quiet, 0);
	process_finish(&owner);
}
END_TEST

static Suite *suite(void)
{
	Suite *s = suite_create("access-silence");
	TCase *tc = harness_case(s, "access-silence");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, test_silence);
	return s;
}

int main(void)
{
	return harness_main(suite());
}
