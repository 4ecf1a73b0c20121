/* SPDX-License-Identifier: MIT */
/* dsir_grams.h - the hashed n-grams of DSIR: a text's words, and its pairs of words. */
#ifndef SEAL_DSIR_GRAMS_H
#define SEAL_DSIR_GRAMS_H

#include <stddef.h>
#include <stdint.h>

enum { DSIR_BUCKETS = 10000 };

/* Buckets, from 0 to DSIR_BUCKETS-1; begins as {0}. */
struct grams {
	uint16_t *p; /* [n]; the caller frees it */
	long n, room;
};

/* What was hashed lately; each thread has its own. */
struct gram_cache;
struct gram_cache *gram_cache_open(void);
void gram_cache_close(struct gram_cache *);
/* Appends the bucket of every word and of every two neighbours of a text of n bytes in valid
 * UTF-8, in their order. */
void grams_add(struct grams *, const char *text, size_t n, struct gram_cache *);

#endif
