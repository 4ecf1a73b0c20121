/* model_in.h - what model.c, pass.c and cache.c share. */
#ifndef SEAL_MODEL_IN_H
#define SEAL_MODEL_IN_H

#include "block.h"
#include "model.h"
#include "weights.h"

/* Device memory for passes of up to `tokens` tokens. */
struct work {
	struct dev *dev;
	long tokens;                   /* capacity */
	int kept;                      /* blocks whose activations stay (at least 1) */
	int backward;
	long ranks[SITES];             /* widths of t */
	struct kept *block;            /* [kept] */
	struct scratch scratch;        /* backward only */
	struct mat *x; long xs;        /* inputs of the blocks: [layers + 1] backward, else [1] */
	struct mat dy, h, h2, hn, dh, logits, dlogits; /* head: chunks of HEAD_ROWS tokens */
	float *hstat;
	int32_t *ints;                 /* device copies of a pass's numbers, see pass.c */
	float *floats;
	void **owned; int n_owned;
};

enum { HEAD_ROWS = 256 };              /* tokens whose logits exist at a time */

struct model {
	struct dev *dev;
	struct config config;
	struct weights *weights;
	enum dtype type;
	struct net net;
	float *rope; long positions;   /* device table and how many positions it has */
	long pass;                     /* tokens a pass */
	size_t keep;                   /* bytes of activations that may stay */
	struct work *work;             /* of the last pass, reused */
};

/* Room for `tokens` tokens with this adapter (NULL: none); kept: how many blocks
 * stay when backward is set. */
struct work *work_open(struct model *, const struct adapter *, long tokens, int backward);
void work_close(struct work *);
int work_fits(const struct work *, const struct adapter *, long tokens, int backward);

/* Every matrix of a pass gets n rows, n <= tokens. */
void work_rows(struct work *, long n);

/* Grows the rotary table to hold this many positions. */
void model_positions(struct model *, long n);

/* The logits that follow rows at[0..n) of x, n <= HEAD_ROWS: w->logits, by way
 * of w->h and w->hn. */
struct mat model_head(struct model *, const struct adapter *, struct work *, struct mat x, const int32_t *at, long n);

/* Embeds the tokens and runs every block; the last one's output. */
struct mat model_blocks(struct model *, const struct adapter *, struct work *, const struct pack *,
                        const int32_t *id, long tokens, struct cache_layer *cache);

/* The tensors that a pass computes with. */
static inline const struct net *net_of(const struct model *m, const struct adapter *a)
{
	return a && a->net ? a->net : &m->net;
}

static inline struct theta theta_of(const struct adapter *a, long layer)
{
	return a ? (struct theta){a->site[layer], a->scale, a->grad ? &a->grad->layer[layer] : NULL} : (struct theta){0};
}

#endif
