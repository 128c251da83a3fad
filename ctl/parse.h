/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_PARSE_H
#define SHMREGCTL_PARSE_H

/*
 * parse.h - what users type
 *
 * Return: 0 or -EINVAL, and then *ret_why is a sentence's end; static storage.
 */

#include <stdbool.h>
#include <stdint.h>

/* "4096", "64K", "64M", "1G", "2T", "64MiB"; powers of 1024 */
int parse_bytes(const char *text, uint64_t *ret, const char **ret_why);
/* "100", "none"; with @bytes "64G", too */
int parse_limit(const char *text, bool bytes, uint64_t *ret, const char **ret_why);
/* 1 .. @max */
int parse_count(const char *text, uint32_t max, uint32_t *ret, const char **ret_why);
/* "1", "0.5"; above 0, to the millisecond, up to a day */
int parse_seconds(const char *text, uint64_t *ret_ns, const char **ret_why);
/* octal: "0660", "660" */
int parse_mode(const char *text, uint32_t *ret, const char **ret_why);
int parse_lifetime(const char *text, uint32_t *ret, const char **ret_why);
/* name or number */
int parse_user(const char *text, uint32_t *ret, const char **ret_why);
/* "USER", "USER:GROUP", ":GROUP"; what is not given is left alone */
int parse_owner(const char *text, uint32_t *uid, uint32_t *gid, const char **ret_why);

#endif /* SHMREGCTL_PARSE_H */
