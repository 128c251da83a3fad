/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_TOP_PRINT_H
#define SHMREGCTL_TOP_PRINT_H

/* top-print.h - what top shows, for scripts */

#include "top-view.h"

/* Return: 0; -ENOMEM. */
int top_print_text(const struct top_view *v, FILE *stream);
void top_print_json(const struct top_view *v, FILE *stream);

#endif /* SHMREGCTL_TOP_PRINT_H */
