/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"
#include "unit.h"

/* --- what systemctl says ---------------------------------------------------------------------- */

static const struct {
	const char *name;
	size_t offset, size;
} words[] = {
#define WORD(name, field)                                                                         \
	{ name, offsetof(struct unit_properties, field),                                          \
	  sizeof(((struct unit_properties *)NULL)->field) }
	WORD("LoadState", load),
	WORD("ActiveState", active),
	WORD("UnitFileState", enabled),
	WORD("Result", result),
	WORD("DropInPaths", drop_ins),
	WORD("Restart", restart),
	WORD("KillMode", kill_mode),
	WORD("RuntimeDirectoryPreserve", preserve),
	WORD("User", user),
	WORD("NotifyAccess", notify_access),
	WORD("SocketMode", socket_mode),
	WORD("Listen", listen),
#undef WORD
};

static const struct {
	const char *name;
	size_t offset;
} numbers[] = {
#define NUMBER(name, field) { name, offsetof(struct unit_properties, field) }
	NUMBER("FileDescriptorStoreMax", fd_store_max),
	NUMBER("NFileDescriptorStore", n_fd_store),
	NUMBER("LimitNOFILESoft", limit_files),
	NUMBER("NRestarts", n_restarts),
	NUMBER("MemoryMax", memory_max),
#undef NUMBER
};

static void set(struct unit_properties *p, const char *name, const char *value)
{
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(name, words[i].name) == 0)
			snprintf((char *)p + words[i].offset, words[i].size, "%s", value);
	/* "infinity" is no number, and no limit. */
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		if (strcmp(name, numbers[i].name) == 0 && *value >= '0' && *value <= '9')
			*(uint64_t *)(void *)((char *)p + numbers[i].offset) =
			    strtoull(value, NULL, 10);
	if (strcmp(name, "NeedDaemonReload") == 0)
		p->reload_needed = strcmp(value, "yes") == 0;
	if (strcmp(name, "WatchdogUSec") == 0)
		p->watchdog = *value && strcmp(value, "0") != 0 && strcmp(value, "infinity") != 0;
}

void unit_parse(const char *text, struct unit_properties *ret)
{
	struct unit_properties p = {
	    .fd_store_max = UNIT_UNKNOWN,
	    .n_fd_store = UNIT_UNKNOWN,
	    .limit_files = UNIT_UNKNOWN,
	    .n_restarts = UNIT_UNKNOWN,
	    .memory_max = UNIT_UNKNOWN,
	};

	while (*text) {
		const size_t n = strcspn(text, "\n");
		char *line = strndup(text, n), *equals = line ? strchr(line, '=') : NULL;

		if (equals) {
			*equals = '\0';
			set(&p, line, equals + 1);
		}
		free(line);
		text += n + (text[n] == '\n');
	}
	*ret = p;
}

/* --- what is thought of it -------------------------------------------------------------------- */

static bool is(const char *word, const char *other)
{
	return strcmp(word, other) == 0;
}

static const char *systemctl(const struct unit *u)
{
	return u->user ? "systemctl --user" : "systemctl";
}

static const char *journalctl(const struct unit *u)
{
	return u->user ? "journalctl --user -u shmregd -n 30" : "journalctl -u shmregd -n 30";
}

/* A line to be put into a drop-in. */
static void type_drop_in(const struct unit *u, struct findings *f, const char *section,
			 const char *line)
{
	finding_type(f, "%s edit shmregd.service   # [%s] %s", systemctl(u), section, line);
	finding_type(f, "%s restart shmregd.service   # segments stay", systemctl(u));
}

/* Return: false, if nothing more can be said of it. */
static bool judge_loaded(const struct unit *u, const char *name, const struct unit_properties *p,
			 struct findings *f)
{
	if (is(p->load, "loaded"))
		return true;
	if (is(p->load, "masked")) {
		finding_add(f, FINDING_ERROR, "service.masked",
			    "%s is masked: it cannot be started", name);
		finding_type(f, "%s unmask %s", systemctl(u), name);
	} else if (is(p->load, "not-found") && u->answers) {
		finding_add(f, FINDING_WARNING, "service.installed",
			    "%s is not installed: a daemon runs, but "
			    "nothing outlives it, and nobody starts it again",
			    name);
		finding_type(f, "make install && %s daemon-reload", systemctl(u));
	} else if (is(p->load, "not-found")) {
		finding_add(f, FINDING_ERROR, "service.installed", "%s is not installed", name);
		finding_type(f, "make install && %s daemon-reload", systemctl(u));
	} else {
		finding_add(f, FINDING_ERROR, "service.installed", "%s cannot be loaded: %s", name,
			    *p->load ? p->load : "the service manager says nothing of it");
		finding_type(f, "systemd-analyze verify %s", name);
	}
	return false;
}

static void judge_socket(const struct unit *u, struct findings *f)
{
	const struct unit_properties *p = &u->socket;

	if (!judge_loaded(u, "shmregd.socket", p, f))
		return;
	if (is(p->active, "active")) {
		finding_add(f, FINDING_OK, "service.socket", "shmregd.socket is active");
	} else {
		finding_add(f, u->answers ? FINDING_WARNING : FINDING_ERROR, "service.socket",
			    "shmregd.socket is %s: %s", p->active,
			    u->answers ? "a daemon runs that is not the unit's" : "nobody listens");
		finding_type(f, "%s enable --now shmregd.socket", systemctl(u));
	}
	if (is(p->enabled, "disabled")) {
		finding_add(f, FINDING_WARNING, "service.enabled",
			    "shmregd.socket is disabled: after the next boot nobody listens");
		finding_type(f, "%s enable --now shmregd.socket", systemctl(u));
	} else {
		finding_add(f, FINDING_OK, "service.enabled", "shmregd.socket is %s", p->enabled);
	}
	if (!u->user && *p->socket_mode && !is(p->socket_mode, "0666")) {
		finding_add(f, FINDING_NOTE, "service.socket-mode",
			    "the unit gives the socket the mode %s: not "
			    "everybody may connect",
			    p->socket_mode);
		finding_type(f, "systemctl cat shmregd.socket");
	}
}

static void judge_state(const struct unit *u, struct findings *f)
{
	const struct unit_properties *p = &u->service;

	if (is(p->active, "failed")) {
		finding_add(f, FINDING_ERROR, "service.state", "shmregd.service has failed (%s)",
			    p->result);
		finding_type(f, "%s", journalctl(u));
		finding_type(f, "%s restart shmregd.socket", systemctl(u));
	} else if (is(p->active, "active")) {
		finding_add(f, FINDING_OK, "service.state", "shmregd.service is active");
	} else {
		finding_add(f, FINDING_OK, "service.state",
			    "shmregd.service is %s: the first connection starts it", p->active);
	}
	if (p->n_restarts != UNIT_UNKNOWN && p->n_restarts) {
		finding_add(f, FINDING_NOTE, "service.restarts",
			    "it had to be restarted %" PRIu64
			    " times by the service manager, since it was started by somebody",
			    p->n_restarts);
		finding_type(f, "%s", journalctl(u));
	}
	if (p->reload_needed || u->socket.reload_needed) {
		finding_add(f, FINDING_WARNING, "service.reload",
			    "its unit was changed and is not in force yet");
		finding_type(f, "%s daemon-reload", systemctl(u));
	}
	if (*p->drop_ins) {
		finding_add(f, FINDING_NOTE, "service.drop-ins",
			    "it is not as it was installed: %s", p->drop_ins);
		finding_type(f, "%s cat shmregd.service", systemctl(u));
	}
}

/* Two descriptors a segment, and two more: shmregd(8). */
static void judge_store(const struct unit *u, struct findings *f)
{
	const struct unit_properties *p = &u->service;
	const uint64_t room = p->fd_store_max > 2 ? (p->fd_store_max - 2) / 2 : 0;
	char line[64];

	if (p->fd_store_max == UNIT_UNKNOWN)
		return;
	snprintf(line, sizeof(line), "FileDescriptorStoreMax=%" PRIu64,
		 u->max_segments ? 2 * u->max_segments + 2 : 4096);
	if (p->fd_store_max == 0) {
		finding_add(f, FINDING_ERROR, "service.fd-store",
			    "its unit keeps no descriptors: no segment "
			    "outlives a restart of the daemon");
		type_drop_in(u, f, "Service", line);
	} else if (u->max_segments && room < u->max_segments) {
		finding_add(f, FINDING_WARNING, "service.fd-store",
			    "its unit keeps %" PRIu64 " descriptors, which "
			    "is enough for %" PRIu64 " segments; max-segments is %" PRIu64,
			    p->fd_store_max, room, u->max_segments);
		type_drop_in(u, f, "Service", line);
	} else {
		finding_add(f, FINDING_OK, "service.fd-store",
			    "its unit keeps %" PRIu64 " descriptors", p->fd_store_max);
	}
	if (u->n_segments != UNIT_UNKNOWN && p->n_fd_store != UNIT_UNKNOWN &&
	    is(p->active, "active") && p->n_fd_store < 2 * u->n_segments) {
		finding_add(f, FINDING_ERROR, "service.fd-stored",
			    "the service manager has %" PRIu64 " descriptors "
			    "of %" PRIu64
			    " segments, which have two each: not all outlive a restart",
			    p->n_fd_store, u->n_segments);
		finding_type(f, "%s", journalctl(u));
	}
	if (p->limit_files != UNIT_UNKNOWN && p->limit_files <= p->fd_store_max) {
		snprintf(line, sizeof(line), "LimitNOFILE=%" PRIu64, 16 * p->fd_store_max);
		finding_add(f, FINDING_ERROR, "service.files",
			    "it may have %" PRIu64 " descriptors, and is given %" PRIu64
			    " kept ones at most: when there are so many it cannot be started again",
			    p->limit_files, p->fd_store_max);
		type_drop_in(u, f, "Service", line);
	}
}

static void judge_manner(const struct unit *u, struct findings *f)
{
	const struct unit_properties *p = &u->service;
	char a[TEXT_MAX];

	if (*p->restart && !is(p->restart, "always")) {
		finding_add(f, FINDING_WARNING, "service.restart",
			    "its unit says Restart=%s: when it dies, it may "
			    "not come back, and its segments are lost",
			    p->restart);
		type_drop_in(u, f, "Service", "Restart=always");
	}
	if (!p->watchdog) {
		finding_add(f, FINDING_NOTE, "service.watchdog",
			    "it has no watchdog: if it hangs, nobody notices");
		type_drop_in(u, f, "Service", "WatchdogSec=30s");
	} else {
		finding_add(f, FINDING_OK, "service.watchdog", "it has a watchdog");
	}
	if (!u->user && *p->preserve && !is(p->preserve, "yes")) {
		finding_add(f, FINDING_WARNING, "service.runtime-directory",
			    "its unit says "
			    "RuntimeDirectoryPreserve=%s: the socket goes with the service",
			    p->preserve);
		type_drop_in(u, f, "Service", "RuntimeDirectoryPreserve=yes");
	}
	if (!u->user && (!*p->user || is(p->user, "root"))) {
		finding_add(f, FINDING_WARNING, "service.user",
			    "it runs as root: who attaches read-only as root "
			    "is not kept from writing, and a fault in it is one of root's");
		type_drop_in(u, f, "Service", "User=shmreg");
	}
	if (p->memory_max != UNIT_UNKNOWN) {
		finding_add(f, FINDING_WARNING, "service.memory",
			    "its unit allows it %s: the memory of segments "
			    "that nobody else touched counts as its own",
			    text_bytes(a, p->memory_max));
		type_drop_in(u, f, "Service", "MemoryMax=infinity");
	}
}

void unit_judge(const struct unit *u, struct findings *f)
{
	judge_socket(u, f);
	if (!judge_loaded(u, "shmregd.service", &u->service, f))
		return;
	judge_state(u, f);
	judge_store(u, f);
	judge_manner(u, f);
}
