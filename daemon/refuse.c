/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <shmreg/abi/packet.h>

#include "refuse.h"

int refuse(char *error, int code, const char *format, ...)
{
	va_list ap;

	if (error) {
		va_start(ap, format);
		vsnprintf(error, SHMREG_ERROR_MAX + 1, format, ap);
		va_end(ap);
	}
	return code < 0 ? code : -code;
}

int refuse_descriptor(char *error, int code)
{
	return refuse(error, code, "shmregd has no descriptor left (%s); try again later, or raise its "
		      "LimitNOFILE=", strerror(abs(code)));
}
