/* SPDX-License-Identifier: MIT */
/* block.h - one transformer block, forwards and backwards. */
#ifndef SEAL_BLOCK_H
#define SEAL_BLOCK_H

#include "params.h"

/* What the tokens of one pass have in common; all pointers are device memory. */
struct pass {
	struct spans spans;      /* how the tokens divide into rows */
	const int32_t *position; /* [tokens]: each one's rope_entry */
	const float *table[2];   /* rope_table of the full and of the local layers */
	/* Where rows share their first tokens, every row's keys and values are gathered in
	 * full before attention: row i of them is that of token from[i].  Else keys.p is NULL. */
	struct mat keys;      /* [keys x key and value columns] */
	const int32_t *from;  /* [keys] */
	struct groups shared; /* the keys of each token: on the way back */
};

/* A block's activations, kept for the way back: x1 in F32, the rest in the compute type.  A
 * matrix whose role the family lacks has no memory. */
struct kept {
	struct mat n1;           /* attention's input */
	struct mat raw;          /* queries and keys before their norms */
	struct mat qkv;          /* queries and keys rotated */
	struct mat o;            /* attention's heads */
	struct mat attn, mlp;    /* outputs of attention and MLP before the norms after them */
	struct mat x1;           /* the residual between attention and MLP */
	struct mat n2;           /* the MLP's input */
	struct mat u, h;         /* before and after its function */
	struct mat t[SITES];     /* scale x a' of each adapted layer, as wide as all its ranks */
	float *stat[NORM_ROLES]; /* of each norm */
	float *lse;              /* of attention */
};

/* Gradients on the way back, which all blocks share: dn and dn2 in F32, the rest in the compute
 * type. */
struct scratch {
	struct mat g;          /* dy in the compute type, or before a norm after attention or MLP */
	int rounded;           /* g is dy in the compute type now */
	struct mat dh, du;     /* of h and u */
	struct mat dn, dn2;    /* of n1 and n2, F32 */
	struct mat dout, dqkv; /* of o and qkv */
	struct mat dt[SITES];  /* of t */
	struct mat dkeys;      /* of keys */
};

/* Keys and values of former tokens: this pass's are scattered to the rows `at` of kv, which
 * attention reads. */
struct cache_layer {
	struct mat kv;
	const int32_t *at;
};

/* A block at work: what forwards and backwards both go by. */
struct block {
	struct dev *dev;
	const struct config *config;
	long layer;
	long first;                 /* of the pass's rows, kept.n1's first one */
	const struct layer *at;     /* its tensors */
	const struct params *theta; /* NULL: the model alone */
	const struct pass *pass;
	struct kept kept;
	struct mat decoded; /* room for the matrices of a layer that are as the file has them */
};

/* y = block(x), F32 [tokens x dim]; may be the same memory, and kept.x1 too where there is no
 * way back.  cache may be NULL.  only: y has but these rows of it, and what is kept is not
 * enough to go back; NULL: all. */
void block_forward(const struct block *, struct mat y, struct mat x, const struct cache_layer *,
                   const int32_t *only);
/* dy becomes dx, and theta's gradients are added to.  need_dx 0: nothing below is trained, and
 * dy is left unfinished. */
void block_back(const struct block *, struct mat dy, struct mat x, struct scratch *, int need_dx);

#endif
