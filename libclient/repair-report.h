/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_REPAIR_REPORT_H
#define LIBSHMREG_REPAIR_REPORT_H

/* repair-report.h - what the repair of an object of any kind begins with */

#include <shmreg/abi/reaper.h>

/* repair_report_reset() - nothing was found; whose report it is stays */
static inline void repair_report_reset(struct shmreg_reaper_report *report)
{
	report->status = 0;
	report->n_seats = 0;
	report->n_repaired = 0;
	report->n_freed = 0;
	report->n_requeued = 0;
	report->n_gave_up = 0;
}

#endif /* LIBSHMREG_REPAIR_REPORT_H */
