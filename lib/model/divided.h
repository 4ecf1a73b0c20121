/* SPDX-License-Identifier: MIT */
/* divided.h - frozen weights that are divided among the ranks of a run (--shard-weights).
 *
 * Each rank has a part of every block's matrices, and two places for whole ones.  Before a block
 * is computed with, its matrices are put together in one of them, by all ranks at the same time: so
 * ranks go through blocks in step, also those that have no more rows (engine_wait).
 */
#ifndef SEAL_DIVIDED_H
#define SEAL_DIVIDED_H

#include "../../kernels/ops.h"

struct divided;

/* bytes: [layers] of the blocks' matrices; owned from then on. */
struct divided *divided_open(struct dev *, size_t *bytes, long layers);
void divided_close(struct divided *); /* NULL: nothing */
/* Where a block's matrices lie while it is computed with. */
char *divided_place(const struct divided *, long layer);
/* They are there, to begin with: keeps this rank's part. */
void divided_keep(struct divided *, long layer);
/* Puts them there. */
void divided_bring(struct divided *, long layer);
/* The bytes that this takes for each rank. */
size_t divided_bytes(const size_t bytes[], long layers);

#endif
