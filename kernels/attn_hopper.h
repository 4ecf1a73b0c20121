/* SPDX-License-Identifier: MIT */
/* attn_hopper.h - attention and its gradient by the instructions that only a Hopper card has. */
#ifndef SEAL_ATTN_HOPPER_H
#define SEAL_ATTN_HOPPER_H

#include "cuda.h"

struct cuda_heads;

/* What one call of attn_back is about. */
struct gradients {
	struct mat dq, dk, dv, dout, o, q, k, v;
	const float *lse;
	float *sum; /* [tokens x q]: of do o' */
	struct spans spans;
};

/* Whether attention of these can be computed so, on this card. */
int hopper_can(struct dev *, struct mat q, const struct cuda_heads &);

/* Forwards, and back. */
void hopper_attn(struct dev *, struct mat o, float *lse, struct mat q, struct mat k, struct mat v,
                 struct spans, const struct cuda_heads &);
void hopper_back(struct dev *, const struct gradients &, const struct cuda_heads &);

#endif
