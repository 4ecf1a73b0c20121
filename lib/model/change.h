/* SPDX-License-Identifier: MIT */
/* change.h - what an adapter makes of one of the model's tensors before anything computes with it:
 *
 *   W' = W + scale left right,  and with a magnitude (DoRA)  W'_i <- magnitude_i W'_i / |W'_i|
 *
 * W [rows x cols] is the model's own, or values of the adapter that stand in its place.  Pairs of
 * the blocks' linear layers are no such change: they stay apart (params.h).
 */
#ifndef SEAL_CHANGE_H
#define SEAL_CHANGE_H

#include "../format/safetensors.h"

/* A safetensors file that is mapped. */
struct mapped {
	char *path;
	const void *map;
	size_t bytes;
	struct safetensors st;
};

struct change {
	char *hf;                     /* the tensor's name, owned */
	const struct st_tensor *with; /* in place of the model's values; NULL: its own */
	float *left, *right;          /* [rows x rank], [rank x cols], owned; NULL: no sum */
	long rank;
	float scale;
	float *magnitude; /* [rows], owned; NULL: no row is scaled */
};

void change_free(struct change *);
/* Does it do more than to put other values in place?  0 of NULL. */
int change_adds(const struct change *);
/* x [cols], row i of W, becomes that of W'. */
void change_row(const struct change *, long i, long cols, float *x);

#endif
