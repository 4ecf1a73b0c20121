/* SPDX-License-Identifier: MIT */
/* arena.c - see arena.h. */
#include "arena.h"

#include <assert.h>

#include "../base/num.h"

void *arena_take(struct arena *a, size_t bytes)
{
	void *p = a->base && bytes ? a->base + a->used : NULL;

	bytes = size_round_up(bytes, MAT_ALIGN);
	a->used += bytes;
	a->by[a->kind] += bytes;
	assert(!a->base || a->used <= a->size);
	return p;
}

struct mat arena_mat(struct arena *a, enum dtype type, long rows, long cols)
{
	return mat_of(arena_take(a, (size_t)rows * cols * dtype_size(type)), type, rows, cols);
}

int32_t *arena_ints(struct arena *a, long n) { return arena_take(a, n * sizeof(int32_t)); }

float *arena_floats(struct arena *a, long n) { return arena_take(a, n * sizeof(float)); }
