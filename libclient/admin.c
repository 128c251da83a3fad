/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <shmreg/segment.h>

#include "connection.h"
#include "error.h"
#include "params.h"

static int check(struct shmreg_connection *c, const char *name)
{
	const int r = connection_usable(c);

	return r < 0 ? r : params_check_segment_name(name);
}

static int describe(struct shmreg_connection *c, const char *name, struct connection_call *call)
{
	call->request.header.type = SHMREG_PACKET_DESCRIBE;
	snprintf(call->request.u.target.name, sizeof(call->request.u.target.name), "%s", name);
	return connection_call(c, call);
}

/*
 * By id from here on: a request that is repeated after a lost answer cannot hit
 * another segment that was given the same name meanwhile.
 */
static int resolve(struct shmreg_connection *c, const char *name, uint64_t *ret)
{
	struct connection_call call = { .n_lost = 0 };
	int r;

	r = describe(c, name, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	*ret = call.reply.u.describe.segment;
	return 0;
}

int shmreg_segment_remove(struct shmreg_connection *connection, const char *name)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_REMOVE };
	int r;

	r = check(connection, name);
	if (r == 0)
		r = resolve(connection, name, &call.request.u.target.segment);
	if (r < 0)
		return r;
	r = connection_call(connection, &call);
	if (r == -ENOENT && call.n_lost > 0)
		r = 0; /* carried out by a daemon that could not say so any more */
	connection_call_done(&call);
	return r;
}

int shmreg_segment_list(struct shmreg_connection *connection,
			int (*visit)(void *data, const struct shmreg_segment_info *info), void *data)
{
	struct connection_call call = { .n_lost = 0 };
	const struct shmreg_list_reply *list = &call.reply.u.list;
	uint64_t after = 0;
	uint32_t i;
	int r;

	do {
		memset(&call.request, 0, sizeof(call.request));
		call.request.header.type = SHMREG_PACKET_LIST;
		call.request.u.list.after = after;
		r = connection_call(connection, &call);
		if (r < 0)
			return r;
		connection_call_done(&call);
		for (i = 0; i < list->n && i < SHMREG_LIST_MAX; i++) {
			/* Ids ascend, so that a visit ends whatever the daemon answers. */
			if (list->info[i].segment <= after)
				return error_set(-EBADMSG, "shmregd's list of segments is not in order");
			after = list->info[i].segment;
			r = visit(data, &list->info[i]);
			if (r != 0)
				return r;
		}
	} while (list->n > 0 && list->more != 0);
	return 0;
}

static int map_dir(const struct shmreg_dir **ret, const struct connection_call *call,
		   const char *name)
{
	struct stat st;
	void *memory;
	int r;

	if (call->n_fds == 0)
		return error_set(-EACCES, "segment '%s' may be described but not read by this user: its "
				 "mode and owner decide", name);
	if (fstat(call->fds[0], &st) < 0 || st.st_size < (off_t)sizeof(struct shmreg_dir))
		return error_set(-EBADMSG, "the directory of segment '%s' is too small", name);
	memory = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, call->fds[0], 0);
	if (memory == MAP_FAILED) {
		r = -errno;
		return error_set(r, "cannot map the directory of segment '%s': %s", name, strerror(-r));
	}
	r = shmreg_dir_check(memory, (size_t)st.st_size);
	if (r == 0 && ((const struct shmreg_dir *)memory)->dir_bytes != (uint64_t)st.st_size)
		r = -EBADMSG;
	if (r < 0) {
		r = error_set(r, "the directory of segment '%s' makes no sense to libshmreg %s", name,
			      shmreg_version());
		munmap(memory, (size_t)st.st_size);
		return r;
	}
	*ret = memory;
	return 0;
}

int shmreg_segment_describe(struct shmreg_connection *connection, const char *name,
			    struct shmreg_segment_info *ret, const struct shmreg_dir **ret_dir)
{
	struct connection_call call = { .n_lost = 0 };
	int r;

	r = check(connection, name);
	if (r == 0)
		r = describe(connection, name, &call);
	if (r < 0)
		return r;
	if (ret_dir != NULL)
		r = map_dir(ret_dir, &call, name);
	if (r == 0)
		*ret = call.reply.u.describe;
	connection_call_done(&call);
	return r;
}

const struct shmreg_dir *shmreg_dir_unmap(const struct shmreg_dir *dir)
{
	if (dir != NULL)
		munmap((void *)(uintptr_t)dir, dir->dir_bytes);
	return NULL;
}

int shmreg_segment_set(struct shmreg_connection *connection, const char *name,
		       const struct shmreg_set *set)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_SET };
	int r;

	r = check(connection, name);
	if (r == 0 && set == NULL)
		r = error_set(-EINVAL, "nothing is to be set: the struct shmreg_set is NULL");
	if (r < 0)
		return r;
	call.request.u.set = *set;
	memset(&call.request.u.set.target, 0, sizeof(call.request.u.set.target));
	r = resolve(connection, name, &call.request.u.set.target.segment);
	if (r < 0)
		return r;
	r = connection_call(connection, &call);
	connection_call_done(&call);
	return r;
}

int shmreg_stats(struct shmreg_connection *connection, uint32_t uid, struct shmreg_stats_reply *ret)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_STATS };
	int r;

	call.request.u.stats.uid = uid;
	r = connection_call(connection, &call);
	if (r < 0)
		return r;
	connection_call_done(&call);
	*ret = call.reply.u.stats;
	return 0;
}

int shmreg_set_limit(struct shmreg_connection *connection, const struct shmreg_set_limit *set)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_SET_LIMIT };
	int r;

	if (set == NULL)
		return error_set(-EINVAL, "no limit is to be set: the struct shmreg_set_limit is NULL");
	call.request.u.set_limit = *set;
	r = connection_call(connection, &call);
	connection_call_done(&call);
	return r;
}
