/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memfd.h"
#include "registry-fixture.h"

/* Also for programs without Check. */
#define must_be(what)                                                                              \
	do {                                                                                       \
		if (!(what)) {                                                                     \
			fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #what);         \
			abort();                                                                   \
		}                                                                                  \
	} while (0)

char fixture_error[SHMREG_ERROR_MAX + 1];
static uint64_t fixture_nonce = 1000;

static void note_created(void *data, struct segment *segment)
{
	struct notes *notes = data;

	must_be(segment != NULL);
	notes->n_created++;
}

static void note_disposed(void *data, struct segment *segment)
{
	struct notes *notes = data;

	notes->n_disposed++;
	if (notes->repair == segment)
		notes->repair = NULL;
}

static void note_repair(void *data, struct segment *segment)
{
	struct notes *notes = data;

	notes->n_repair++;
	notes->repair = segment;
}

static void note_rest(void *data, struct segment *segment)
{
	struct notes *notes = data;

	must_be(segment != NULL);
	notes->n_rest++;
	notes->rest = segment;
}

static void note_free(void *data, struct segment *segment)
{
	struct notes *notes = data;

	must_be(segment != NULL);
	notes->free = segment;
}

static void note_watch(void *data, const struct process_id *process)
{
	struct notes *notes = data;

	must_be(process->pid || process->pidfd_inode);
	notes->n_watch++;
}

static void note_unwatch(void *data, const struct process_id *process)
{
	struct notes *notes = data;

	must_be(process->pid || process->pidfd_inode);
	notes->n_unwatch++;
}

static void note_event(void *data, const struct shmreg_event *event)
{
	struct notes *notes = data;

	must_be(event->kind < SHMREG_EVENT_LOST);
	must_be(event->time_ns != 0);
	must_be(event->segment != 0);
	must_be(event->segment_name[0]);
	notes->n_events[event->kind]++;
	notes->last = *event;
}

static const struct registry_ops fixture_ops = {
	.created = note_created,
	.disposed = note_disposed,
	.repair = note_repair,
	.rest = note_rest,
	.watch = note_watch,
	.unwatch = note_unwatch,
	.event = note_event,
};

struct registry_config fixture_config(void)
{
	struct registry_config config = {
		.max_segments = 500,
		.reserve_budget = UINT64_C(1) << 24,
		.max_seats_participant = 1024,
		.reserved_seats = 64,
	};

	for (int i = 0; i < SHMREG_N_RESOURCES; i++)
		config.limit[i] = UINT64_MAX;
	return config;
}

struct registry *fixture_registry(const struct registry_config *config, struct notes *notes)
{
	struct registry *r = NULL;

	must_be(registry_new(&r, config, &fixture_ops, notes) == 0);
	return r;
}

struct registry *fixture_registry_with_free(const struct registry_config *config,
					    struct notes *notes)
{
	struct registry_ops ops = fixture_ops;
	struct registry *r = NULL;

	ops.free = note_free;
	must_be(registry_new(&r, config, &ops, notes) == 0);
	return r;
}

struct caller fixture_caller(uint32_t uid, uint32_t pid)
{
	struct caller c = {
		.uid = uid,
		.gid = uid,
		.admin = uid == 0,
		.process = { .pid = pid, .pidfd_inode = UINT64_C(1000000) + pid, .start_time = pid },
	};

	snprintf(c.name, sizeof(c.name), "client-%u", pid);
	return c;
}

struct shmreg_create fixture_create_request(const char *name, uint64_t data_bytes)
{
	struct shmreg_create in = {
		.nonce = ++fixture_nonce,
		.data_bytes = data_bytes,
		.mode = 0600,
		.lifetime = SHMREG_UNTIL_REMOVED,
		.max_participants = 16,
		.max_objects = 16,
		.n_seats = 2,
	};

	snprintf(in.name, sizeof(in.name), "%s", name);
	return in;
}

struct shmreg_shape fixture_array(uint64_t bytes)
{
	return (struct shmreg_shape){
		.kind = SHMREG_KIND_ARRAY,
		.layout = SHMREG_ARRAY_LAYOUT,
		.elem_align = 1,
		.elem_bytes = 1,
		.capacity = bytes,
	};
}

struct shmreg_shape fixture_object_queue(uint32_t pool)
{
	return (struct shmreg_shape){
		.kind = SHMREG_KIND_QUEUE,
		.layout = SHMREG_QUEUE_LAYOUT,
		.flags = SHMREG_QUEUE_OBJECTS,
		.elem_align = 8,
		.elem_bytes = 8,
		.capacity = 8,
		.param = { pool },
	};
}

int fixture_create(struct registry *r, const struct caller *c, const char *name,
		   uint64_t data_bytes, uint32_t mode, uint32_t lifetime,
		   struct shmreg_attach_reply *ret)
{
	struct shmreg_create in = fixture_create_request(name, data_bytes);
	struct segment *s;

	in.mode = mode;
	in.lifetime = lifetime;
	return registry_create(r, c, &in, ret, &s, fixture_error);
}

int fixture_open(struct registry *r, const struct caller *c, const char *name, uint32_t access,
		 struct shmreg_attach_reply *ret)
{
	struct shmreg_open in = {
		.nonce = ++fixture_nonce,
		.access = access,
		.n_seats = access & SHMREG_ACCESS_WRITE ? 2 : 0,
	};
	struct segment *s;

	snprintf(in.name, sizeof(in.name), "%s", name);
	return registry_open(r, c, &in, ret, &s, fixture_error);
}

static struct shmreg_attachment attachment(const struct shmreg_attach_reply *at)
{
	return (struct shmreg_attachment){ .segment = at->segment,
					   .participant = at->participant };
}

int fixture_detach(struct registry *r, const struct caller *c,
		   const struct shmreg_attach_reply *at)
{
	const struct shmreg_attachment in = attachment(at);

	return registry_detach(r, c, &in, fixture_error);
}

int fixture_object(struct registry *r, const struct caller *c,
		   const struct shmreg_attach_reply *at, const char *name, uint64_t bytes,
		   struct shmreg_create_object_reply *ret)
{
	struct shmreg_create_object in = {
		.at = attachment(at),
		.nonce = ++fixture_nonce,
		.shape = fixture_array(bytes),
	};

	snprintf(in.name, sizeof(in.name), "%s", name);
	snprintf(in.type_name, sizeof(in.type_name), "char");
	return registry_create_object(r, c, &in, ret, fixture_error);
}

int fixture_remove_object(struct registry *r, const struct caller *c,
			  const struct shmreg_attach_reply *at, const char *name)
{
	struct shmreg_remove_object in = { .at = attachment(at) };

	snprintf(in.name, sizeof(in.name), "%s", name);
	return registry_remove_object(r, c, &in, fixture_error);
}

int fixture_quiesce(struct registry *r, const struct caller *c,
		    const struct shmreg_attach_reply *at, uint64_t epoch)
{
	struct shmreg_attachment in = attachment(at);

	in.epoch = epoch;
	return registry_quiesce(r, c, &in, fixture_error);
}

void fixture_repair(struct registry *r, struct segment *s)
{
	const struct shmreg_reaper_report sum = { .n_repaired = 3, .n_freed = 2, .n_requeued = 1 };

	registry_repair_begin(r, s);
	registry_repair_end(r, s, true, &sum);
}

int fixture_copy_memfd(int fd)
{
	struct stat st;
	char *from;
	int copy;

	must_be(fstat(fd, &st) == 0);
	copy = memfd_new("copy", (uint64_t)st.st_size);
	must_be(copy >= 0);
	from = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_SHARED, fd, 0);
	must_be(from != MAP_FAILED);
	must_be(pwrite(copy, from, (size_t)st.st_size, 0) == st.st_size);
	munmap(from, (size_t)st.st_size);
	return copy;
}

struct registry *fixture_restart(struct registry *r, const struct registry_config *config,
				 struct notes *notes)
{
	struct registry *fresh;
	struct segment *s, *restored;
	int (*fds)[2], n = 0;

	for (s = registry_first(r); s; s = registry_next(r, s))
		n++;
	fds = calloc((size_t)n + 1, sizeof(*fds));
	must_be(fds != NULL);
	n = 0;
	for (s = registry_first(r); s; s = registry_next(r, s), n++) {
		fds[n][0] = fcntl(segment_dir_fd(s), F_DUPFD_CLOEXEC, 3);
		fds[n][1] = fcntl(segment_data_fd(s), F_DUPFD_CLOEXEC, 3);
	}
	registry_free(r);
	*notes = (struct notes){ 0 };
	fresh = fixture_registry(config, notes);
	/* In the order of systemd's store, which reverses with each restart. */
	while (n-- > 0) {
		const int e = registry_restore(fresh, fds[n][0], fds[n][1], &restored,
					       fixture_error);

		if (e < 0)
			fprintf(stderr, "restore: %d, %s\n", e, fixture_error);
		must_be(e == 0);
	}
	free(fds);
	return fresh;
}

uint64_t fixture_page(void)
{
	return (uint64_t)sysconf(_SC_PAGESIZE);
}

void fixture_touch(struct registry *r, uint64_t segment, uint64_t object_index)
{
	struct segment *s = registry_find(r, segment);
	const struct shmreg_dir_object *o = &shmreg_dir_objects(segment_dir(s))[object_index];
	const uint64_t page = fixture_page(), whole = (o->offset + page - 1) / page * page;

	must_be(pwrite(segment_data_fd(s), "full", 4, (off_t)whole) == 4);
}

uint64_t fixture_resident(struct registry *r, uint64_t segment)
{
	return memfd_resident(segment_data_fd(registry_find(r, segment)));
}
