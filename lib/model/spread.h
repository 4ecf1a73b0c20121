/* SPDX-License-Identifier: MIT */
/* spread.h - frozen weights that are divided among the ranks of a run (--shard-weights).
 *
 * Each rank has a part of every block's matrices, and two places for whole ones.  Before a block
 * is computed with, its matrices are put together in one of them, by all ranks at the same time: so
 * ranks go through blocks in step, also those that have no more rows (engine_wait).
 */
#ifndef SEAL_SPREAD_H
#define SEAL_SPREAD_H

#include "../../kernels/ops.h"

struct spread;

/* bytes: [layers] of the blocks' matrices; owned from then on. */
struct spread *spread_open(struct dev *, size_t *bytes, long layers);
void spread_close(struct spread *); /* NULL: nothing */
/* Where a block's matrices lie while it is computed with. */
char *spread_place(const struct spread *, long layer);
/* They are there, to begin with: keeps this rank's part. */
void spread_keep(struct spread *, long layer);
/* Puts them there. */
void spread_bring(struct spread *, long layer);
/* The bytes that this takes for each rank. */
size_t spread_bytes(const size_t bytes[], long layers);

#endif
