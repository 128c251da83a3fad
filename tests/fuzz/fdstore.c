/* SPDX-License-Identifier: MIT */

/* fdstore - what a service says to the keeper of a private daemon, and the descriptors with it */

#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fdstore.h"
#include "fuzz.h"
#include "send-fds.h"

#define STEPS_MAX 24
#define TEXT_MAX 1024

static int ends[2];

static void setup(void)
{
	MUST(socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == 0);
}

static size_t line(struct fuzz_input *in, char *text, size_t size)
{
	static const char *const known[] = {
		"READY=1", "FDSTORE=1", "FDSTOREREMOVE=1", "BARRIER=1", "STATUS=x", "FDNAME=",
	};
	const uint8_t which = fuzz_u8(in) % 12;
	char name[300] = "";

	if (which >= 10)
		fuzz_take(in, name, fuzz_below(in, sizeof(name)));
	else if (which >= 5)
		snprintf(name, sizeof(name), "%c%x", which % 2 ? 'd' : 'm', fuzz_u8(in) % 4);
	/* Bytes as they are; with the sender's own zeros. */
	if (which == 11) {
		memcpy(text, name, size < sizeof(name) ? size : sizeof(name));
		return fuzz_below(in, size < sizeof(name) ? size : sizeof(name));
	}
	return (size_t)snprintf(text, size, "%s%s\n", known[which < 5 ? which : 5], name);
}

static void send_text(struct fuzz_input *in)
{
	char text[TEXT_MAX + 400];
	const uint8_t lines = fuzz_u8(in) % 5, how = fuzz_u8(in);
	const size_t n_fds = how >= 250 ? SEND_FDS_MAX : how % 4;
	int fds[SEND_FDS_MAX];
	size_t bytes = 0;

	for (uint8_t i = 0; i < lines && bytes < TEXT_MAX; i++)
		bytes += line(in, text + bytes, TEXT_MAX + 400 - bytes);
	for (size_t i = 0; i < n_fds; i++)
		fds[i] = ends[0];
	MUST(send_fds(ends[0], NULL, text, bytes, fds, n_fds, MSG_DONTWAIT) >= 0);
}

static void check(const struct fdstore *store)
{
	MUST(store->n <= FDSTORE_MAX);
	for (size_t i = 0; i < store->n; i++) {
		const char *name = store->entries[i].name;

		MUST(fcntl(store->entries[i].fd, F_GETFD) == FD_CLOEXEC);
		MUST(*name && strlen(name) <= FDSTORE_NAME_MAX);
		/* $LISTEN_FDNAMES has colons between them. */
		for (; *name; name++)
			MUST(*name > ' ' && *name <= '~' && *name != ':');
	}
}

static void run(struct fuzz_input *in)
{
	struct fdstore store = FDSTORE_INIT;
	bool ready = false;

	for (unsigned int i = 0; i < STEPS_MAX && !fuzz_ended(in); i++) {
		send_text(in);
		MUST(fdstore_receive(&store, ends[1], &ready) == 0);
		check(&store);
	}
	MUST(fdstore_receive(&store, ends[1], &ready) == -EAGAIN);
	fdstore_deinit(&store);
}

static void seeds(void)
{
	/* lines, descriptors, a line each [, name] */
	fuzz_seed((const uint8_t[]){ 1, 0, 0, 2, 2, 1, 5, 1, 2, 1, 1, 6, 1, 2, 0, 2, 5, 1 }, 18);
	fuzz_seed((const uint8_t[]){ 3, 250, 1, 2, 5, 0, 1, 1, 3 }, 9);
	fuzz_seed((const uint8_t[]){ 2, 1, 1, 10, 4, 'a', ':', 'b', 'c', 1, 1, 11, 2, 'x', '\n', 2 }, 16);
}

const struct fuzz_target fuzz_target = { setup, run, seeds };
