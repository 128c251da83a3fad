/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "connection.h"
#include "error.h"
#include "root.h"
#include "segment.h"

static int check(const struct shmreg_root *map, uint64_t registry)
{
	if (map->magic == SHMREG_ROOT_MAGIC && map->layout != SHMREG_ROOT_LAYOUT)
		return error_set(-EPROTONOSUPPORT, "shmregd's root has layout %u, libshmreg %s knows "
				 "layout %d", map->layout, shmreg_version(), SHMREG_ROOT_LAYOUT);
	if (map->magic != SHMREG_ROOT_MAGIC || map->n_buckets != SHMREG_ROOT_BUCKETS ||
	    map->registry != registry)
		return error_set(-EBADMSG, "the root that shmregd sent makes no sense");
	return 0;
}

static int root_new(struct root **ret, const struct connection_call *call)
{
	struct root *root;
	void *memory;
	int r;

	if (call->n_fds != 1 || call->reply.u.root.bytes < sizeof(*root->map))
		return error_set(-EBADMSG, "shmregd sent no root, or one that is too small");
	root = calloc(1, sizeof(*root));
	if (root == NULL)
		return error_set(-ENOMEM, "no memory is left");
	r = segment_map(&memory, call->fds[0], sizeof(*root->map), 0, PROT_READ, "root");
	if (r < 0) {
		free(root);
		return r;
	}
	root->map = memory;
	*ret = root;
	return 0;
}

static void root_free(struct root *root)
{
	munmap((void *)(uintptr_t)root->map, sizeof(*root->map));
	free(root);
}

int root_get(struct shmreg_connection *c, const struct shmreg_root **ret)
{
	struct connection_call call = { .request.header.type = SHMREG_PACKET_ROOT };
	struct root *root;
	int r;

	pthread_mutex_lock(&c->mutex);
	root = c->roots != NULL && c->roots->map->registry == c->registry ? c->roots : NULL;
	pthread_mutex_unlock(&c->mutex);
	if (root != NULL) {
		*ret = root->map;
		return 0;
	}
	r = connection_call(c, &call);
	if (r < 0)
		return r;
	r = root_new(&root, &call);
	connection_call_done(&call);
	if (r < 0)
		return r;
	r = check(root->map, call.registry);
	if (r < 0) {
		root_free(root);
		return r;
	}
	pthread_mutex_lock(&c->mutex);
	root->next = c->roots;
	c->roots = root;
	pthread_mutex_unlock(&c->mutex);
	*ret = root->map;
	return 0;
}

bool root_is_current(struct shmreg_connection *c, const struct shmreg_root *root)
{
	bool is;

	pthread_mutex_lock(&c->mutex);
	is = root->registry == c->registry;
	pthread_mutex_unlock(&c->mutex);
	return is;
}

void root_unmap_all(struct shmreg_connection *c)
{
	struct root *root;

	while ((root = c->roots) != NULL) {
		c->roots = root->next;
		root_free(root);
	}
}
