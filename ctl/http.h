/* SPDX-License-Identifier: MIT */
#ifndef SHMREGCTL_HTTP_H
#define SHMREGCTL_HTTP_H

/*
 * http.h - one request, read from a descriptor, and its answer
 *
 * As much of HTTP/1.1 as a scraper needs: GET and HEAD, one request a connection. What is
 * read is somebody else's: at most HTTP_REQUEST_MAX bytes, for HTTP_PATIENCE_MS at most.
 */

#include <stdbool.h>
#include <stddef.h>

#define HTTP_REQUEST_MAX 16384
#define HTTP_PATIENCE_MS 10000

struct http_request {
	bool head;		/* of the answer only what stands before its body */
	char path[128];		/* without a query */
	bool openmetrics;	/* it accepts application/openmetrics-text */
};

/*
 * http_parse() - what was asked for, as far as it was received
 * @text:	@n bytes
 *
 * Return: 0; -EAGAIN it is not complete; or the status to be answered with: 400, 405, 431, 505.
 */
int http_parse(const char *text, size_t n, struct http_request *ret);

/* Return: 0; -errno of what could not be read, -ETIMEDOUT and -ECONNRESET among them; or a status. */
int http_read(int fd, struct http_request *ret);

/*
 * http_answer() - write an answer, all of it, and end the stream
 * @type:	of the body, @n bytes; left out if @head
 *
 * Return: 0 or -errno.
 */
int http_answer(int fd, int status, bool head, const char *type, const char *body, size_t n);

#endif /* SHMREGCTL_HTTP_H */
