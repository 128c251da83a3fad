/* SPDX-License-Identifier: MIT */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

/* report.h - results as a table for people and as JSON for programs */

#include <stdio.h>

#include "run.h"

struct json;

void bench_report_text(FILE *to, const struct bench_result *result);

/* The machine and the run; opens the array "results", which bench_report_json() adds to. */
void bench_report_json_begin(struct json *j, const struct bench_options *options);
void bench_report_json(struct json *j, const struct bench_result *result);
void bench_report_json_end(struct json *j);

#endif /* BENCH_REPORT_H */
