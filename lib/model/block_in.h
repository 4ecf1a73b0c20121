/* SPDX-License-Identifier: MIT */
/* block_in.h - the matrices of a block, for its way forwards and back; private to lib/model. */
#ifndef SEAL_BLOCK_IN_H
#define SEAL_BLOCK_IN_H

#include "block.h"

/* Where the gradients of the block's own tensors go; no tensors where those are frozen. */
const struct layer *block_gradients(const struct block *);

/* y = base + r (the layer of x), where base.p is not NULL; t = r x a' is kept for the way back. */
void linear(const struct block *, enum site, struct mat y, struct mat base, struct mat x, float r);
/* Of rows: with dt = r scale dy b,  dx = beta dx + r dy w + dt a, where dx.p. */
void linear_back(const struct block *, enum site, struct mat dx, struct mat dy, struct mat dt,
                 float r, float beta);
/* Over all rows, after linear_back: dw += r dy' x, dbias += r sum dy, where they are trained;
 * db += scale dy' t, da += dt' x. */
void linear_sums(const struct block *, enum site, struct mat dy, struct mat x, struct mat dt,
                 float r);

#endif
