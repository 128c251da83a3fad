/* SPDX-License-Identifier: MIT */
#ifndef TEST_RAW_H
#define TEST_RAW_H

/*
 * raw.h - a client that speaks packets, so that it can also speak wrongly
 *
 * Everything here fails the test when something that must work does not.
 */

#include <stdint.h>

#include <shmreg/abi/directory.h>
#include <shmreg/abi/packet.h>

#define RAW_FDS 4

struct raw {
	int fd;			/* -1: not connected */
	uint64_t serial;	/* of the last request */
	struct shmreg_reply reply;
	int fds[RAW_FDS];	/* that came with it */
	int n_fds;
	void *token;		/* mapped; NULL */
};

void raw_connect(struct raw *c, const char *path);
/* Connects, says HELLO and maps the token. */
void raw_open(struct raw *c, const char *path);
void raw_close(struct raw *c);

/* An empty request of this type. */
void raw_request(struct shmreg_request *ret, uint16_t type);
/* Gives it the next serial and sends it. Return: 0; -errno. */
int raw_send(struct raw *c, struct shmreg_request *request);
/* The next packet; former descriptors are closed. Return: its status; -ESHUTDOWN: a hang-up. */
int raw_receive(struct raw *c);
/* Both; the reply's form is checked. */
int raw_call(struct raw *c, struct shmreg_request *request);

int raw_hello(struct raw *c, uint32_t flags);
void raw_map_token(struct raw *c);
int raw_create(struct raw *c, const char *name, uint64_t nonce, uint32_t flags);	/* 64 KiB */
int raw_create_bytes(struct raw *c, const char *name, uint64_t nonce, uint32_t flags, uint64_t bytes);
int raw_attach(struct raw *c, const char *name, uint32_t access, uint64_t nonce);
int raw_attachment(struct raw *c, uint16_t type, uint64_t segment, uint64_t participant);
int raw_target(struct raw *c, uint16_t type, const char *name);
/* The last refusal's sentence contains @text. */
void raw_says(const struct raw *c, const char *text);

#endif /* TEST_RAW_H */
