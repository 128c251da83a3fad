/* SPDX-License-Identifier: MIT */
#ifndef TEST_ACCESS_VISIT_H
#define TEST_ACCESS_VISIT_H

/*
 * access-visit.h - every request that there is, made by one user, and what one must be allowed for it
 *
 * There are the segments "seg", with a queue "object" in it, and "doomed", both of OWNER's.
 */

#include "harness.h"
#include "raw.h"

#define OWNER 20001
#define OWNERS_OTHER_GROUP 20008
#define STRANGE_GROUP 20010

/* What one must be allowed. */
enum need { ALWAYS, READ, WRITE, ADMINISTER, BE_ROOT, GIVE_GROUP, NEVER };

struct visit {
	struct raw c;
	uint64_t segment, object, doomed;	/* ids */
	int mode;
	struct shmreg_attachment reader, writer;	/* participant 0: none */
};

struct request {
	const char *name;
	int (*ask)(struct visit *v);
	enum need need;
	int refusal;
};
extern const struct request requests[];
extern const int n_requests;

extern struct harness h;
extern uint64_t next_nonce;

int set(struct visit *v, uint64_t segment, const struct shmreg_set *what);
int give(struct visit *v, uint64_t segment, uint32_t uid, uint32_t gid);

#endif /* TEST_ACCESS_VISIT_H */
