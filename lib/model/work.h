/* SPDX-License-Identifier: MIT */
/* work.h - the device memory that a pass works in.
 *
 * On the way back every block's input is needed, and its activations: as many blocks as there is
 * memory for keep theirs; the rest, the lower ones, share one place and are computed again,
 * which changes no bit.
 */
#ifndef SEAL_WORK_H
#define SEAL_WORK_H

#include "pack.h"

/* What decides how much it is. */
struct work_size {
	const struct config *config;
	enum dtype type;   /* the compute type */
	const long *ranks; /* [SITES], of theta's pairs; NULL: none */
	long tokens, keys; /* keys: of the rows in full; 0 where none shares tokens */
	long head;         /* tokens whose logits exist at a time */
	int kept;          /* blocks whose activations stay, at least 1 */
	int stored;        /* the blocks' matrices are as the file has them */
	int backward;
};

struct work {
	long tokens;
	int kept;
	struct kept *block; /* [kept] */
	struct mat *x;      /* [layers + 1]: the blocks' inputs, and what the last one gives */
	int one_x;          /* there is but x[0]: no way back */
	struct mat keys;    /* of rows that share tokens */
	struct mat decoded; /* a layer's matrices, where these are as the file has them */
	struct scratch scratch;
	struct mat dy;                             /* backwards, of x */
	struct mat h, h2, hn, dh, logits, dlogits; /* the head's */
	float *hstat;
	struct pack numbers; /* the device's copy */
};

void work_open(struct work *, const struct config *);
void work_close(struct work *);
/* Lays it out in the arena, from its front. */
void work_place(struct work *, struct arena *, const struct work_size *);
/* The bytes that this takes; by: of each kind, or NULL.  The layout of the work is lost. */
size_t work_bytes(struct work *, const struct work_size *, size_t by[ARENA_KINDS]);
/* How many blocks can keep their activations in so many bytes (kept is not read); 0: a pass does
 * not fit.  The layout of the work is lost. */
int work_keeps(struct work *, const struct work_size *, size_t bytes);

#endif
