/* SPDX-License-Identifier: MIT */
/* cache.h - generation: the keys and values of the tokens so far, a slot for each row. */
#ifndef SEAL_CACHE_H
#define SEAL_CACHE_H

#include "engine.h"

struct cache;

/* For up to n rows of up to so many tokens; the engine was opened for as much. */
struct cache *cache_open(struct engine *, const struct params *theta, int n, long positions);
void cache_close(struct cache *);
/* Feeds row slot[i] the tokens token[start[i]..start[i+1]), i < n (each at least one), and sets
 * logits [n x vocab] (host) to those after its last. */
void cache_next(struct cache *, const int32_t *token, const int32_t *start, const int *slot, int n,
                float *logits);
/* The same, and sets best[i] to the likeliest token after row i's last, -1 where the logits are not
 * finite. */
void cache_best(struct cache *, const int32_t *token, const int32_t *start, const int *slot, int n,
                int32_t *best);
/* Forgets all but the first n tokens of a slot. */
void cache_rewind(struct cache *, int slot, long n);

/* Its bytes, and the tokens of its largest pass. */
size_t cache_bytes(const struct model *, long n, long positions);
long cache_tokens(long n, long positions);

#endif
