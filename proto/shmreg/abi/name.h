/* SPDX-License-Identifier: MIT */
#ifndef SHMREG_ABI_NAME_H
#define SHMREG_ABI_NAME_H

/*
 * shmreg/abi/name.h - the grammar of names
 *
 *   name      = component *( "/" component )
 *   component = 1*( "A".."Z" / "a".."z" / "0".."9" / "." / "_" / "-" ),
 *               but neither "." nor ".."
 *
 * Segment names have 1 to 127 bytes, object names 1 to 63, and so have type
 * names, in which also ' ', '*', ':', '<', '>', ',', '(', ')', '[' and ']'
 * may occur ("struct event", "std::pair<int, int>"). All are kept with a
 * terminating zero and zeros up to the end of their field.
 */

#include <shmreg/compiler.h>

SHMREG_BEGIN_DECLS

#define SHMREG_SEGMENT_NAME_MAX 127
#define SHMREG_OBJECT_NAME_MAX 63
#define SHMREG_TYPE_NAME_MAX 63
#define SHMREG_CLIENT_NAME_MAX 31

/*
 * shmreg_name_check() - is @name one that the grammar allows?
 * @max:	bytes without the terminating zero that it may have
 * @ret_why:	if not NULL and the name is refused: a sentence's end such as
 *		"has an empty component"; static storage
 *
 * Return: 0; -EINVAL if the grammar forbids it; -ENAMETOOLONG.
 */
SHMREG_API int shmreg_name_check(const char *name, size_t max, const char **ret_why);
SHMREG_API int shmreg_type_name_check(const char *name, const char **ret_why);

/*
 * shmreg_name_field_check() - the same for a field of @size bytes from a packet,
 * which need not be terminated (then -EINVAL) and must be zero behind the name
 * shmreg_type_name_field_check() - of a type name; may be empty
 * shmreg_text_field_check() - printable ASCII; may be empty
 */
int shmreg_name_field_check(const char *field, size_t size, const char **ret_why);
int shmreg_type_name_field_check(const char *field, size_t size, const char **ret_why);
int shmreg_text_field_check(const char *field, size_t size, const char **ret_why);

/*
 * shmreg_name_hash() - the hash by which directories and the registry's root find names
 *
 * A multiplication and a shift for each eight bytes, and once more at the end: Knuth's
 * multiplicative hashing (TAOCP 3, 6.4), whose good bits are the upper ones, folded down. It is
 * part of the layouts, and depends on the machine's byte order, as these do.
 */
SHMREG_API uint32_t shmreg_name_hash(const char *name);

SHMREG_END_DECLS

#endif /* SHMREG_ABI_NAME_H */
