/* SPDX-License-Identifier: MIT */

/*
 * bus-calls - whole messages over a D-Bus connection
 *
 * The target is the bus: it lets the daemon in, sends calls of any member with arguments of any
 * type from senders that it makes up, says late, wrongly or not at all who these are, and sends
 * signals, answers and bytes that nobody asked for. Each call has one answer, refusals are sentences,
 * and no segment is changed but by who may.
 */

#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <syslog.h>
#include <unistd.h>

#include "fake-bus.h"
#include "fuzz.h"
#include "log.h"
#include "segment.h"
#include "server-internal.h"

#define STEPS_MAX 32
#define QUESTIONS_MAX 32
#define OWNER 1000u
#define NAME "org.shmreg.Registry1"

static struct server server;
static struct fake_bus bus = { .listener = -1 };
static sd_bus_message *questions[QUESTIONS_MAX];
static unsigned int n_questions, n_calls, n_answers;
/* Somebody was said to be root or the owner: all may be changed. */
static bool trusted, spoilt;

static int on_message(struct fake_bus *b, sd_bus_message *m)
{
	const sd_bus_error *e = sd_bus_message_get_error(m);
	uint64_t cookie;

	(void)b;
	if (sd_bus_message_is_method_call(m, "org.freedesktop.DBus", "GetConnectionCredentials")) {
		if (n_questions < QUESTIONS_MAX)
			questions[n_questions++] = sd_bus_message_ref(m);
		else
			sd_bus_reply_method_errorf(m, SD_BUS_ERROR_FAILED, "no");
		return 1;
	}
	if (sd_bus_message_get_reply_cookie(m, &cookie) < 0)
		return 1;
	MUST(!e || (e->name && e->message && *e->message));
	n_answers++;
	return 1;
}

static void setup(void)
{
	log_set_level(LOG_EMERG);
	server.loop = ev_default_loop(EVFLAG_NOENV);
	MUST(server.loop != NULL);
	bus.message = on_message;
	MUST(fake_bus_listen(&bus) == 0);
	setenv("DBUS_SESSION_BUS_ADDRESS", bus.address, 1);
	unsetenv("NOTIFY_SOCKET");
	ev_run(server.loop, EVRUN_NOWAIT);
}

/* Until neither has anything more to do. */
static void pump(unsigned int turns)
{
	while (turns-- > 0) {
		ev_run(server.loop, EVRUN_NOWAIT);
		fake_bus_process(&bus);
	}
}

static void create(const char *name, uint32_t mode)
{
	const struct caller owner = { .uid = OWNER, .gid = OWNER };
	struct shmreg_create in = {
		.data_bytes = 4096, .flags = SHMREG_CREATE_DETACHED, .mode = mode,
		.lifetime = SHMREG_UNTIL_REMOVED, .max_participants = 1, .max_objects = 1, .nonce = 1,
	};
	char error[SHMREG_ERROR_MAX + 1];
	struct shmreg_attach_reply out;
	struct segment *s;

	snprintf(in.name, sizeof(in.name), "%s", name);
	MUST(server_prepare(&server, error) == 0);
	MUST(registry_create(server.registry, &owner, &in, &out, &s, error) == 0);
}

static void begin(void)
{
	struct ev_loop *loop = server.loop;

	server = (struct server){ .loop = loop, .lock = LOCK_INIT, .root = ROOT_INIT };
	TAILQ_INIT(&server.peers);
	LIST_INIT(&server.subscribers);
	MUST(options_init(&server.options) == 0);
	server.options.log_level = LOG_EMERG;
	server.options.bus = OPTIONS_BUS_YES;
	MUST(server_make_parts(&server) == 0);
	MUST(root_new(&server.root) == 0);
	store_add_root(server.store, &server.root_stored, server.root.fd);
	root_begin(&server.root, registry_id(server.registry));
	bus_configure(server.bus);
	for (int i = 0; i < 64 && !bus.named; i++)
		pump(1);
	MUST(bus.named);
	pump(2);
	create("s0", 0600);
	create("s1", 0644);
}

static void end(void)
{
	while (n_questions > 0)
		sd_bus_message_unref(questions[--n_questions]);
	server_free_parts(&server);
	options_deinit(&server.options);
	fake_bus_hang_up(&bus);
	kept_limits_deinit(&server.limits);
	ev_run(server.loop, EVRUN_NOWAIT);
}

/* --- arguments ---------------------------------------------------------------------------- */

static void word(struct fuzz_input *in, char *ret, size_t size)
{
	static const char *const words[] = {
		"s0", "s1", "#1", "#2", "Mode", "Lifetime", "Owner", "Group", "until-removed",
		"with-creator", "segments", "bytes", NAME, NAME ".Private", "Requests", "Segments", "",
		"org.freedesktop.DBus.Properties", "none/here", "#0",
	};
	const size_t n = sizeof(words) / sizeof(words[0]);
	const uint8_t which = fuzz_u8(in);

	memset(ret, 0, size);
	if (which >= 224)
		fuzz_take(in, ret, fuzz_below(in, size));
	else
		snprintf(ret, size, "%s", words[which % n]);
}

/* The end of the first complete type. */
static const char *behind(const char *signature)
{
	const char close = *signature == '(' ? ')' : '}';

	if (*signature == 'a')
		return behind(signature + 1);
	if (*signature != '(' && *signature != '{')
		return signature + 1;
	for (signature++; *signature != close;)
		signature = behind(signature);
	return signature + 1;
}

static int fill(struct fuzz_input *in, sd_bus_message *m, const char *signature, unsigned int depth);

static int fill_container(struct fuzz_input *in, sd_bus_message *m, char type, const char *from,
			  const char *to, uint8_t times, unsigned int depth)
{
	char contents[32];
	int r;

	snprintf(contents, sizeof(contents), "%.*s", (int)(to - from), from);
	r = sd_bus_message_open_container(m, type, contents);
	while (r >= 0 && times-- > 0)
		r = fill(in, m, contents, depth + 1);
	return r < 0 ? r : sd_bus_message_close_container(m);
}

static int fill_one(struct fuzz_input *in, sd_bus_message *m, const char *signature, unsigned int depth)
{
	static const char *const variants[] = {
		"u", "s", "t", "b", "y", "(us)", "as", "a{sv}", "v", "i",
	};
	const char *const end = behind(signature), *variant;
	char text[200];
	uint64_t number;

	switch (*signature) {
	case 's':
	case 'o':
	case 'g':
		word(in, text, sizeof(text));
		return sd_bus_message_append_basic(m, *signature, text);
	case 'a':
		return fill_container(in, m, 'a', signature + 1, end, fuzz_u8(in) % 5, depth);
	case '(':
		return fill_container(in, m, 'r', signature + 1, end - 1, 1, depth);
	case '{':
		return fill_container(in, m, 'e', signature + 1, end - 1, 1, depth);
	case 'v':
		variant = variants[depth < 8 ? fuzz_below(in, sizeof(variants) / sizeof(variants[0])) : 0];
		return fill_container(in, m, 'v', variant, variant + strlen(variant), 1, depth);
	default:
		number = fuzz_number(in);
		if (*signature == 'b')
			number %= 2;
		return sd_bus_message_append_basic(m, *signature, &number);
	}
}

static int fill(struct fuzz_input *in, sd_bus_message *m, const char *signature, unsigned int depth)
{
	int r = 0;

	for (; *signature && r >= 0; signature = behind(signature))
		r = fill_one(in, m, signature, depth);
	return r;
}

/* --- what the bus does -------------------------------------------------------------------- */

static void call(struct fuzz_input *in)
{
	static const struct {
		const char *interface, *member, *types;
	} known[] = {
		{ NAME, "List", "" }, { NAME, "Describe", "s" }, { NAME, "Remove", "s" },
		{ NAME, "Set", "sa{sv}" }, { NAME, "Limits", "u" }, { NAME, "SetLimit", "ust" },
		{ NAME, "UnsetLimit", "us" },
		{ "org.freedesktop.DBus.Properties", "Get", "ss" },
		{ "org.freedesktop.DBus.Properties", "GetAll", "s" },
		{ "org.freedesktop.DBus.Properties", "Set", "ssv" },
		{ "org.freedesktop.DBus.Introspectable", "Introspect", "" },
		{ "org.freedesktop.DBus.Peer", "Ping", "" },
		{ NULL, "Set", "sa{sv}" }, { NAME ".Private", "List", "" }, { NAME, "Created", "ts" },
		{ NAME, "Nothing", "v" },
	};
	static const char *const paths[] = {
		"/org/shmreg/Registry1", "/org/shmreg/Registry1/Private", "/", "/org/shmreg/Registry1/x",
	};
	static const char *const types[] = {
		"", "s", "u", "ust", "us", "sa{sv}", "a{sv}", "v", "ss", "ssv", "t", "sa{ss}", "su", "as",
	};
	const uint8_t which = fuzz_u8(in), sender = fuzz_u8(in), path = fuzz_u8(in), type = fuzz_u8(in);
	const size_t n = sizeof(known) / sizeof(known[0]);
	sd_bus_message *m = NULL;
	char name[16];
	int r;

	snprintf(name, sizeof(name), ":1.%u", sender % 6 + 1);
	r = sd_bus_message_new_method_call(bus.sd, &m, NAME, paths[path >= 192 ? path % 4 : path % 2 && which % n >= 7],
					   known[which % n].interface, known[which % n].member);
	if (r >= 0 && type < 192)
		r = fill(in, m, known[which % n].types, 0);
	else if (r >= 0)
		r = fill(in, m, types[type % (sizeof(types) / sizeof(types[0]))], 0);
	if (r < 0)
		sd_bus_message_unref(m);
	else if (fake_bus_send(&bus, m, sender == 255 ? NULL : name))
		n_calls++;
}

static void say_badly(struct fuzz_input *in, sd_bus_message *question)
{
	static const char *const types[] = { "a{sv}", "a{ss}", "s", "", "a{uv}", "u", "a{sv}u" };
	sd_bus_message *m = NULL;
	int r;

	if (fuzz_u8(in) % 4 == 0) {
		sd_bus_reply_method_errorf(question, SD_BUS_ERROR_NAME_HAS_NO_OWNER, "gone");
		return;
	}
	r = sd_bus_message_new_method_return(question, &m);
	if (r >= 0)
		r = fill(in, m, types[fuzz_below(in, 7)], 0);
	if (r >= 0 && fake_bus_send(&bus, m, NULL))
		return;
	if (r < 0)
		sd_bus_message_unref(m);
	sd_bus_reply_method_errorf(question, SD_BUS_ERROR_FAILED, "what is to be said cannot be");
}

static void answer(struct fuzz_input *in)
{
	static const uint32_t uids[] = { 2000, 2000, OWNER, 0, 3000, UINT32_MAX, 2000, 2000 };
	const uint8_t how = fuzz_u8(in);
	sd_bus_message *question;
	uint32_t uid;

	if (n_questions == 0)
		return;
	question = questions[--n_questions];
	if (how >= 224) {
		say_badly(in, question);
		/* Of a dictionary with strange keys nobody is made root, but it may say so itself. */
		trusted = true;
	} else {
		uid = uids[how % 8];
		trusted = trusted || uid == 0 || uid == OWNER || uid == geteuid();
		fake_bus_say_who(question, uid);
	}
	sd_bus_message_unref(question);
}

static void signal_or_answer(struct fuzz_input *in)
{
	static const char *const members[] = {
		"NameAcquired", "NameLost", "NameOwnerChanged", "Disconnected",
	};
	static const char *const types[] = { "s", "", "u", "sss" };
	sd_bus_message *m = NULL;
	int r;

	r = sd_bus_message_new_signal(bus.sd, &m, "/org/freedesktop/DBus", "org.freedesktop.DBus",
				      members[fuzz_below(in, 4)]);
	if (r >= 0)
		r = fill(in, m, types[fuzz_below(in, 4)], 0);
	if (r >= 0)
		fake_bus_send(&bus, m, fuzz_u8(in) % 2 ? "org.freedesktop.DBus" : ":1.9");
	else
		sd_bus_message_unref(m);
}

/* Behind all that is whole: after that nothing is sure any more. */
static void send_bytes(struct fuzz_input *in)
{
	uint8_t bytes[256];
	const size_t n = (size_t)fuzz_below(in, sizeof(bytes));

	fuzz_take(in, bytes, sizeof(bytes));
	if (bytes[0] % 2)
		memcpy(bytes, "l\1\0\1", 4);
	sd_bus_flush(bus.sd);
	if (send(sd_bus_get_fd(bus.sd), bytes, n, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		spoilt = true;
}

static void step(struct fuzz_input *in)
{
	const uint8_t what = fuzz_u8(in);

	if (what < 128) {
		call(in);
	} else if (what < 208) {
		answer(in);
	} else if (what < 232) {
		signal_or_answer(in);
	} else if (what < 236) {
		send_bytes(in);
	} else {
		/* Several at a time. */
		call(in);
		return;
	}
	pump(3);
}

static void check_untouched(void)
{
	const struct segment *s = registry_first(server.registry);
	const struct shmreg_dir *dir;

	for (unsigned int i = 0; i < 2; i++, s = registry_next(server.registry, s)) {
		MUST(s != NULL);
		dir = segment_dir(s);
		MUST(dir->owner == (OWNER | (uint64_t)OWNER << 32));
		MUST(dir->mode_lifetime == ((i ? 0644u : 0600u) | SHMREG_UNTIL_REMOVED << 16));
	}
}

static void run(struct fuzz_input *in)
{
	n_calls = n_answers = 0;
	trusted = spoilt = false;
	begin();
	for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in) && bus.sd && !spoilt; i++) {
		step(in);
		registry_verify(server.registry);
		MUST(n_answers <= n_calls);
	}
	pump(8);
	while (n_questions > 0 && !spoilt) {
		fake_bus_say_who(questions[n_questions - 1], 2000);
		sd_bus_message_unref(questions[--n_questions]);
		pump(4);
	}
	MUST(spoilt || (bus.sd && n_answers == n_calls));
	if (!trusted)
		check_untouched();
	registry_verify(server.registry);
	end();
}

static void seeds(void)
{
	uint8_t bytes[24];

	for (uint8_t which = 0; which < 16; which++)
		for (uint8_t who = 0; who < 4; who++) {
			memset(bytes, 1, sizeof(bytes));
			memcpy(bytes, (const uint8_t[]){ 0, which, 1, 0, 0, 1, 4, 1, 1, 1, 1 }, 11);
			memcpy(bytes + 14, (const uint8_t[]){ 130, who, 0, which, 1, 0, 0, 0 }, 8);
			fuzz_seed(bytes, sizeof(bytes));
		}
	fuzz_seed((const uint8_t[]){ 210, 0, 0, 12, 1, 210, 1, 1, 0 }, 9);
	fuzz_seed((const uint8_t[]){ 0, 0, 1, 0, 0, 130, 255, 1, 0, 3, 1, 1, 0, 0, 1 }, 15);
	fuzz_seed((const uint8_t[]){ 0, 0, 1, 0, 0, 233, 40, 1, 1, 1 }, 10);
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
