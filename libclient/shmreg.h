/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_H
#define SHMREG_H

/* shmreg.h - all of libshmreg; see shmreg(7) */

#include <shmreg/array.h>
#include <shmreg/atomic.h>
#include <shmreg/cell.h>
#include <shmreg/connection.h>
#include <shmreg/object-queue.h>
#include <shmreg/pool.h>
#include <shmreg/queue.h>
#include <shmreg/records.h>
#include <shmreg/ring.h>
#include <shmreg/segment.h>
#include <shmreg/snapshot.h>
#include <shmreg/topic.h>
#include <shmreg/wait.h>
#include <shmreg/watch.h>

#endif /* SHMREG_H */
