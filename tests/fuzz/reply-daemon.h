/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_REPLY_DAEMON_H
#define TESTS_FUZZ_REPLY_DAEMON_H

/*
 * reply-daemon.h - the daemon that answers what it likes, to what the library sends
 *
 * That comes into __wrap_transport_send(), which answers over a real socket: as it should, or with
 * numbers changed, refused, hung up on, cut off, with other descriptors or more of them. There is one
 * segment, "s0", with an object of each kind, "o0" to "o7".
 */

#include <stdbool.h>

#include "fuzz.h"

#define REPLY_DATA_BYTES 65536u

void reply_daemon_setup(void);
/* Everything is as it was; spoils by what is in @in. */
void reply_daemon_begin(struct fuzz_input *in);
void reply_daemon_end(void);
/*
 * Changes a number in the directory that the library maps. What a daemon writes once is checked
 * once: it does not change under a segment that is attached.
 */
void reply_daemon_poke(struct fuzz_input *in, bool attached);

#endif /* TESTS_FUZZ_REPLY_DAEMON_H */
