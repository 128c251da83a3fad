/* SPDX-License-Identifier: MIT */
#include <config.h>

#include "families.h"

const struct bench_family *const bench_families[] = {
	&bench_memory,
	&bench_huge,
	&bench_queue,
	&bench_ring,
	&bench_messages,
	&bench_pool,
	&bench_values,
	&bench_control,
	&bench_plane,
	NULL,
};

const struct bench_peer *const bench_peers[] = {
	&bench_shmreg_control,
	&bench_shmreg_huge,
	&bench_shmreg_memory,
	&bench_shmreg_messages,
	&bench_shmreg_plane,
	&bench_shmreg_pool,
	&bench_shmreg_queue,
	&bench_shmreg_ring,
	&bench_shmreg_values,
#ifdef HAVE_BENCH_BOOST
	&bench_boost,
#endif
#ifdef HAVE_BENCH_CK
	&bench_ck,
#endif
#ifdef HAVE_BENCH_RTE
	&bench_rte,
#endif
#ifdef HAVE_BENCH_CONCURRENTQUEUE
	&bench_concurrentqueue,
#endif
#ifdef HAVE_BENCH_READERWRITERQUEUE
	&bench_readerwriterqueue,
#endif
#ifdef HAVE_BENCH_ICEORYX
	&bench_iceoryx,
#endif
#ifdef HAVE_BENCH_INTERPROCESS
	&bench_interprocess,
#endif
#ifdef HAVE_BENCH_ZMQ
	&bench_zmq,
#endif
	&bench_posix,
	&bench_bare_rings,
	&bench_bare_values,
	&bench_vyukov,
	&bench_lines,
	NULL,
};

const char *const bench_missing_peers[] = {
#ifndef HAVE_BENCH_BOOST
	"Boost.Lockfree (Debian: g++ libboost-dev)",
#endif
#ifndef HAVE_BENCH_CK
	"Concurrency Kit (Debian: libck-dev)",
#endif
#ifndef HAVE_BENCH_RTE
	"DPDK's rte_ring (Debian: libdpdk-dev)",
#endif
#ifndef HAVE_BENCH_CONCURRENTQUEUE
	"moodycamel ConcurrentQueue (Debian: g++ libconcurrentqueue-dev)",
#endif
#ifndef HAVE_BENCH_READERWRITERQUEUE
	"moodycamel ReaderWriterQueue (Debian: g++ libreaderwriterqueue-dev)",
#endif
#ifndef HAVE_BENCH_ICEORYX
	"iceoryx (Debian: iceoryx libiceoryx-binding-c-dev)",
#endif
#ifndef HAVE_BENCH_INTERPROCESS
	"Boost.Interprocess (Debian: g++ libboost-dev)",
#endif
#ifndef HAVE_BENCH_ZMQ
	"ZeroMQ (Debian: libzmq3-dev)",
#endif
	NULL,
};
