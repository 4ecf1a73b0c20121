/* SPDX-License-Identifier: MIT */
/* dsir_grams.h - the hashed n-grams of DSIR. */
#ifndef SEAL_DSIR_GRAMS_H
#define SEAL_DSIR_GRAMS_H

#include <stddef.h>
#include <stdint.h>

enum { DSIR_BUCKETS = 10000 };

struct grams {
	uint16_t *p; /* owned by the caller, who frees it */
	long n, cap;
};
struct gram_cache; /* for one thread */
struct gram_cache *gram_cache_open(void);
void gram_cache_close(struct gram_cache *);
/* Appends the bucket of every word and every pair of neighbours of a text in valid
 * UTF-8, in their order: a hash modulo DSIR_BUCKETS. */
void grams_add(struct grams *, const char *text, size_t n, struct gram_cache *);

#endif
