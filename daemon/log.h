/* SPDX-License-Identifier: MIT */
#ifndef SHMREGD_LOG_H
#define SHMREGD_LOG_H

/*
 * log.h - what the daemon says
 *
 * To the journal with structured fields if stderr is connected to it, else to
 * stderr, "shmregd: LEVEL: sentence". Never waits: what journal or pipe do not
 * take at once is counted, and the next line that goes through says how many
 * were lost. Levels are those of <syslog.h>.
 */

#include <stdbool.h>
#include <stdint.h>
#include <syslog.h>

#include "message-ids.h"

/* Whom and what a line is about; all optional, pid 0 = nobody. */
struct log_about {
	const char *segment;
	uint64_t segment_id;
	uint32_t uid;
	uint32_t pid;
	enum message_id message;	/* what kind of event */
};

void log_init(void);
void log_set_level(int level);
int log_get_level(void);
/* "error", "warning", "notice", "info", "debug", else -EINVAL */
int log_level_parse(const char *name);
const char *log_level_name(int level);

void log_write(int level, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/*
 * The same for lines that a client can cause as often as it likes: beyond 100
 * at once and 20 a second they are only counted. Warnings and errors are counted by
 * themselves, so that they cannot be hidden by many lines of less weight.
 */
void log_client(int level, const struct log_about *about, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/*
 * Is it time to say again what is tried again every second, and may fail for hours? Once a minute.
 * @last: of that line; 0 at first
 */
bool log_is_due(double *last);

/* Of the daemon itself. */
#define log_message(level, id, ...)                                                               \
	log_write(level, &(struct log_about){ .message = MESSAGE_##id }, __VA_ARGS__)

#define log_error(...) log_write(LOG_ERR, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, NULL, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, NULL, __VA_ARGS__)
#define log_debug(...) log_write(LOG_DEBUG, NULL, __VA_ARGS__)

#endif /* SHMREGD_LOG_H */
