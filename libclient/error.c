/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <stdarg.h>
#include <stdio.h>

#include <shmreg/connection.h>

#include "error.h"

static _Thread_local char sentence[640];

int error_set(int error, const char *format, ...)
{
	char text[sizeof(sentence)];
	va_list args;

	/* Through a buffer of its own: an argument may be the last sentence. */
	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(sentence, sizeof(sentence), "%s", text);
	return error;
}

const char *shmreg_error(void)
{
	return sentence;
}

const char *shmreg_version(void)
{
	return PACKAGE_VERSION;
}
