/* SPDX-License-Identifier: MIT */
/* dsir.h - importance weights of rows, from hashed n-grams alone (Xie et al. 2023,
 * "Data Selection for Language Models via Importance Resampling"). */
#ifndef SEAL_DSIR_H
#define SEAL_DSIR_H

#include "../rows/schema.h"
#include "scores.h"

enum { DSIR_BUCKETS = 10000 };

struct dsir_opts {
	const char *target;
	struct schema_opts schema;
	int gumbel;
};
extern const struct opt dsir_options[];
/* Dies (usage) on options that make no sense, or when is_method is 0 on any. */
void dsir_check(const struct dsir_opts *, int is_method);

/* Appends the bucket of every word and every pair of neighbours of a text in valid
 * UTF-8, in their order: a hash modulo DSIR_BUCKETS. */
struct grams {
	uint16_t *p;
	long n, cap;
};
struct gram_cache;
struct gram_cache *gram_cache_open(void);
void gram_cache_close(struct gram_cache *);
void grams_add(struct grams *, const char *text, size_t n, struct gram_cache *);

/* --method dsir: reads the target's rows and the rows, and writes for each of the
 * latter, in their order, the log of how much likelier its n-grams are among the
 * target's than among the rows'.  threads 0: all; the bytes do not depend on it.
 * header as for scores_write; gets the target's hash. */
void score_dsir(char *const paths[], int n, const struct dsir_opts *, uint64_t seed, int threads,
                const struct fate_opts *, json_t *header, struct zout *);

#endif
