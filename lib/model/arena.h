/* SPDX-License-Identifier: MIT */
/* arena.h - one piece of memory, handed out from front to back.
 *
 * What a pass works in is laid out by one function, over an arena that either has memory or,
 * with base NULL, only measures; so what is planned is what is taken.
 */
#ifndef SEAL_ARENA_H
#define SEAL_ARENA_H

#include "../../kernels/ops.h"

enum arena_kind { ARENA_ACTIVATIONS, ARENA_HEAD, ARENA_SCRATCH, ARENA_KINDS };

struct arena {
	char *base;
	size_t size, used;
	enum arena_kind kind;   /* of what is handed out now */
	size_t by[ARENA_KINDS]; /* bytes of each kind */
};

/* Aligned to 64 bytes.  NULL while it only measures, or for 0 bytes. */
void *arena_take(struct arena *, size_t bytes);
struct mat arena_mat(struct arena *, enum dtype, long rows, long cols);
int32_t *arena_ints(struct arena *, long n);
float *arena_floats(struct arena *, long n);

#endif
