/* SPDX-License-Identifier: MIT */
/* roles.h - a network's tensors by the roles that they play: the frozen model's, those of a
 * theta that trains all of them, or their gradients.
 */
#ifndef SEAL_ROLES_H
#define SEAL_ROLES_H

#include "config.h"

/* A linear layer: its parts each fill w.rows columns of the output, from `first` on. */
struct linear_part {
	struct mat w, bias;   /* bias.p may be NULL */
	const int32_t *order; /* device: w is as the file has it, and this is where its rows are */
	long first;
};
struct linear {
	struct linear_part part[4];
	int n;
};

/* A norm's gain, and its bias where it is a LayerNorm.  gain.p is NULL where there is none. */
struct gains {
	struct mat gain, bias;
};

struct layer {
	struct gains norm[NORM_ROLES];
	struct linear at[SITES];
};

/* A tensor that is not there has p NULL; head is embed where they are tied. */
struct net {
	struct mat embed, head;
	struct gains final;
	struct layer *layer;
};

/* How a GGUF file's rows are ordered where they differ from Hugging Face's (weights.c). */
enum row_order { ORDER_SAME, ORDER_ROTATED, ORDER_SEPARATE };

/* Whether a model has to have a tensor. */
enum need { NEED_MUST, NEED_MAY, NEED_NONE };

/* What is known of one tensor before it is found: both of its names, and its shape. */
struct tensor_role {
	char hf[160], gguf[96];
	long rows, cols;           /* a vector is [1 x n] */
	enum dtype type;           /* that it is computed in */
	enum row_order gguf_order; /* of the GGUF file; Hugging Face's is ORDER_SAME */
	float gguf_more;           /* GGUF stores values that are so much larger */
	enum need need;
	long layer;              /* -1: outside the blocks */
	const struct part *part; /* of a block's linear layer; else, and of biases, NULL */
};

void net_open(struct net *, const struct config *); /* without tensors */
/* A copy that has the same tensors. */
void net_like(struct net *, const struct net *, const struct config *);
void net_close(struct net *);

/* Calls f for every tensor that a model of this configuration may have, in a fixed order, with
 * its role and its place in the net: matrices of this type, vectors F32. */
typedef void net_fn(void *ctx, const struct tensor_role *, struct mat *);
void net_each(struct net *, const struct config *, enum dtype, net_fn *, void *ctx);

/* How GGUF orders the rows of this matrix. */
enum row_order part_gguf_order(const struct config *, const struct part *);

#endif
