/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <inttypes.h>
#include <stdio.h>

#include <shmreg/abi/directory.h>

#include "info.h"
#include "text.h"

void info_json(struct json *j, const struct shmreg_segment_info *info)
{
	char buf[TEXT_MAX];

	json_string(j, "name", info->name);
	json_number(j, "segment", info->segment);
	json_string(j, "access",
		    info->access & SHMREG_ACCESS_WRITE  ? "write"
		    : info->access & SHMREG_ACCESS_READ ? "read"
							: "none");
	if (!info->access)
		return;
	json_string(j, "state", text_state(info->state, info->flags));
	json_bool(j, "quarantined", info->flags & SHMREG_DIR_QUARANTINED);
	json_number(j, "owner_uid", info->owner_uid);
	json_number(j, "owner_gid", info->owner_gid);
	snprintf(buf, sizeof(buf), "0%03" PRIo32, info->mode);
	json_string(j, "mode", buf);
	json_string(j, "lifetime", text_lifetime(info->lifetime));
	json_number(j, "data_bytes", info->data_bytes);
	json_number(j, "used_bytes", info->used_bytes);
	json_number(j, "resident_bytes", info->resident_bytes);
	json_number(j, "n_participants", info->n_participants);
	json_number(j, "n_objects", info->n_objects);
	json_number(j, "n_seats", info->n_seats);
	json_number(j, "n_deaths", info->n_deaths);
	json_number(j, "n_repairs", info->n_repairs);
	json_number(j, "created_ns", info->created_ns);
}

void info_print(const struct shmreg_segment_info *info, FILE *stream)
{
	char a[TEXT_MAX], b[TEXT_MAX], c[TEXT_MAX];

	fprintf(stream, "segment   %s (id %" PRIu64 "), %s\n", info->name, info->segment,
		text_state(info->state, info->flags));
	fprintf(stream, "owner     %s (uid %" PRIu32 "), group %s (gid %" PRIu32 "), mode %s (0%03" PRIo32
			")\n",
		text_user(a, info->owner_uid), info->owner_uid, text_group(b, info->owner_gid),
		info->owner_gid, text_mode(c, info->mode), info->mode);
	fprintf(stream, "lifetime  %s, created %s\n", text_lifetime(info->lifetime),
		text_time(a, info->created_ns));
	fprintf(stream, "size      %s (%" PRIu64 " bytes), used by objects %s, resident %s\n",
		text_bytes(a, info->data_bytes), info->data_bytes, text_bytes(b, info->used_bytes),
		text_bytes(c, info->resident_bytes));
	fprintf(stream, "deaths    %" PRIu64 ", repairs %" PRIu64 "\n", info->n_deaths,
		info->n_repairs);
}
