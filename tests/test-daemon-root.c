/* SPDX-License-Identifier: MIT */
#include <config.h>

/*
 * The root: its words move when a segment can be opened and outlive the daemon; and what
 * sleeps on an object's state is woken by its removal.
 */

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <shmreg/abi/root.h>

#include "asleep.h"
#include "harness.h"
#include "raw.h"

static struct harness h;

static void setup(void)
{
	harness_start(&h, NULL);
}

static void teardown(void)
{
	harness_stop(&h);
}

struct mapped {
	struct shmreg_root *root;
	ino_t inode;
};

static void ask(struct raw *c, struct mapped *ret)
{
	struct shmreg_request in;
	struct stat st;

	raw_request(&in, SHMREG_PACKET_ROOT);
	ck_assert_int_eq(raw_call(c, &in), 0);
	ck_assert_int_eq(c->n_fds, 1);
	ck_assert_uint_eq(c->reply.u.root.bytes, sizeof(struct shmreg_root));
	ck_assert_int_eq(fstat(c->fds[0], &st), 0);
	ck_assert_int_eq(st.st_size, sizeof(struct shmreg_root));
	ret->inode = st.st_ino;
	ret->root = mmap(NULL, sizeof(struct shmreg_root), PROT_READ, MAP_SHARED, c->fds[0], 0);
	ck_assert_ptr_ne(ret->root, MAP_FAILED);
}

static void observe(struct raw *c)
{
	raw_connect(c, h.socket_path);
	ck_assert_int_eq(raw_hello(c, SHMREG_HELLO_OBSERVER), 0);
}

static void unmap(struct mapped *m)
{
	munmap(m->root, sizeof(*m->root));
}

static const uint32_t *bucket(const struct mapped *m, const char *name)
{
	return &m->root->created[shmreg_name_hash(name) % SHMREG_ROOT_BUCKETS];
}

static uint32_t sum(const struct mapped *m)
{
	uint32_t n = 0;

	for (int i = 0; i < SHMREG_ROOT_BUCKETS; i++)
		n += m->root->created[i];
	return n;
}

static void set_mode(struct raw *c, const char *name, uint32_t mode)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_SET);
	snprintf(in.u.set.target.name, sizeof(in.u.set.target.name), "%s", name);
	in.u.set.what = SHMREG_SET_MODE;
	in.u.set.mode = mode;
	ck_assert_int_eq(raw_call(c, &in), 0);
}

START_TEST(words)
{
	struct mapped m;
	struct raw c;

	observe(&c);
	ask(&c, &m);
	/* Nobody else writes it. */
	ck_assert_ptr_eq(mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, c.fds[0], 0),
			 MAP_FAILED);
	ck_assert_uint_eq(m.root->magic, SHMREG_ROOT_MAGIC);
	ck_assert_uint_eq(m.root->layout, SHMREG_ROOT_LAYOUT);
	ck_assert_uint_eq(m.root->n_buckets, SHMREG_ROOT_BUCKETS);
	ck_assert_uint_eq(m.root->flags, 0);
	ck_assert_uint_eq(sum(&m), 0);
	raw_close(&c);

	raw_open(&c, h.socket_path);
	ck_assert_uint_eq(m.root->registry, c.reply.u.hello.registry);
	ck_assert_int_eq(raw_create(&c, "s", 1, SHMREG_CREATE_DETACHED), 0);
	ck_assert_uint_eq(*bucket(&m, "s"), 1);
	/* What makes nothing new moves nothing. */
	ck_assert_int_eq(raw_create(&c, "s", 2, SHMREG_CREATE_DETACHED), -EEXIST);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 3), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	ck_assert_uint_eq(*bucket(&m, "s"), 1);
	set_mode(&c, "s", 0666);
	ck_assert_uint_eq(*bucket(&m, "s"), 2);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "s"), 0);
	ck_assert_uint_eq(sum(&m), 2);
	raw_close(&c);
	unmap(&m);
}
END_TEST

/* Killed and restarted, it is the same, and says what happened meanwhile. */
START_TEST(outlives_the_daemon)
{
	struct mapped m, later;
	struct raw c;

	observe(&c);
	ask(&c, &m);
	ck_assert_int_eq(raw_create(&c, "s", 1, SHMREG_CREATE_DETACHED), 0);
	raw_close(&c);
	for (int i = 0; i < 3; i++) {
		const uint32_t before = *bucket(&m, "s");

		harness_kill_daemon(&h);
		ck_assert_uint_eq(m.root->flags, 0);
		harness_restart_daemon(&h);
		/* The daemon before it may have made it and been killed before it said so. */
		ck_assert_uint_eq(*bucket(&m, "s"), before + 1);
		observe(&c);
		ask(&c, &later);
		ck_assert_uint_eq(later.inode, m.inode);
		ck_assert_uint_eq(later.root->registry, m.root->registry);
		unmap(&later);
		raw_close(&c);
	}
	observe(&c);
	ck_assert_uint_eq(m.root->registry, c.reply.u.hello.registry);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "s"), 0);
	raw_close(&c);
	/* One that had nothing to keep is another registry, and its root says so. */
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
	observe(&c);
	ck_assert_uint_eq(m.root->registry, c.reply.u.hello.registry);
	raw_close(&c);
	unmap(&m);
}
END_TEST

/* Stopped in order and started again with what was stored: the flag comes and goes. */
START_TEST(orphaned)
{
	struct mapped m, later;
	struct raw c;

	observe(&c);
	ask(&c, &m);
	raw_close(&c);
	ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0);
	ck_assert_uint_eq(m.root->flags, SHMREG_ROOT_ORPHANED);
	harness_restart_daemon(&h);
	ck_assert_uint_eq(m.root->flags, 0);
	/* Without it, there is another. */
	harness_stop_daemon(&h);
	ck_assert_uint_eq(m.root->flags, SHMREG_ROOT_ORPHANED);
	harness_restart_daemon(&h);
	observe(&c);
	ask(&c, &later);
	ck_assert_uint_ne(later.inode, m.inode);
	ck_assert_uint_eq(later.root->flags, 0);
	ck_assert_uint_eq(m.root->flags, SHMREG_ROOT_ORPHANED);
	raw_close(&c);
	unmap(&later);
	unmap(&m);
}
END_TEST

struct word {
	const uint32_t *word;
	uint32_t value;
};

static int sleep_on(void *arg)
{
	const struct word *w = arg;

	while (shmreg_load_acquire(w->word) == w->value)
		if (syscall(SYS_futex, w->word, FUTEX_WAIT, w->value, NULL, NULL, 0) == 0)
			return 1;
	return 0;
}

/* Until it sleeps; then @cause; it must have been woken, not only found the word changed. */
#define wakes(w, cause)                                                                            \
	do {                                                                                       \
		struct word on_ = { w, *(w) };                                                     \
		struct sleeper sleeper_;                                                           \
		sleeper_spawn(&sleeper_, sleep_on, &on_);                                          \
		sleeper_await(&sleeper_);                                                          \
		cause;                                                                             \
		ck_assert_int_eq(sleeper_result(&sleeper_), 1);                                    \
	} while (0)

START_TEST(root_wakes)
{
	struct mapped m;
	struct raw c;

	observe(&c);
	ask(&c, &m);
	wakes(bucket(&m, "s"),
	      ck_assert_int_eq(raw_create(&c, "s", 1, SHMREG_CREATE_DETACHED), 0));
	wakes(bucket(&m, "s"), set_mode(&c, "s", 0600));
	raw_close(&c);
	wakes(bucket(&m, "s"), harness_kill_daemon(&h); harness_restart_daemon(&h));
	wakes(&m.root->flags, ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0));
	wakes(&m.root->flags, harness_restart_daemon(&h));
	/* Asleep over a restart, woken by what another daemon makes. */
	wakes(bucket(&m, "t"), harness_kill_daemon(&h); harness_restart_daemon(&h); observe(&c);
	      ck_assert_int_eq(raw_create(&c, "t", 2, SHMREG_CREATE_DETACHED), 0));
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "s"), 0);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "t"), 0);
	raw_close(&c);
	unmap(&m);
}
END_TEST

/* As another version would have made it: what is common to all layouts is as it was. */
static void change_layout(const struct raw *c)
{
	const uint32_t layout = 250;
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", c->fds[0]);
	fd = open(path, O_RDWR | O_CLOEXEC);
	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, &layout, sizeof(layout), offsetof(struct shmreg_root, layout)),
			 sizeof(layout));
	close(fd);
}

static void make_another(struct mapped *ret)
{
	struct raw c;

	observe(&c);
	ask(&c, ret);
	change_layout(&c);
	raw_close(&c);
}

/* Nobody goes on sleeping on a root of another layout, on whatever word; it is not found again. */
START_TEST(another_layout)
{
	struct mapped m, later;
	struct raw c;
	ino_t inode;

	observe(&c);
	ck_assert_int_eq(raw_create(&c, "s", 1, SHMREG_CREATE_DETACHED), 0);
	raw_close(&c);
	make_another(&m);
	/* Any of its words; the last may not even be one. */
	wakes(&((const uint32_t *)m.root)[sizeof(*m.root) / 4 - 1], harness_kill_daemon(&h);
	      harness_restart_daemon(&h));
	unmap(&m);
	make_another(&m);
	inode = m.inode;
	wakes(&m.root->flags, harness_kill_daemon(&h); harness_restart_daemon(&h));
	ck_assert_uint_eq(m.root->flags, SHMREG_ROOT_REPLACED);
	ck_assert_uint_eq(m.root->registry, 0);
	unmap(&m);

	observe(&c);
	ask(&c, &m);
	ck_assert_uint_ne(m.inode, inode);
	ck_assert_uint_eq(m.root->flags, 0);
	raw_close(&c);
	for (int i = 0; i < 3; i++) {
		harness_kill_daemon(&h);
		harness_restart_daemon(&h);
		observe(&c);
		ask(&c, &later);
		ck_assert_uint_eq(later.inode, m.inode);
		unmap(&later);
		raw_close(&c);
	}
	unmap(&m);
	observe(&c);
	ck_assert_int_eq(raw_target(&c, SHMREG_PACKET_REMOVE, "s"), 0);
	raw_close(&c);
}
END_TEST

static void make_object(struct raw *c, const struct shmreg_attachment *at)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_CREATE_OBJECT);
	in.u.create_object.at = *at;
	in.u.create_object.nonce = 5;
	in.u.create_object.shape = (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY, .layout = 1, .elem_align = 8, .elem_bytes = 8, .capacity = 9,
	};
	snprintf(in.u.create_object.name, sizeof(in.u.create_object.name), "o");
	ck_assert_int_eq(raw_call(c, &in), 0);
}

static void remove_object(struct raw *c, const struct shmreg_attachment *at)
{
	struct shmreg_request in;

	raw_request(&in, SHMREG_PACKET_REMOVE_OBJECT);
	in.u.remove_object.at = *at;
	snprintf(in.u.remove_object.name, sizeof(in.u.remove_object.name), "o");
	ck_assert_int_eq(raw_call(c, &in), 0);
}

/* Who sleeps on an object's state, or on a segment's death word, over an orderly restart. */
START_TEST(directory_wakes)
{
	struct shmreg_attachment at;
	struct shmreg_dir *dir;
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	at = (struct shmreg_attachment){ c.reply.u.attach.segment, c.reply.u.attach.participant, 0 };
	dir = mmap(NULL, c.reply.u.attach.dir_bytes, PROT_READ, MAP_SHARED, c.fds[0], 0);
	ck_assert_ptr_ne(dir, MAP_FAILED);
	make_object(&c, &at);
	wakes(&shmreg_dir_objects(dir)[0].state, remove_object(&c, &at));
	ck_assert_uint_eq(shmreg_dir_objects(dir)[0].state, SHMREG_ENTRY_REMOVED);
	wakes(&dir->death, ck_assert_int_eq(keeper_daemon_end(&h.keeper, SIGTERM), 0));
	ck_assert_uint_eq(dir->flags, SHMREG_DIR_ORPHANED);
	wakes(&dir->death, harness_restart_daemon(&h));
	ck_assert_uint_eq(dir->flags, 0);
	raw_close(&c);
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, at.segment, at.participant), 0);
	munmap(dir, dir->dir_bytes);
	raw_close(&c);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("daemon-root");
	TCase *tc = harness_case(suite, "root");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, words);
	tcase_add_test(tc, outlives_the_daemon);
	tcase_add_test(tc, orphaned);
	tcase_add_test(tc, root_wakes);
	tcase_add_test(tc, another_layout);
	tcase_add_test(tc, directory_wakes);
	return harness_main(suite);
}
