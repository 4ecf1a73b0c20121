/* SPDX-License-Identifier: MIT */
/* net.h - a network's tensors by their roles: the frozen model's, those of a
 * theta that trains all of them, or their gradients. */
#ifndef SEAL_NET_H
#define SEAL_NET_H

#include "weights.h"

/* A linear layer: parts that each fill out->w.rows columns from `first` on. */
struct linear_part {
	struct mat w, bias;
	long first;
}; /* bias.p may be NULL */
struct linear {
	struct linear_part part[4];
	int n;
};

struct layer {
	struct mat gain1, bias1, gain2, bias2;
	struct linear at[SITES];
};

/* A tensor that is not there has p NULL; head is embed where they are tied. */
struct net {
	struct mat embed, head, gain, bias;
	struct layer *layer;
};

void net_open(struct net *, const struct config *);                     /* without tensors */
void net_like(struct net *, const struct net *, const struct config *); /* the same tensors */
void net_close(struct net *);

/* Calls f for every tensor that a model of this configuration may have, in a fixed
 * order, with what it is and its place: matrices of this type, vectors F32. */
typedef void net_fn(void *ctx, const struct wanted *, struct mat *);
void net_each(struct net *, const struct config *, enum dtype, net_fn *, void *ctx);

/* How GGUF orders the rows of this matrix. */
enum row_order net_gguf_order(const struct config *, const struct part *);

#endif
