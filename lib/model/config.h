/* SPDX-License-Identifier: MIT */
/* config.h - what one model computes, in plain numbers: its sizes, its scales, which layers
 * see how far.  config_read.h fills it from a model's files. */
#ifndef SEAL_CONFIG_H
#define SEAL_CONFIG_H

#include "../../kernels/ops.h"
#include "family.h"
#include "rope.h"

enum { CONFIG_LAYERS = 4096 }; /* at most */

struct config {
	const struct family *family;
	long vocab, dim, layers, ffn;
	long context;        /* positions that the model was made for; 0: not said */
	struct heads heads;  /* window: that of the local layers */
	long k_at, v_at;     /* columns of the qkv activation where keys and values start */
	long qkv;            /* its width */
	int rotary;          /* columns of a head that rotate */
	struct rope rope[2]; /* [1]: of local layers, where they have their own */
	int ropes;           /* how many of them count */
	unsigned char local[CONFIG_LAYERS]; /* does the layer have the window? */
	struct act act;
	struct norm norm;     /* of the residual's width */
	float embed_scale;    /* embeddings are multiplied by it */
	float residual_scale; /* so is what attention and MLP add to the residual */
	float logit_scale;    /* so are the logits, */
	float logit_cap;      /* which are then capped; 0: no cap */
	int parallel;         /* attention and MLP both read x */
	int tied;             /* the head is the embedding */
	int bias[SITES];      /* may the layer have biases? */
	const char *head;     /* the head's name in this model's files */
};

/* The columns [*first, *first + *cols) of its layer's output that a part fills. */
void config_extent(const struct config *, const struct part *, long *first, long *cols);
/* The width of a layer's input and of its output. */
void config_site(const struct config *, enum site, long *in, long *out);
/* The attention of this layer. */
struct heads config_heads(const struct config *, long layer);
/* The form of the norm in this role, and how many columns its gain has. */
struct norm config_norm(const struct config *, enum norm_role, long *cols);

#endif
