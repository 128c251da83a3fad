/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http.h"

static const char *reason(int status)
{
	switch (status) {
	case 200:
		return "OK";
	case 400:
		return "Bad Request";
	case 404:
		return "Not Found";
	case 405:
		return "Method Not Allowed";
	case 431:
		return "Request Header Fields Too Large";
	case 505:
		return "HTTP Version Not Supported";
	default:
		return "Internal Server Error";
	}
}

/* The line's length without its end; *ret_next is behind that. NULL: it has none. */
static const char *line_end(const char *line, const char *end, const char **ret_next)
{
	const char *newline = memchr(line, '\n', (size_t)(end - line));

	if (!newline)
		return NULL;
	*ret_next = newline + 1;
	return newline > line && newline[-1] == '\r' ? newline - 1 : newline;
}

static bool begins_with(const char *text, const char *end, const char *word)
{
	const size_t n = strlen(word);

	return (size_t)(end - text) >= n && strncasecmp(text, word, n) == 0;
}

static bool has_word(const char *text, const char *end, const char *word)
{
	for (; text < end; text++)
		if (begins_with(text, end, word))
			return true;
	return false;
}

/* "GET /metrics?x=y HTTP/1.1" */
static int parse_first(const char *line, const char *end, struct http_request *ret)
{
	const char *path, *version;
	size_t n;

	path = memchr(line, ' ', (size_t)(end - line));
	if (!path || path == line)
		return 400;
	path++;
	version = memchr(path, ' ', (size_t)(end - path));
	if (!version || *path != '/' || memchr(line, '\0', (size_t)(end - line)))
		return 400;
	if (!begins_with(version + 1, end, "HTTP/1."))
		return begins_with(version + 1, end, "HTTP/") ? 505 : 400;
	ret->head = path - line == 5 && memcmp(line, "HEAD", 4) == 0;
	if (!ret->head && (path - line != 4 || memcmp(line, "GET", 3) != 0))
		return 405;
	for (n = 0; path + n < version && path[n] != '?'; n++)
		;
	/* Longer than any that there is. */
	if (n >= sizeof(ret->path))
		n = sizeof(ret->path) - 1;
	memcpy(ret->path, path, n);
	ret->path[n] = '\0';
	return 0;
}

int http_parse(const char *text, size_t n, struct http_request *ret)
{
	const char *const end = text + n;
	const char *line = text, *stop, *next;
	struct http_request request = { .head = false };
	int first = 0;

	for (bool at_first = true; ; at_first = false, line = next) {
		stop = line_end(line, end, &next);
		if (!stop)
			return n >= HTTP_REQUEST_MAX ? 431 : -EAGAIN;
		if (at_first)
			first = parse_first(line, stop, &request);
		else if (stop == line)
			break;
		else if (begins_with(line, stop, "accept:"))
			request.openmetrics |= has_word(line, stop, "application/openmetrics-text");
	}
	if (first == 0)
		*ret = request;
	return first;
}

static int64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Return: how many, 0: the end; or -errno. */
static ssize_t read_until(int fd, char *to, size_t room, int64_t deadline)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (;;) {
		const int64_t left = deadline - now_ms();
		const int r = left > 0 ? poll(&p, 1, (int)left) : 0;
		ssize_t n;

		if (r == 0)
			return -ETIMEDOUT;
		n = r < 0 ? -1 : read(fd, to, room);
		if (n >= 0)
			return n;
		if (errno != EINTR && errno != EAGAIN)
			return -errno;
	}
}

int http_read(int fd, struct http_request *ret)
{
	const int64_t deadline = now_ms() + HTTP_PATIENCE_MS;
	char text[HTTP_REQUEST_MAX];
	size_t n = 0;

	for (;;) {
		const ssize_t more = read_until(fd, text + n, sizeof(text) - n, deadline);
		int r;

		if (more <= 0)
			return more < 0 ? (int)more : -ECONNRESET;
		n += (size_t)more;
		r = http_parse(text, n, ret);
		if (r != -EAGAIN)
			return r;
	}
}

static int write_all(int fd, const char *from, size_t n)
{
	while (n > 0) {
		ssize_t w = send(fd, from, n, MSG_NOSIGNAL);

		if (w < 0 && errno == ENOTSOCK)
			w = write(fd, from, n);
		if (w < 0 && errno == EINTR)
			continue;
		if (w < 0)
			return -errno;
		from += w;
		n -= (size_t)w;
	}
	return 0;
}

int http_answer(int fd, int status, bool head, const char *type, const char *body, size_t n)
{
	char text[512];
	int r;

	snprintf(text, sizeof(text),
		 "HTTP/1.1 %d %s\r\n"
		 "Content-Type: %s\r\n"
		 "Content-Length: %zu\r\n"
		 "%s"
		 "Cache-Control: no-store\r\n"
		 "Connection: close\r\n"
		 "\r\n",
		 status, reason(status), type, n, status == 405 ? "Allow: GET, HEAD\r\n" : "");
	r = write_all(fd, text, strlen(text));
	if (r == 0 && !head)
		r = write_all(fd, body, n);
	shutdown(fd, SHUT_WR);
	return r;
}
