/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "families.h"

const struct bench_family *const bench_families[] = {
	&bench_queue,
	NULL,
};

const struct bench_peer *const bench_peers[] = {
	&bench_shmreg_queue,
	&bench_vyukov,
	NULL,
};

const char *const bench_missing_peers[] = {
	NULL,
};
