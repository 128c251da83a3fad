/* SPDX-License-Identifier: MIT */
#ifndef TESTS_FUZZ_REQUEST_H
#define TESTS_FUZZ_REQUEST_H

/* request.h - requests that are nearly always well-formed, and about what there may be */

#include <shmreg/abi/packet.h>

#include "fuzz.h"

/*
 * Few names, small ids, so that requests meet each other's results; now and then a number
 * somewhere is anything at all.
 */
void fuzz_request(struct fuzz_input *in, struct shmreg_request *ret);

/* Of a segment, "s0" to "s3"; of an object, "o0" to "o7"; one in 16 is anything. */
void fuzz_segment_name(struct fuzz_input *in, char ret[SHMREG_SEGMENT_NAME_MAX + 1]);
void fuzz_object_name(struct fuzz_input *in, char ret[SHMREG_OBJECT_NAME_MAX + 1]);

#endif /* TESTS_FUZZ_REQUEST_H */
