/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "log.h"

#define JOURNAL_SOCKET "/run/systemd/journal/socket"
#define LINE_MAX_BYTES 1024

#define CLIENT_BURST 100
#define CLIENT_LINES_SEC 20
#define AGAIN_SEC 60

struct bucket {
	double tokens;
	double time;
};

static struct {
	int level;
	int journal;			/* -1: stderr */
	uint64_t n_lost;		/* since the last line that went through */
	uint64_t n_suppressed;		/* of log_client() */
	struct bucket client, client_warnings;
} self = { .level = LOG_INFO, .journal = -1, .client = { CLIENT_BURST, 0 },
	   .client_warnings = { CLIENT_BURST, 0 } };

static const char *const level_names[] = {
	[LOG_ERR] = "error",	   [LOG_WARNING] = "warning", [LOG_NOTICE] = "notice",
	[LOG_INFO] = "info",	   [LOG_DEBUG] = "debug",
};

static const char *const message_ids[N_MESSAGES] = {
#define MESSAGE_STRING(name, id) [MESSAGE_##name] = id,
	MESSAGE_IDS(MESSAGE_STRING)
#undef MESSAGE_STRING
};

int log_level_parse(const char *name)
{
	for (int i = LOG_ERR; i <= LOG_DEBUG; i++)
		if (strcmp(name, level_names[i]) == 0)
			return i;
	return -EINVAL;
}

const char *log_level_name(int level)
{
	return level_names[level];
}

void log_set_level(int level)
{
	self.level = level;
}

int log_get_level(void)
{
	return self.level;
}

/* systemd tells in $JOURNAL_STREAM which device and inode it gave us as stderr. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long dev, ino;
	struct stat st;

	return stream && sscanf(stream, "%llu:%llu", &dev, &ino) == 2 &&
	       fstat(STDERR_FILENO, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void log_init(void)
{
	const struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = JOURNAL_SOCKET };
	int fd;

	if (self.journal >= 0 || !stderr_is_journal())
		return;
	fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)&address, sizeof(address)) < 0) {
		close(fd);
		fd = -1;
	}
	self.journal = fd;
}

/*
 * The journal's native protocol: KEY=value lines in one datagram. Not by
 * sd_journal_send(), for that waits while journald's queue is full.
 */
static bool write_journal(int level, const struct log_about *about, const char *line)
{
	char packet[LINE_MAX_BYTES + 512];
	size_t n;

	n = (size_t)snprintf(packet, sizeof(packet),
			     "PRIORITY=%d\nSYSLOG_IDENTIFIER=shmregd\nMESSAGE=%s\n", level, line);
	if (about && about->message)
		n += (size_t)snprintf(packet + n, sizeof(packet) - n, "MESSAGE_ID=%s\n",
				      message_ids[about->message]);
	if (about && about->segment)
		n += (size_t)snprintf(packet + n, sizeof(packet) - n,
				      "SEGMENT=%s\nSEGMENT_ID=%" PRIu64 "\n", about->segment,
				      about->segment_id);
	if (about && about->pid)
		n += (size_t)snprintf(packet + n, sizeof(packet) - n,
				      "UID=%" PRIu32 "\nPID=%" PRIu32 "\n", about->uid, about->pid);
	return send(self.journal, packet, n, MSG_DONTWAIT | MSG_NOSIGNAL) == (ssize_t)n;
}

static bool write_stderr(int level, const char *line)
{
	/* O_NONBLOCK would be everybody's who shares the terminal or pipe. */
	struct pollfd p = { .fd = STDERR_FILENO, .events = POLLOUT };
	char text[LINE_MAX_BYTES + 64];
	int n;

	if (poll(&p, 1, 0) != 1 || !(p.revents & POLLOUT))
		return false;
	n = snprintf(text, sizeof(text), "shmregd: %s: %s\n", level_names[level], line);
	return write(STDERR_FILENO, text, (size_t)n) == n;
}

static bool write_line(int level, const struct log_about *about, const char *line)
{
	return self.journal >= 0 ? write_journal(level, about, line) : write_stderr(level, line);
}

static void write_counted(int level, const struct log_about *about, const char *line)
{
	char text[128];

	if (self.n_lost > 0) {
		snprintf(text, sizeof(text), "%" PRIu64 " lines were lost here: nobody took them",
			 self.n_lost);
		if (!write_line(LOG_WARNING, NULL, text)) {
			self.n_lost++;
			return;
		}
		self.n_lost = 0;
	}
	if (!write_line(level, about, line))
		self.n_lost++;
}

static void format_and_write(int level, const struct log_about *about, const char *format,
			     va_list args)
{
	char line[LINE_MAX_BYTES];

	vsnprintf(line, sizeof(line), format, args);
	/* One line is one line, whatever a path or a name has in it. */
	for (char *c = line; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	write_counted(level, about, line);
}

void log_write(int level, const struct log_about *about, const char *format, ...)
{
	va_list args;

	if (level > self.level)
		return;
	va_start(args, format);
	format_and_write(level, about, format, args);
	va_end(args);
}

static double monotonic_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

bool log_is_due(double *last)
{
	const double now = monotonic_now();

	/* It may be less than a minute since the machine was started. */
	if (*last > 0 && now - *last < AGAIN_SEC)
		return false;
	*last = now;
	return true;
}

static bool may_log(struct bucket *b)
{
	const double now = monotonic_now();

	b->tokens += (now - b->time) * CLIENT_LINES_SEC;
	b->time = now;
	if (b->tokens > CLIENT_BURST)
		b->tokens = CLIENT_BURST;
	if (b->tokens < 1) {
		self.n_suppressed++;
		return false;
	}
	b->tokens -= 1;
	return true;
}

void log_client(int level, const struct log_about *about, const char *format, ...)
{
	char text[128];
	va_list args;

	if (level > self.level ||
	    !may_log(level <= LOG_WARNING ? &self.client_warnings : &self.client))
		return;
	if (self.n_suppressed > 0) {
		snprintf(text, sizeof(text),
			 "%" PRIu64 " lines about clients were left out: too many a second",
			 self.n_suppressed);
		self.n_suppressed = 0;
		write_counted(LOG_NOTICE, NULL, text);
	}
	va_start(args, format);
	format_and_write(level, about, format, args);
	va_end(args);
}
