/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "rate.h"

uint64_t rate_risen(uint64_t before, uint64_t after, uint64_t modulus)
{
	if (!modulus || after >= before)
		return after - before;
	return (modulus - (before - after) % modulus) % modulus;
}

double rate_per_second(uint64_t risen, uint64_t elapsed_ns)
{
	return (double)risen * 1e9 / (double)elapsed_ns;
}
