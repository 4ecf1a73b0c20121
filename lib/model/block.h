/* SPDX-License-Identifier: MIT */
/* block.h - one transformer block, forwards and backwards. */
#ifndef SEAL_BLOCK_H
#define SEAL_BLOCK_H

#include "adapter.h"

/* What the tokens of one pass share. */
struct pack {
	struct spans spans;
	const int32_t *position; /* device, [tokens], their rope_entry */
	const float *table;      /* rope_table */
	struct mat keys; /* where rows share tokens: room for all rows' keys and values in full */
	const int32_t
		*from; /* of which row i is token from[i]'s; keys.p NULL: every row has its own */
};

/* theta at this block; site NULL: no pairs; grad: where the gradients of the
 * layer's own tensors are added, NULL when those are frozen. */
struct theta {
	const struct lora_site *site;
	float scale;
	const struct layer *grad;
};

/* A block's activations.  n1, qkv, o, n2, u, h, t in the compute type, x1 F32. */
struct kept {
	struct mat n1, qkv, o, x1, n2, u, h;
	struct mat t[SITES]; /* scale x a' of each adapted layer; as wide as all ranks */
	float *stat1, *stat2, *lse;
};

/* Shared by all blocks, backwards: g, dh, du, dout, dqkv, dt, dkeys in the compute
 * type, dn, dsum F32. */
struct scratch {
	struct mat g, dh, du, dn, dn2, dout, dqkv, dt, dkeys, dsum;
};

/* Keys and values of former tokens: this pass's are scattered to the rows `at`
 * of kv, which attention reads. */
struct cache_layer {
	struct mat kv;
	const int32_t *at;
};

/* y = block(x); F32 [tokens x dim], may be the same memory, and x1 then too.  cache may be NULL.
 * only: y has but these rows of it, and what is kept is not enough to go back; NULL: all. */
void block_forward(struct dev *, const struct config *, const struct layer *, struct theta,
                   const struct pack *, struct mat y, struct mat x, const struct kept *,
                   const struct cache_layer *cache, const int32_t *only);
/* dy becomes dx, and theta's gradients are added to.  need_dx 0: nothing
 * below is trained, and dy is left unfinished. */
void block_back(struct dev *, const struct config *, const struct layer *, struct theta,
                const struct pack *, struct mat dy, struct mat x, const struct kept *,
                struct scratch *, int need_dx);

#endif
