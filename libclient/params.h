/* SPDX-License-Identifier: MIT */
#ifndef LIBSHMREG_PARAMS_H
#define LIBSHMREG_PARAMS_H

/*
 * params.h - arguments of public functions: names, and parameter structs that begin with their size
 * and are only appended to
 */

#include <stddef.h>

/*
 * params_copy() - take an application's parameters, older or newer than this library
 * @ret:	@bytes bytes that begin with a size_t; zeros where @params is shorter
 * @params:	NULL = all zero
 *
 * A longer struct is fine as long as what this library does not know is zero.
 *
 * Return: 0; -EINVAL, with a sentence that names @what.
 */
int params_copy(void *ret, size_t bytes, const void *params, const char *what);

/*
 * params_check_segment_name() - may a segment have this name?
 * params_check_object_name() - may an object?
 *
 * Return: 0; -EINVAL also if it is NULL, -ENAMETOOLONG; with a sentence.
 */
int params_check_segment_name(const char *name);
int params_check_object_name(const char *name);

#endif /* LIBSHMREG_PARAMS_H */
