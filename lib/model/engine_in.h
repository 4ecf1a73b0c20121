/* SPDX-License-Identifier: MIT */
/* model_in.h - what model.c, pass.c and cache.c share. */
#ifndef SEAL_MODEL_IN_H
#define SEAL_MODEL_IN_H

#include <assert.h>

#include "block.h"
#include "model.h"
#include "weights.h"

enum { WORK_ACTIVATIONS, WORK_HEAD, WORK_SCRATCH, WORK_KINDS };

/* The device memory of a pass. */
struct work {
	struct dev *dev;
	char *base;
	size_t size, used; /* the piece, and how far it is divided */
	size_t by[WORK_KINDS];
	int kind;
	long tokens;            /* of this pass */
	int kept;               /* blocks whose activations stay (at least 1) */
	long ranks[SITES];      /* widths of t */
	struct kept *block;     /* [kept] */
	struct scratch scratch; /* backward only */
	struct mat keys;        /* of rows that share tokens, see struct pack */
	struct mat *x;
	long xs; /* inputs of the blocks: [layers + 1] backward, else [1] */
	struct mat dy, h, h2, hn, dh, logits, dlogits; /* head: chunks of HEAD_ROWS tokens */
	float *hstat;
	int32_t *ints; /* device copies of a pass's numbers, see pass.c */
	float *floats;
};

enum {
	ROUND = 64,      /* passes are of a multiple of so many tokens */
	HEAD_ROWS = 256, /* tokens whose logits exist at a time */
};

struct model {
	struct dev *dev;
	struct config config;
	struct weights *weights;
	enum dtype type;
	struct net net;
	int loaded; /* 0: only which tensors there are */
	float *rope;
	long positions;        /* device table and how many positions it has */
	long pass;             /* tokens a pass, but for longer rows */
	long largest[2];       /* planned, [backward]; 0: pass */
	size_t room;           /* bytes that a pass may take, if one block's activations fit */
	struct work *work;     /* of the last pass, reused */
	struct packed *packed; /* likewise */
	size_t limit, mapped, owned; /* bytes: a run's; of the weights */
};

/* What a pass of so many tokens takes with this adapter (NULL: none) when so many blocks
 * keep their activations; keys: of the rows in full, 0 where none shares tokens; by: of
 * each kind, may be NULL. */
size_t work_bytes(const struct model *, const struct adapter *, long tokens, long keys, int kept,
                  int backward, size_t by[WORK_KINDS]);
/* How many blocks can keep them in so many bytes; 0: the pass does not fit. */
int work_keeps(const struct model *, const struct adapter *, long tokens, long keys, int backward,
               size_t bytes);
/* Memory for a pass of so many tokens, m->room bytes if that is enough for one block. */
struct work *work_open(const struct model *, const struct adapter *, long tokens, long keys,
                       int backward);
/* Divides it for a pass; -1: it does not fit. */
int work_divide(struct work *, const struct model *, const struct adapter *, long tokens, long keys,
                int backward);
void work_close(struct work *);

/* Bytes of a cache's keys and values. */
size_t cache_bytes(const struct model *, long n, long positions);

void packed_close(struct packed *); /* NULL is fine */

/* How many first tokens, none that a trained one is predicted from, a batch's row has in
 * common with one of those from `from` on before it: most with row from + *with. */
long shared_tokens(const struct model *, const struct batch *, int from, int row, int all,
                   int *with);

/* Grows the rotary table to hold this many positions. */
void model_positions(struct model *, long n);

/* The logits that follow the rows of h, at most HEAD_ROWS: w->logits, by way of w->hn. */
struct mat model_head(struct model *, const struct adapter *, struct work *, struct mat h);

/* Embeds the tokens of w and runs every block; the last one's output, or of it but the rows
 * only[0..n). */
struct mat model_blocks(struct model *, const struct adapter *, struct work *, const struct pack *,
                        const int32_t *id, struct cache_layer *cache, const int32_t *only, long n);

/* The tensors that a pass computes with. */
static inline const struct net *net_of(const struct model *m, const struct adapter *a)
{
	assert(m->loaded || (a && a->net));
	return a && a->net ? a->net : &m->net;
}

static inline struct theta theta_of(const struct adapter *a, long layer)
{
	return a ? (struct theta){a->site[layer], a->scale, a->grad ? &a->grad->layer[layer] : NULL}
	         : (struct theta){0};
}

#endif
