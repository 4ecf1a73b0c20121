/* SPDX-License-Identifier: MIT */
/* params.h - theta: what is trained, apart from the frozen model.
 *
 * All trainable values lie in one F32 vector p, beside vectors of its gradient g and of Adam's
 * moments m and v; named slices of it are matrices.  There are two layouts: LoRA pairs beside
 * the model's matrices (lora.c), and all of the model's tensors in place of them (whole.c).
 * Writers (peft.h, save_hf.h, save_gguf.h) go by the slices' names.
 *
 * A LoRA pair adds scale * ((x a') b' + bias) to its part of a linear layer (Hu et al. 2021,
 * "LoRA", section 4.1; most pairs have no bias).  Rank and scale may differ from pair to pair.  The
 * a's of one layer are adjacent, so that all of its x a' are one product.
 *
 * A layout is made first, without memory, so that memory can be planned; params_room gives it
 * some.
 *
 * Where several processes are one run (../base/world.h), all hold the same p, and each adds to g
 * what its rows give.  params_sum then makes each rank's part of g the sum of all: its optimiser
 * state, and steps, are of that part alone (ZeRO stage 1: Rajbhandari et al. 2020), and params_step
 * gives everybody the new p.  So a weight takes 8 bytes, and 8 divided by the ranks, and all ranks
 * have the same bits.  After params_sum the other values of g mean nothing; norms and products are
 * of all parts.
 */
#ifndef SEAL_PARAMS_H
#define SEAL_PARAMS_H

#include "../base/world.h"
#include "../format/jsonl.h"
#include "roles.h"

struct weights;

struct slice {
	char *name;              /* Hugging Face's tensor, or PEFT's */
	long at;                 /* its first value in the vectors */
	long rows, cols;         /* a vector is [1 x n] */
	long layer;              /* -1: outside the blocks */
	const struct part *part; /* the matrix that it is or adapts; NULL: neither */
	char pair;               /* 'a' or 'b' of a LoRA pair, 'c' its bias, else 0 */
};

/* What one pair is like. */
struct lora_form {
	long rank;
	float scale; /* alpha / rank, or what else the adapter says */
	int bias;    /* does it have one? */
};

struct lora {
	const struct part *part;
	long first, cols; /* columns of the layer's output that it adds to */
	long at, rank;    /* its columns of the layer's t = x a' */
	float scale;
	long a_at, b_at, bias_at; /* the first values of each in the vectors; bias_at -1: none */
	struct mat a, b;          /* [rank x in], [cols x rank], in the compute type */
	struct mat da, db;        /* their gradients, F32; added to */
	struct mat bias, dbias;   /* F32 [1 x cols]; p NULL: none */
};

struct lora_site { /* the pairs of one linear layer; n 0: none */
	struct lora pair[4];
	int n;
	long ranks;       /* the sum of theirs */
	struct mat a, da; /* all a's, [ranks x in] */
};

struct params {
	struct dev *dev; /* NULL: without memory */
	const struct config *config;
	enum dtype type; /* that products see */
	struct slice *slice;
	int slices;
	long n;       /* values */
	size_t *part; /* [ranks+1]: where each rank's part of the vectors begins; see below */
	float *p, *g; /* device, [n] */
	float *m, *v; /* device: of this rank's part */
	void *shadow; /* p in the compute type; p itself where that is F32 */
	float *sum;   /* device, for the gradient's squared norm */
	float *room;  /* a GPU's, for what ranks.c receives; NULL with one rank */
	long step;    /* optimiser steps taken */

	/* LoRA; site is NULL where theta is all weights */
	long rank; /* of pairs of which nothing else is said; so is alpha */
	double alpha;
	char *targets;                   /* PEFT's module names, comma-separated, or a pattern */
	json_t *peft;                    /* adapter_config.json, if it was read; owned */
	struct lora_site (*site)[SITES]; /* [layers] */
	long ranks[SITES];               /* of a site with pairs, in any layer */

	/* all weights: the tensors and their gradients; NULL with LoRA */
	struct net *net, *grad;
};

/* A layout of LoRA pairs.  targets: "auto" or PEFT's module names; dies on one that is unknown. */
struct params *params_lora(const struct config *, enum dtype, const char *targets, long rank,
                           double alpha);
/* The same of the pairs that `form` tells of: 1 if the module of this name, as in
 * "model.layers.3.self_attn.q_proj", has one, else 0.  rank, alpha and targets are not set. */
typedef int lora_fn(void *ctx, const char *module, struct lora_form *);
struct params *params_lora_by(const struct config *, enum dtype, lora_fn *form, void *ctx);
/* The pair of this slice; NULL: it is none of a pair. */
const struct lora *params_pair(const struct params *, const struct slice *);
/* A layout of all tensors that these weights have; matrices are computed with in this type. */
struct params *params_whole(const struct config *, enum dtype, const struct weights *);
/* Gives a layout memory: the values are not set, gradient and moments are 0. */
void params_room(struct params *, struct dev *);
/* The bytes that it takes. */
size_t params_bytes(const struct params *);
void params_close(struct params *);
/* The same values in memory of their own, with no gradient and moments. */
struct params *params_clone(const struct params *);

/* New pairs: a ~ U(-1/sqrt(in), 1/sqrt(in)) (PEFT's kaiming_uniform with a = sqrt(5)), b = 0. */
void params_random(struct params *, uint64_t seed);
/* Sets all values from, or to, host memory [n]. */
void params_set(struct params *, const float *);
void params_get(const struct params *, float *);
void params_get_gradient(const struct params *, float *); /* of all values, to the host */
/* A slice's values, and its gradient: F32 in device memory. */
struct mat params_values(const struct params *, const struct slice *);
struct mat params_gradient(const struct params *, const struct slice *);
/* NULL if there is none of this name. */
const struct slice *params_find(const struct params *, const char *name);

void params_zero(struct params *);         /* g = 0 */
void params_sum(struct params *);          /* to be called when a step's g is complete */
double params_norm(const struct params *); /* of g */

/* Further vectors of theta's length, in its device's memory: new with the values of another one
 * (NULL: zeros), for the caller to give to the device's free; x'y; y += scale x. */
float *params_vector(const struct params *, const float *like);
double params_dot(const struct params *, const float *x, const float *y);
void params_add_scaled(const struct params *, float *y, const float *x, double scale);

/* A pull to where theta began: theta <- theta - rate strength (theta - begin), beside the step. */
struct pull {
	const float *begin; /* device, [n] */
	double strength;
};
/* One Adam step with torch's clipping, and a pull (NULL: none), then g = 0; returns the norm that g
 * had. */
double params_step(struct params *, struct adamw, const struct pull *);
/* To be called after p was set from outside: products see the new values. */
void params_refresh(struct params *);

/* This rank's part: its first value, and how many they are. */
static inline long params_first(const struct params *a) { return (long)a->part[world_rank()]; }
static inline long params_own(const struct params *a)
{
	return (long)(a->part[world_rank() + 1] - a->part[world_rank()]);
}

/* What the two layouts give params.c: each places its matrices in the memory that is there. */
void lora_place(struct params *);
void whole_place(struct params *);
/* Appends a slice at the vectors' end and returns where it begins. */
long params_add(struct params *, struct slice);

#endif
