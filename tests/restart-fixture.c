/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <sys/mman.h>

#include "restart-fixture.h"

struct harness h;

void setup(void)
{
	harness_start(&h, NULL);
}

void teardown(void)
{
	harness_stop(&h);
}

void again(void)
{
	harness_kill_daemon(&h);
	harness_restart_daemon(&h);
}

struct shmreg_stats_reply stats_now(void)
{
	struct shmreg_request in;
	struct raw c;

	raw_connect(&c, h.socket_path);
	ck_assert_int_eq(raw_hello(&c, SHMREG_HELLO_OBSERVER), 0);
	raw_request(&in, SHMREG_PACKET_STATS);
	in.u.stats.uid = UINT32_MAX;
	ck_assert_int_eq(raw_call(&c, &in), 0);
	raw_close(&c);
	return c.reply.u.stats;
}

uint64_t used(enum shmreg_resource what)
{
	return stats_now().usage[what].used;
}

struct shmreg_dir *map_dir(const struct raw *c)
{
	struct shmreg_dir *dir;

	dir = mmap(NULL, c->reply.u.attach.dir_bytes, PROT_READ, MAP_SHARED, c->fds[0], 0);
	ck_assert_ptr_ne(dir, MAP_FAILED);
	return dir;
}

void attach_and_wait(const struct mouth *mouth, void *arg)
{
	struct raw c;

	(void)arg;
	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_attach(&c, "s", SHMREG_ACCESS_WRITE, 1), 0);
	tell(mouth, 1);
	hear(mouth);
	raw_close(&c);
}

bool one_participant(void *arg)
{
	(void)arg;
	return used(SHMREG_RESOURCE_PARTICIPANTS) == 1 && used(SHMREG_RESOURCE_SEATS) == 2;
}

void leave_s(void)
{
	struct raw c;

	raw_open(&c, h.socket_path);
	ck_assert_int_eq(raw_create(&c, "s", 1, 0), 0);
	ck_assert_int_eq(raw_attachment(&c, SHMREG_PACKET_DETACH, c.reply.u.attach.segment,
					c.reply.u.attach.participant), 0);
	raw_close(&c);
}
