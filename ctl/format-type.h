/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_FORMAT_TYPE_H
#define SHMREGCTL_FORMAT_TYPE_H

/* format-type.h - base types by their names; for the files of format.h */

#include "format.h"

/* Fills in all but the name and the end. Return: false, if @n bytes of @name are no base type's. */
bool format_type(const char *name, size_t n, struct format_field *ret);

#endif /* SHMREGCTL_FORMAT_TYPE_H */
