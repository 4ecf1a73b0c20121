/* block.h - one transformer block, forwards and backwards. */
#ifndef SEAL_BLOCK_H
#define SEAL_BLOCK_H

#include "adapter.h"

struct linear_part { struct mat w, bias; long first; };    /* bias.p may be NULL */
struct linear { struct linear_part part[4]; int n; long in, out; };

struct layer { struct mat gain1, bias1, gain2, bias2; struct linear at[SITES]; };

/* What the tokens of one pass share. */
struct pack {
	long tokens;
	struct spans spans;
	const int32_t *position;       /* [tokens] */
	const float *table;            /* rotary cos, sin by position */
};

struct kept {                          /* what the backward pass needs of one block */
	struct mat n1, qkv, o, x1, n2, u, h;
	struct mat t[SITES];           /* x a' of each adapted layer */
	float *stat1, *stat2, *lse;
};

struct scratch {                       /* shared by all blocks, backwards */
	struct mat g, dh, du, dn2, dout, dqkv, dn1, dt;
};

/* The key/value cache of one block, or NULL: k, v of this pass's tokens are
 * scattered to rows `at` of kv, and attention reads kv. */
struct cache_layer { struct mat kv; const int32_t *at; };

/* y = block(x); x, y F32 [tokens x dim], may be the same memory. Adapter may be NULL. */
void block_forward(struct dev *, const struct config *, const struct layer *,
                   const struct lora_site *, float scale, const struct pack *, struct mat y,
                   struct mat x, struct kept *, const struct cache_layer *);
/* dy becomes dx; the adapter's gradients are added to.  need_dx 0: nothing
 * below is trained, dx may be left unfinished. */
void block_back(struct dev *, const struct config *, const struct layer *,
                const struct lora_site *, float scale, const struct pack *, struct mat dy,
                struct mat x, struct kept *, struct scratch *, int need_dx);

#endif
