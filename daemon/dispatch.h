/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_DISPATCH_H
#define SHMREGD_DISPATCH_H

/* dispatch.h - decode a request, call the registry, encode its answer */

#include "peer.h"

/* @n: bytes received into @request, at most SHMREG_PACKET_BYTES. May doom the peer. */
void dispatch(struct peer *p, const struct shmreg_request *request, size_t n);

#endif /* SHMREGD_DISPATCH_H */
