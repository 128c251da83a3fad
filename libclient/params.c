/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <string.h>

#include <shmreg/abi/name.h>
#include <shmreg/connection.h>

#include "error.h"
#include "params.h"

/* Nobody's parameters are larger: more is a size that was never set. */
#define PARAMS_MAX 4096

int params_copy(void *ret, size_t bytes, const void *params, const char *what)
{
	const unsigned char *p = params;
	size_t size, i;

	if (params == NULL) {
		memset(ret, 0, bytes);
		memcpy(ret, &bytes, sizeof(bytes));
		return 0;
	}
	memcpy(&size, params, sizeof(size));
	if (size < sizeof(size) || size > PARAMS_MAX)
		return error_set(-EINVAL, "%s.size is %zu; it must be sizeof(struct %s), here %zu",
				 what, size, what, bytes);
	for (i = bytes; i < size; i++)
		if (p[i] != 0)
			return error_set(-EINVAL, "struct %s has %zu bytes, of which libshmreg %s "
					 "knows %zu, and sets what lies behind: the program was "
					 "compiled for a newer libshmreg", what, size,
					 shmreg_version(), bytes);
	memset(ret, 0, bytes);
	memcpy(ret, params, size < bytes ? size : bytes);
	memcpy(ret, &bytes, sizeof(bytes));
	return 0;
}

static int check_name(const char *name, size_t max, const char *whose)
{
	const char *why;
	int r;

	if (name == NULL)
		return error_set(-EINVAL, "the %s's name is NULL", whose);
	r = shmreg_name_check(name, max, &why);
	if (r < 0)
		return error_set(r, "the %s's name '%.160s' %s", whose, name, why);
	return 0;
}

int params_check_segment_name(const char *name)
{
	return check_name(name, SHMREG_SEGMENT_NAME_MAX, "segment");
}

int params_check_object_name(const char *name)
{
	return check_name(name, SHMREG_OBJECT_NAME_MAX, "object");
}
