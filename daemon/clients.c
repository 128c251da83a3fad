/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "clients.h"
#include "log.h"

#define PIDFS_MAGIC 0x50494446	/* linux/magic.h of 6.9: inodes are unique until reboot */
#define RECHECK_SEC 10.
#define RECHECK_SOON_SEC .05

struct clients {
	struct ev_loop *loop;
	struct clients_ops ops;
	void *data;
	struct hash by_pid;
	LIST_HEAD(, client) list;
	struct sheets sheets;
	unsigned int n_pidfds;
	ev_timer recheck;
};

static bool has_ended(int pidfd)
{
	struct pollfd p = { .fd = pidfd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN);
}

/* Field 22 of /proc/PID/stat; 0 if it cannot be read (ProtectProc=invisible). */
static uint64_t read_start_time(uint32_t pid)
{
	unsigned long long start = 0;
	char path[32], text[1024], *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%u/stat", pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (n <= 0)
		return 0;
	text[n] = '\0';
	/* The second field is the program's name in brackets, and may contain any. */
	p = strrchr(text, ')');
	if (!p || sscanf(p + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d "
				"%*d %*d %*d %llu", &start) != 1)
		return 0;
	return start;
}

int clients_identify(int pidfd, uint32_t pid, struct process_id *ret)
{
	struct process_id id = { .pid = pid };
	struct statfs fs;
	struct stat st;

	if (fstatfs(pidfd, &fs) == 0 && fs.f_type == PIDFS_MAGIC && fstat(pidfd, &st) == 0)
		id.pidfd_inode = st.st_ino;
	else
		id.start_time = read_start_time(pid);
	/* Only now: had it ended before, the number could be another's already. */
	if (has_ended(pidfd))
		return -ESRCH;
	*ret = id;
	return 0;
}

static void on_died(struct ev_loop *loop, ev_io *w, int revents)
{
	struct client *c = w->data;

	(void)revents;
	ev_io_stop(loop, w);
	if (c->gone)
		return;
	c->gone = true;
	c->clients->ops.gone(c->clients->data, c, false);
	client_put(c);
}

static struct client *find(struct clients *all, const struct process_id *id)
{
	struct hash_node *node;

	for (node = hash_first(&all->by_pid, id->pid); node; node = hash_next(node)) {
		struct client *c = container_of(node, struct client, node);

		if (process_id_equal(&c->id, id))
			return c;
	}
	return NULL;
}

static struct client *client_new(struct clients *all, const struct process_id *id)
{
	struct client *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->clients = all;
	c->id = *id;
	c->pidfd = -1;
	LIST_INIT(&c->peers);
	LIST_INIT(&c->tokens);
	LIST_INIT(&c->unproven);
	ev_init(&c->died, on_died);
	c->died.data = c;
	hash_add(&all->by_pid, &c->node, id->pid);
	LIST_INSERT_HEAD(&all->list, c, link);
	return c;
}

static void set_pidfd(struct client *c, int pidfd)
{
	c->pidfd = pidfd;
	c->clients->n_pidfds++;
	ev_io_set(&c->died, pidfd, EV_READ);
}

static void token_drop(struct client *c, struct token *t)
{
	if (!t->open)
		c->clients->ops.uncharge(c->clients->data, t->uid);
	LIST_REMOVE(t, link);
	token_free(t);
}

static void prove_all(struct client *c)
{
	struct unproven *u;

	while ((u = LIST_FIRST(&c->unproven))) {
		LIST_REMOVE(u, link);
		free(u);
	}
}

static void client_free(struct client *c)
{
	struct token *t;

	prove_all(c);
	while ((t = LIST_FIRST(&c->tokens)))
		token_drop(c, t);
	ev_io_stop(c->clients->loop, &c->died);
	if (c->pidfd >= 0) {
		close(c->pidfd);
		c->clients->n_pidfds--;
	}
	hash_remove(&c->clients->by_pid, &c->node);
	LIST_REMOVE(c, link);
	free(c);
}

void client_put(struct client *c)
{
	if (LIST_EMPTY(&c->peers) && !c->watched)
		client_free(c);
}

int clients_get(struct clients *all, int pidfd, uint32_t pid, struct client **ret)
{
	struct process_id id;
	struct client *c;
	int r;

	r = clients_identify(pidfd, pid, &id);
	if (r < 0) {
		close(pidfd);
		return r;
	}
	c = find(all, &id);
	if (c && c->pidfd >= 0) {
		close(pidfd);
	} else {
		if (!c)
			c = client_new(all, &id);
		if (!c) {
			close(pidfd);
			return -ENOMEM;
		}
		set_pidfd(c, pidfd);
		if (c->watched)
			ev_io_start(all->loop, &c->died);
	}
	*ret = c;
	return 0;
}

/*
 * Reopen the pidfd of a process that a directory names. "Cannot tell" is alive
 * here: only ESRCH or a proved mismatch is death.
 */
static void client_reopen(struct client *c)
{
	struct process_id now;
	int fd, r = 0;

	fd = (int)syscall(SYS_pidfd_open, c->id.pid, 0);
	if (fd < 0) {
		/* EINVAL, ENOENT: a thread that is no process has the number now. */
		if (errno == ESRCH || errno == EINVAL || errno == ENOENT)
			ev_feed_event(c->clients->loop, &c->died, EV_READ);
		else
			log_warning("cannot watch process %u, will try again: %s", c->id.pid,
				    strerror(errno));
		return;
	}
	r = clients_identify(fd, c->id.pid, &now);
	if (r < 0 || !process_id_equal(&now, &c->id)) {
		close(fd);
		ev_feed_event(c->clients->loop, &c->died, EV_READ);
		return;
	}
	set_pidfd(c, fd);
	ev_io_start(c->clients->loop, &c->died);
}

void clients_watch(struct clients *all, const struct process_id *id)
{
	struct client *c = find(all, id);

	if (!c)
		c = client_new(all, id);
	if (!c) {
		/* Only at a restart, for whoever is connected is known: start once more. */
		log_error("no memory is left to watch process %u", id->pid);
		exit(EXIT_FAILURE);
	}
	c->watched = true;
	if (c->pidfd >= 0)
		ev_io_start(all->loop, &c->died);
	else
		client_reopen(c);
}

void clients_unwatch(struct clients *all, const struct process_id *id)
{
	struct client *c = find(all, id);
	struct token *t, *next;

	if (!c || !c->watched)
		return;
	c->watched = false;
	prove_all(c);
	ev_io_stop(all->loop, &c->died);
	for (t = LIST_FIRST(&c->tokens); t; t = next) {
		next = LIST_NEXT(t, link);
		if (!t->open)
			token_drop(c, t);
	}
	/* While gone() runs, whoever called it lets go last. */
	if (!c->gone)
		client_put(c);
}

int clients_add_unproven(struct clients *all, const struct process_id *id, uint64_t segment,
			 uint64_t participant)
{
	struct client *c = find(all, id);
	struct unproven *u;

	if (!c || !c->watched)
		return 0;
	u = calloc(1, sizeof(*u));
	if (!u)
		return -ENOMEM;
	u->segment = segment;
	u->participant = participant;
	LIST_INSERT_HEAD(&c->unproven, u, link);
	return 0;
}

void client_prove(struct client *c, uint64_t segment, uint64_t participant)
{
	struct unproven *u;

	LIST_FOREACH(u, &c->unproven, link) {
		if (u->segment != segment || u->participant != participant)
			continue;
		LIST_REMOVE(u, link);
		free(u);
		return;
	}
}

int client_add_token(struct client *c, uint32_t uid, struct token **ret)
{
	const int r = token_new(ret, &c->clients->sheets, uid);

	if (r == 0)
		LIST_INSERT_HEAD(&c->tokens, *ret, link);
	return r;
}

/* Did it hold something, and holds nothing of that now? @except: asked already, or NULL. */
static bool has_execed(const struct client *c, const struct token *except)
{
	const struct token *t;
	bool had = false;

	LIST_FOREACH(t, &c->tokens, link) {
		if (t == except || !t->confirmed)
			continue;
		if (token_is_held(t))
			return false;
		had = true;
	}
	return had;
}

static void check_exec(struct client *c, const struct token *except)
{
	if (c->watched && !c->gone && LIST_EMPTY(&c->unproven) && has_execed(c, except))
		c->clients->ops.gone(c->clients->data, c, true);
}

bool client_confirm(struct client *c, struct token *token)
{
	if (!token_is_held(token))
		return false;
	if (!token->confirmed) {
		check_exec(c, token);
		token->confirmed = true;
	}
	return true;
}

/* exec() takes connection and token in any order: who is connected no more may be about to lose it. */
static void recheck_soon(struct clients *all)
{
	if (ev_timer_remaining(all->loop, &all->recheck) <= RECHECK_SOON_SEC)
		return;
	ev_timer_stop(all->loop, &all->recheck);
	ev_timer_set(&all->recheck, RECHECK_SOON_SEC, RECHECK_SEC);
	ev_timer_start(all->loop, &all->recheck);
}

void client_hang_up(struct client *c, struct token *token)
{
	if (!token)
		return;
	token->open = false;
	if (c->watched && !c->gone && token->confirmed) {
		recheck_soon(c->clients);
		check_exec(c, NULL);
	} else {
		token_drop(c, token);
	}
}

static void on_recheck(struct ev_loop *loop, ev_timer *w, int revents)
{
	struct clients *all = w->data;
	struct client *c, *next;

	(void)loop, (void)revents;
	for (c = LIST_FIRST(&all->list); c; c = next) {
		next = LIST_NEXT(c, link);
		if (c->watched && !c->gone && c->pidfd < 0)
			client_reopen(c);
		else
			check_exec(c, NULL);
	}
}

unsigned int clients_n_fds(const struct clients *all)
{
	return all->n_pidfds + all->sheets.n;
}

int clients_new(struct clients **ret, struct ev_loop *loop, const struct clients_ops *ops,
		void *data)
{
	struct clients *all = calloc(1, sizeof(*all));
	int r;

	if (!all)
		return -ENOMEM;
	r = hash_init(&all->by_pid);
	if (r < 0) {
		free(all);
		return r;
	}
	all->loop = loop;
	all->ops = *ops;
	all->data = data;
	LIST_INIT(&all->list);
	ev_timer_init(&all->recheck, on_recheck, RECHECK_SEC, RECHECK_SEC);
	all->recheck.data = all;
	ev_timer_start(loop, &all->recheck);
	*ret = all;
	return 0;
}

struct clients *clients_free(struct clients *all)
{
	struct client *c;

	if (!all)
		return NULL;
	ev_timer_stop(all->loop, &all->recheck);
	while ((c = LIST_FIRST(&all->list))) {
		assert(LIST_EMPTY(&c->peers));
		client_free(c);
	}
	hash_deinit(&all->by_pid);
	free(all);
	return NULL;
}
