/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <systemd/sd-daemon.h>

#include "log.h"
#include "restore.h"
#include "server.h"

/* A descriptor named d<hex id> or m<hex id>. */
struct kept {
	uint64_t id;
	char kind;
	int fd;
	const char *name;
};

static bool parse(struct kept *ret, const char *name, int fd)
{
	char *end;

	if ((*name != 'd' && *name != 'm') || strspn(name + 1, "0123456789abcdef") == 0 ||
	    strlen(name) > 17)
		return false;
	*ret = (struct kept){ .kind = *name, .fd = fd, .name = name };
	ret->id = strtoull(name + 1, &end, 16);
	return !*end;
}

static int by_id(const void *a, const void *b)
{
	const struct kept *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->kind - y->kind;
}

static void discard(struct server *server, const struct kept *k, const char *why)
{
	log_message(LOG_WARNING, SEGMENT_LOST, "the descriptor kept as '%s' is discarded: %s",
		    k->name, why);
	store_remove_name(server->store, k->name);
	close(k->fd);
}

/* What another version may need again, or another socket of the unit. */
static void leave(const char *name, int fd)
{
	log_warning("the descriptor kept as '%s' is not used: it is neither a segment's nor a listening "
		    "SOCK_SEQPACKET socket. If another version of shmregd stored it, it stays stored", name);
	close(fd);
}

/* Which attachments there are; who has exec'd meanwhile cannot be told (clients.h). */
static int note_attachments(struct server *server, const struct segment *s)
{
	const struct shmreg_dir *dir = segment_dir(s);
	struct shmreg_dir_participant p;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < dir->max_participants; i++) {
		if (shmreg_dir_read_participant(dir, i, &p) < 0 || p.state != SHMREG_ENTRY_LIVE)
			continue;
		r = clients_add_unproven(server->clients,
					 &(struct process_id){ .pid = p.pid,
							       .pidfd_inode = p.pidfd_inode,
							       .start_time = p.start_time },
					 segment_id(s), p.id);
	}
	return r;
}

/* Return: 1; 0 discarded; -EPROTONOSUPPORT it is left alone. */
static int restore_pair(struct server *server, const struct kept *dir, const struct kept *data)
{
	char error[SHMREG_ERROR_MAX + 1] = "";
	struct segment *s = NULL;
	int r;

	r = server_prepare(server, error);
	if (r == 0)
		r = registry_restore(server->registry, dir->fd, data->fd, &s, error);
	else
		close(dir->fd), close(data->fd);
	server_settle_restored(server, r == 0 ? s : NULL);
	if (r == 0 && note_attachments(server, s) < 0) {
		/* Everything is still kept: start once more. */
		log_error("no memory is left to restore segment %" PRIu64, dir->id);
		exit(EXIT_FAILURE);
	}
	if (r == 0)
		return 1;
	if (r == -EPROTONOSUPPORT) {
		log_message(LOG_ERR, SEGMENT_LAYOUT,
			    "segment %" PRIu64 " was kept by another version of shmregd: %s. It stays "
			    "kept; start that version again, or give all segments up by stopping the "
			    "service ('systemctl stop')", dir->id, error);
		return r;
	}
	/* ENOENT: it was being made or disposed of when the daemon ended, as it should be. */
	if (r == -ENOENT)
		log_info("segment %" PRIu64 " was kept and is discarded: %s", dir->id, error);
	else
		log_message(LOG_ERR, SEGMENT_LOST, "segment %" PRIu64 " was kept and is discarded: %s",
			    dir->id, *error ? error : strerror(-r));
	store_remove_name(server->store, dir->name);
	store_remove_name(server->store, data->name);
	return 0;
}

static int restore_segments(struct server *server, struct kept *kept, size_t n)
{
	int restored = 0, r;

	qsort(kept, n, sizeof(*kept), by_id);
	for (size_t i = 0; i < n; i++) {
		const struct kept *k = &kept[i], *next = i + 1 < n ? k + 1 : NULL;

		if (i > 0 && k->id == k[-1].id && k->kind == k[-1].kind) {
			/* Its name is the other's, too, and stays. */
			close(k->fd);
		} else if (k->kind == 'd' && next && next->kind == 'm' && next->id == k->id) {
			r = restore_pair(server, k, next);
			if (r < 0)
				return r;
			restored += r;
			i++;
		} else {
			discard(server, k, "its other half is missing");
		}
	}
	return restored;
}

/* Of several the first. Their name is one, so that none can be taken out of the store alone. */
static void restore_root(struct server *server, int fd)
{
	const bool another = server->root.map;
	const int r = another ? -EEXIST : root_open(&server->root, fd);

	if (r == 0)
		return;
	server->root_stale = true;
	/* If the segments can be had, it is replaced. */
	if (r == -EPROTONOSUPPORT && server->old_root < 0) {
		server->old_root = fd;
		return;
	}
	log_warning("a descriptor kept as '" STORE_ROOT "' is not used: %s",
		    another ? "there is another" : "it is no root");
	close(fd);
}

int restore_all(struct server *server)
{
	struct kept *kept = NULL;
	char **names = NULL;
	size_t n_kept = 0;
	int n, restored = 0;

	n = sd_listen_fds_with_names(1, &names);
	if (n <= 0)
		return n;
	kept = calloc((size_t)n, sizeof(*kept));
	if (!kept) {
		restored = -ENOMEM;
		goto done;
	}
	for (int i = 0; i < n; i++) {
		const int fd = SD_LISTEN_FDS_START + i;

		if (parse(&kept[n_kept], names[i], fd)) {
			n_kept++;
		} else if (strcmp(names[i], STORE_PROBE) == 0) {
			store_remove_name(server->store, STORE_PROBE);
			close(fd);
		} else if (strcmp(names[i], STORE_ROOT) == 0) {
			restore_root(server, fd);
		} else if (listener_fits(fd) && server->listener.fd < 0) {
			listener_adopt(&server->listener, fd);
		} else {
			leave(names[i], fd);
		}
	}
	restored = restore_segments(server, kept, n_kept);
done:
	for (int i = 0; i < n; i++)
		free(names[i]);
	free(names);
	free(kept);
	return restored;
}
