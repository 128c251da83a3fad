/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_INFO_H
#define SHMREGCTL_INFO_H

/* info.h - what the daemon says of a segment, printed */

#include <shmreg/abi/packet.h>

#include "json.h"

/* Its members, into an object that is open. */
void info_json(struct json *j, const struct shmreg_segment_info *info);
void info_print(const struct shmreg_segment_info *info, FILE *stream);

#endif /* SHMREGCTL_INFO_H */
