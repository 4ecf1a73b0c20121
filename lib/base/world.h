/* SPDX-License-Identifier: MIT */
/* world.h - the processes that are one run: which of them this is, and what they tell each other.
 *
 * A launcher starts the same command `size` times, and each finds its place, `rank`, in the
 * environment (seal-cluster(7)): MPI's where the program is built with it and was started by it,
 * else RANK, WORLD_SIZE, MASTER_ADDR and MASTER_PORT, over TCP.  Without these there is one rank,
 * all calls are as good as empty, and nothing of this costs anything.
 *
 * All ranks make the same calls in the same order: each waits for the others.  Results are the same
 * bits on all ranks, and for one size always the same bits: what is added is added in the ranks'
 * order.  There are no errors to handle.  A rank that dies tells rank 0, which says so in one line
 * and ends the run; a rank that vanishes is missed within ten seconds, also by those that compute.
 *
 * Only rank 0 speaks, and writes what outlives the run: on the others warn and notice are silent,
 * and zio's outputs go nowhere.
 */
#ifndef SEAL_WORLD_H
#define SEAL_WORLD_H

#include <stddef.h>
#include <stdint.h>

/* To be called once, when the options are known and before a file is opened; dies when the others
 * do not come, or are of another build. */
void world_open(void);
/* To be called before the program ends well: waits until all are there. */
void world_close(void);

int world_rank(void); /* 0 before world_open */
int world_size(void);
int world_local(void);  /* this rank's number among those of its host */
int world_locals(void); /* how many ranks its host has */
/* How many threads are this rank's, of the n that it may use: no more than its part of the host's
 * processors, where the host's ranks are not bound to processors of their own. */
int world_threads(int n);

/* What follows, up to world_close, is for rank 0: 1 there, and the world is one of one rank for
 * it; 0 on the others, which are to call world_close next. */
int world_alone(void);

void world_barrier(void);
/* p: n bytes, of rank 0. */
void world_broadcast(void *p, size_t n);
/* p: n bytes, from one rank to another; the others return at once. */
void world_pass(void *p, size_t n, int from, int to);
/* Bytes at[r] to at[r+1]-1 of p are rank r's, and all get them.  at: [size+1] */
void world_gather(void *p, const size_t at[]);
/* Of the vector x, values at[r] to at[r+1]-1 become on rank r the sums of all ranks'; the others
 * stay as they were.  at: [size+1] */
void world_sum(float *x, const size_t at[]);
double world_add(double x); /* the sum of all ranks' x */
long world_most(long x);    /* the largest x */
/* Dies, naming two ranks, where this value, a hash of what is so called ("the rows"), is not rank
 * 0's. */
void world_same(const char *what, uint64_t value);

#endif
