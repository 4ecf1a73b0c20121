/* SPDX-License-Identifier: MIT */
/* shard.h - --shard I/N: a share of the rows, for N processes that know nothing of each other.
 *
 * Each reads all that decides what is written, and writes its own rows.  Ranks of a run
 * (../base/world.h), which do know of each other, share rows likewise, and rank 0 does what cat
 * does.  Shares are consecutive and
 * together they are all rows, so that `cat` of the outputs in their order is the output of one
 * process.
 */
#ifndef SEAL_SHARD_H
#define SEAL_SHARD_H

#include "../base/opt.h"

struct shard_opts {
	const char *shard; /* I/N, or NULL */
};
extern const struct opt shard_options[];

/* Whether this process is to write a share: --shard asks for it, or it is one of several. */
int shard_asked(const struct shard_opts *);

/* Rows first..end-1. */
struct share {
	long first, end;
	int head; /* it begins the output, even where it has no rows */
};

/* Wrong usage where --shard is no I/N, or, with `twice`, where one of n paths is no file: its rows
 * are to be read twice. */
void shard_check(const struct shard_opts *, int twice, char *const paths[], int n);
/* The share of so many rows: where several processes are one run (world.h) this rank's, else all of
 * them without --shard.  Shares begin at multiples of `unit` rows, which are computed on together,
 * so that each row has the same neighbours as in one process, and the same bits. */
struct share shard_of(const struct shard_opts *, long rows, long unit);
/* The same of any rank, without --shard. */
struct share share_of_rank(int rank, long rows, long unit);

#endif
