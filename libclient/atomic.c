/* SPDX-License-Identifier: MIT */
#include <config.h>

#include <errno.h>
#include <inttypes.h>

#include <shmreg/atomic.h>

#include "error.h"
#include "object.h"
#include "params.h"

static int open_any(struct shmreg_segment *segment, struct shmreg_handle **ret, uint32_t how,
		    const char *name, const struct shmreg_atomic_params *params, uint32_t layout)
{
	struct shmreg_atomic_params p = { .size = sizeof(p) };
	struct shmreg_shape shape = { .kind = SHMREG_KIND_ATOMIC, .layout = layout };
	int r;

	r = params_copy(&p, sizeof(p), params, "shmreg_atomic_params");
	if (r < 0)
		return r;
	if (p.bytes > 8 || (p.bytes & (p.bytes - 1)) != 0)
		return error_set(-EINVAL, "an atomic of %" PRIu64 " bytes: 1, 2, 4 and 8 are possible",
				 p.bytes);
	shape.elem_bytes = p.bytes;
	shape.elem_align = (uint32_t)p.bytes;
	shape.capacity = 1;
	return shmreg_object_open(segment, ret, how, name, &shape, p.type_name,
				  sizeof(struct shmreg_atomic));
}

int shmreg_atomic_open_layout(struct shmreg_segment *segment, struct shmreg_atomic **ret,
			      uint32_t how, const char *name,
			      const struct shmreg_atomic_params *params, uint32_t layout)
{
	struct shmreg_handle *handle;
	int r;

	r = object_refuse_read_only(segment, name, "shmreg_atomic_open_const()");
	if (r < 0)
		return r;
	r = open_any(segment, &handle, how, name, params, layout);
	if (r < 0)
		return r;
	*ret = (struct shmreg_atomic *)handle;
	return 0;
}

int shmreg_atomic_open_const_layout(struct shmreg_segment *segment,
				    const struct shmreg_atomic **ret, const char *name,
				    const struct shmreg_atomic_params *params, uint32_t layout)
{
	struct shmreg_handle *handle;
	int r;

	r = open_any(segment, &handle, SHMREG_OBJECT_ATTACH, name, params, layout);
	if (r < 0)
		return r;
	*ret = (const struct shmreg_atomic *)handle;
	return 0;
}

int shmreg_atomic_close(const struct shmreg_atomic *atomic)
{
	/* const is about the value: the handle itself is ours to free. */
	return shmreg_object_close((struct shmreg_handle *)(uintptr_t)atomic);
}

#define EMIT(bits)                                                                               \
	SHMREG_ATOMIC_DECLARE_(extern inline, bits);                                             \
	extern inline uint##bits##_t *shmreg_atomic##bits##_cell(struct shmreg_atomic *atomic);  \
	extern inline const uint##bits##_t *shmreg_atomic##bits##_cell_const(                    \
		const struct shmreg_atomic *atomic)

EMIT(8);
EMIT(16);
EMIT(32);
EMIT(64);
