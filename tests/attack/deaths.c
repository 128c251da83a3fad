/* SPDX-License-Identifier: MIT */
#include <config.h>

/* Processes that connect and are killed, at any point of what they wanted, by the thousand. */

#include <check.h>
#include <signal.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attack.h"

#define CHILDREN 16

/* A request is in one packet: the middle of it is between its arrival and its answer's. */
static void live_and_die(struct attacker *me, uint64_t how)
{
	struct shmreg_request in;
	char name[32];
	struct raw c;

	own_name(name, me, (unsigned int)getpid());
	raw_connect(&c, me->stage->path);
	if (how % 6 > 0) {
		raw_request(&in, SHMREG_PACKET_HELLO);
		throw_packet(&c, &in);
	}
	if (how % 6 > 1 && raw_receive(&c) == 0)
		raw_map_token(&c);
	if (how % 6 > 2 && c.token) {
		raw_request(&in, SHMREG_PACKET_CREATE);
		snprintf(in.u.create.name, sizeof(in.u.create.name), "%s", name);
		in.u.create.nonce = 1;
		in.u.create.data_bytes = 4096;
		in.u.create.mode = 0600;
		in.u.create.n_seats = 2;
		throw_packet(&c, &in);
	}
	if (how % 6 > 3 && c.token)
		raw_receive(&c);
	if (how % 6 > 4 && c.token)
		raw_attach(&c, "arena", SHMREG_ACCESS_WRITE, 2);
	raise(SIGKILL);
}

void attack_deaths(struct attacker *me)
{
	int n = 0;

	for (int i = 0; i < CHILDREN; i++) {
		const uint64_t how = random_next(&me->dice);
		const pid_t pid = fork();

		if (pid == 0)
			live_and_die(me, how);
		n += pid > 0;
	}
	for (; n > 0; n--) {
		int status;

		ck_assert_int_gt(wait(&status), 0);
		ck_assert_msg(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL,
			      "a child ended with status 0x%x", status);
	}
}
