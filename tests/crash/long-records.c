/* SPDX-License-Identifier: MIT */

/* long-records.c - the same, of records of several lines, copied as long ones are: by both ways */

#define SCALE 16u
#include "records.c"
