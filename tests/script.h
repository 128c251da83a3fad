/* SPDX-License-Identifier: MIT */
#ifndef TEST_SCRIPT_H
#define TEST_SCRIPT_H

/* script.h - a daemon that follows a script, and a connection to it; each test has its own */

#include <check.h>

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
extern struct script script;
extern struct fake *fake;

/* What it does unless the script has a serve() of its own. */
enum fake_action script_serve(void *data, const struct shmreg_request *request,
			      struct fake_answer *answer);

/* The test's fixture: no descriptor may be left over. */
void script_setup(void);
void script_teardown(void);

struct shmreg_connection *connected(void);
struct shmreg_segment *attached(struct shmreg_connection *c);	/* to "seg" */
/* The last sentence has this in it. */
void says(const char *text);

#endif /* TEST_SCRIPT_H */
