/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_RECORDS_LONG_H
#define LIBSHMREG_RECORDS_LONG_H

/* records-long.h - how records of kilobytes are copied: see <shmreg/records-inline.h> */

#include <shmreg/records.h>

/* What a handle's short_max is, unless its records are shorter. */
#define RECORD_SHORT UINT64_C(2048)

void record_way_prepare(struct shmreg_record_way *way);

/* Copy a record of any length to where it belongs, in the ring. */
void record_fill(struct shmreg_record_producer *p, void *to, const void *from, size_t n);

/* Copy a record out of the ring. */
void record_take(const struct shmreg_record_consumer *c, const struct shmreg_record_found *found,
		 void *to);

/*
 * record_way_judge() - a trial is over: (W1), (W2)
 * @mine, @other:	what a byte cost, by the way that was taken and by the other, any unit
 */
void record_way_judge(struct shmreg_record_way *way, uint64_t mine, uint64_t other);

#endif /* LIBSHMREG_RECORDS_LONG_H */
