/* SPDX-License-Identifier: MIT */

/* The open handles of a segment: what they promise the daemon, how they begin and end. */

#include <config.h>

#include <errno.h>
#include <stdlib.h>

#include "bells.h"
#include "error.h"
#include "object.h"
#include "segment.h"
#include "waiter.h"

/*
 * Removed objects and their memory. The daemon punches the range
 * of a removed object when every participant has reported an epoch at least as
 * new as the removal, or has ended. So a participant that reports e claims: I hold
 * no handle of an object removed at e or before, *and shall never get one*.
 *
 *   (E1) The daemon commits an entry as REMOVED, with its removed_epoch, and only
 *	  then raises removal_epoch to it, with release. It raises it by one for
 *	  each removal, and never lowers it.
 *   (E2) object_epoch() loads removal_epoch with acquire, then looks at the entry
 *	  of each open handle, all under the segment's mutex. By E1 it sees every
 *	  entry that was removed at the epoch e it loaded, or before, as REMOVED. It
 *	  answers e, or one less than the oldest removal of which a handle is held.
 *   (E3) A handle is opened under the same mutex: the entry is found LIVE and the
 *	  handle is entered into the list in one critical section. If that section
 *	  comes after the one of E2, it sees what E2 saw: entries removed at e or
 *	  before are REMOVED, and are not found. If it comes before, E2 sees the
 *	  handle. There is no third case.
 *
 * So a claim is true when it is computed and stays true however late it arrives,
 * which is why requests may be repeated with the epoch they had. Handles leave the
 * list under the mutex too, after their owner's last access; nobody but the owner
 * accesses memory through them.
 *
 * Death: the daemon knows, and takes it for quiescence. fork: the child has
 * neither mapping nor handle. A participant that never opens, closes or asks for
 * anything again delays the memory of what was removed, and nothing else.
 */
uint64_t object_epoch(struct shmreg_segment *s)
{
	/* acquire, pairs with the daemon's release (E1) */
	const uint64_t now = shmreg_load_acquire(&s->dir->removal_epoch);
	const struct shmreg_dir_object *entry;
	const struct object_node *node;
	uint64_t epoch = now;

	if (now == s->reported)
		return now;
	for (node = s->nodes; node != NULL; node = node->next) {
		entry = &shmreg_dir_objects(s->dir)[node->index];
		/* acquire, pairs with the daemon's commit: removed_epoch was written before */
		if (shmreg_load_acquire(&entry->state) != SHMREG_ENTRY_REMOVED ||
		    shmreg_load_relaxed(&entry->id) != node->object)
			continue;
		if (shmreg_load_relaxed(&entry->removed_epoch) <= epoch)
			epoch = shmreg_load_relaxed(&entry->removed_epoch) - 1;
	}
	/* What was claimed once stays true (E3). */
	return epoch > s->reported ? epoch : s->reported;
}

/* The lowest seat that no open handle of the object has; 0 if there is none. */
static uint32_t free_seat(const struct shmreg_segment *s, uint32_t index, uint64_t object)
{
	uint64_t taken[SHMREG_SEATS / 64] = { 0 }, free;
	const struct object_node *node;
	uint32_t i;

	for (node = s->by_index[index]; node != NULL; node = node->same_next)
		if (node->object == object)
			taken[node->seat / 64] |= UINT64_C(1) << node->seat % 64;
	for (i = 0; i < SHMREG_SEATS / 64; i++) {
		free = s->seats[i] & ~taken[i];
		if (free != 0)
			return i * 64 + (uint32_t)__builtin_ctzll(free);
	}
	return 0;
}

static void link_node(struct shmreg_segment *s, struct object_node *node)
{
	node->link = &s->nodes;
	node->next = s->nodes;
	if (node->next != NULL)
		node->next->link = &node->next;
	s->nodes = node;

	node->same_link = &s->by_index[node->index];
	node->same_next = *node->same_link;
	if (node->same_next != NULL)
		node->same_next->same_link = &node->same_next;
	*node->same_link = node;
}

static void unlink_node(struct object_node *node)
{
	*node->link = node->next;
	if (node->next != NULL)
		node->next->link = node->link;
	*node->same_link = node->same_next;
	if (node->same_next != NULL)
		node->same_next->same_link = node->same_link;
}

/* The directory is the daemon's, but what leaves the mapping is not used even so. */
static bool entry_fits(const struct shmreg_segment *s, const struct shmreg_dir_object *entry)
{
	uint64_t bytes, align;

	return shmreg_shape_bytes(&entry->shape, &bytes, &align, NULL) == 0 &&
	       entry->bytes == bytes && entry->offset % align == 0 &&
	       entry->offset <= s->dir->data_bytes &&
	       bytes <= s->dir->data_bytes - entry->offset;
}

int object_handle_new(struct shmreg_segment *s, struct shmreg_handle **ret,
		      const struct shmreg_dir_object *entry, uint32_t index, uint32_t how,
		      size_t bytes)
{
	struct shmreg_handle *handle;
	struct object_node *node;
	uint32_t seat = 0;
	void *slot;
	uint64_t *users;
	int r;

	if (!entry_fits(s, entry))
		return -EBADMSG;
	if ((how & SHMREG_OBJECT_SEAT) != 0 && !s->read_only) {
		seat = free_seat(s, index, entry->id);
		if (seat == 0)
			return -EAGAIN;
	}
	node = calloc(1, sizeof(*node));
	if (node == NULL)
		return -ENOMEM;
	r = arena_alloc(&s->arena, &slot, bytes);
	if (r < 0) {
		free(node);
		return r;
	}
	handle = slot;
	handle->base = s->data + entry->offset;
	handle->segment = s;
	handle->entry = &shmreg_dir_objects(s->dir)[index];
	handle->object = entry->id;
	handle->shape = entry->shape;
	handle->seat = seat;
	handle->spin_ns = waiter_default_spin();

	node->handle = handle;
	node->bytes = bytes;
	node->object = entry->id;
	node->index = index;
	node->seat = seat;
	link_node(s, node);

	if (seat != 0 && shmreg_kind_users(entry->shape.kind) != 0) {
		users = (uint64_t *)(void *)(handle->base + shmreg_kind_users(entry->shape.kind)) +
			seat / 64;
		/*
		 * Before the handle's first claim, in program order: that is all it takes
		 * for the reaper, which looks after this process is dead.
		 */
		if ((shmreg_load_relaxed(users) & UINT64_C(1) << seat % 64) == 0)
			shmreg_fetch_or_acq_rel(users, UINT64_C(1) << seat % 64);
	}
	*ret = handle;
	return 0;
}

static void handle_free(struct shmreg_segment *s, struct object_node *node)
{
	const uint32_t index = node->index;

	unlink_node(node);
	/* relaxed: what this handle has rung, or watched, came before */
	if (shmreg_load_relaxed(&s->connection->line.fd) != -1) {
		line_forget_handle(s->connection, node->handle);
		if (s->by_index[index] == NULL)
			bells_forget_object(s, index);
	}
	arena_free(&s->arena, node->handle, node->bytes);
	free(node);
}

/*
 * May somebody wait for what this handle leaves behind if nothing else is done than to forget it?
 * Its role, for one, which only a close of its own gives back; or what it has lent out. Who is in
 * the middle of an operation is not known: what is idle is repaired, too, a little later.
 */
static bool may_leave(const struct object_node *node)
{
	return node->seat != 0 && (node->handle->shape.kind != SHMREG_KIND_QUEUE ||
				   node->handle->n_leases > 0);
}

bool object_close_all(struct shmreg_segment *s)
{
	bool idle;

	pthread_mutex_lock(&s->mutex);
	idle = shmreg_load_relaxed(&s->acquires) == 0; /* relaxed: nobody else uses the segment now */
	while (s->nodes != NULL) {
		idle = idle && !may_leave(s->nodes);
		handle_free(s, s->nodes);
	}
	pthread_mutex_unlock(&s->mutex);
	return idle;
}

int shmreg_object_close(struct shmreg_handle *handle)
{
	struct shmreg_segment *s;
	struct object_node *node;

	if (handle == NULL)
		return 0;
	s = handle->segment;
	if (s == NULL)
		return error_set(-ECHILD, "this handle was inherited by fork(), or is closed already");
	if (handle->n_leases > 0 && handle->shape.kind == SHMREG_KIND_POOL)
		return error_set(-EBUSY, "%u queues of objects were opened with this handle of pool "
				 "'%s'; close them first", handle->n_leases, handle->entry->name);
	if (handle->n_leases > 0)
		return error_set(-EBUSY, "%u slots of object '%s' are lent out by this handle; give "
				 "them back first", handle->n_leases, handle->entry->name);
	pthread_mutex_lock(&s->mutex);
	node = s->by_index[handle->entry - shmreg_dir_objects(s->dir)];
	while (node != NULL && node->handle != handle)
		node = node->same_next;
	if (node != NULL)
		handle_free(s, node);
	pthread_mutex_unlock(&s->mutex);
	segment_quiesce(s);
	return 0;
}

int shmreg_handle_trouble(const struct shmreg_handle *handle)
{
	if (handle == NULL || handle->segment == NULL)
		return -ECHILD;
	/* acquire: what was written before the object went is visible to the caller */
	if (shmreg_load_acquire(&handle->entry->state) != SHMREG_ENTRY_LIVE ||
	    shmreg_load_relaxed(&handle->entry->id) != handle->object)
		return -ESTALE;
	/* relaxed: one flag, and nothing is read because of it */
	if ((shmreg_load_relaxed(&handle->segment->dir->flags) & SHMREG_DIR_QUARANTINED) != 0)
		return -ENOTRECOVERABLE;
	return 0;
}
