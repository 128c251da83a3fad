/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FAKE_H
#define TESTS_FAKE_H

/*
 * fake.h - a daemon that misbehaves on request
 *
 * A thread that listens on a socket of its own and answers what the test's
 * function says: for what the real daemon does only by accident (dying between
 * a request and its answer) or never (nonsense). One client at a time.
 */

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>

enum fake_action {
	FAKE_ANSWER,	/* send *answer with its descriptors */
	FAKE_HANG_UP,	/* close the connection instead */
};

struct fake_answer {
	struct shmreg_reply reply;	/* header as it should be, body zero */
	size_t bytes;			/* sizeof(reply) */
	int fds[5];			/* closed after sending */
	unsigned int n_fds;
};

struct fake;
/* Called in the fake's thread for every packet. */
typedef enum fake_action fake_serve(void *data, const struct shmreg_request *request,
				    struct fake_answer *answer);

struct fake *fake_start(fake_serve *serve, void *data);
void fake_stop(struct fake *fake);
const char *fake_socket(const struct fake *fake);
unsigned int fake_connections(const struct fake *fake);	/* accepted so far */

/* The answer to a well-behaved HELLO. @ret_token: if not NULL, to be locked when the token is gone. */
enum fake_action fake_hello(const struct shmreg_request *request, struct fake_answer *answer,
			    uint64_t registry, int *ret_token);

/* A segment without objects, attached to as participant 7 with the seats 5 and 9. */
struct fake_segment {
	struct shmreg_dir *dir;		/* writable */
	int dir_fd, data_fd;
};
void fake_segment_new(struct fake_segment *ret, const char *name);
void fake_segment_free(struct fake_segment *s);
enum fake_action fake_attach(const struct fake_segment *s, struct fake_answer *answer);

enum fake_action fake_error(struct fake_answer *answer, int status, const char *sentence);
unsigned int open_descriptors(void);	/* of this process */

#endif /* TESTS_FAKE_H */
