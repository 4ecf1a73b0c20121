/* SPDX-License-Identifier: MIT */
/* rng.h - random numbers whose state is two words, the same on every machine. */
#ifndef SEAL_RNG_H
#define SEAL_RNG_H

#include <stdint.h>

struct rng {
	uint64_t s[2];
}; /* xoroshiro128++ (Blackman, Vigna 2019) */

struct rng rng_new(uint64_t seed, uint64_t stream);
uint64_t rng_next(struct rng *);
double rng_unit(struct rng *);                       /* uniform in [0, 1) */
uint64_t rng_below(struct rng *, uint64_t n);        /* uniform in 0..n-1, unbiased */
double rng_gumbel(struct rng *);                     /* -log(-log(u)) */
void rng_shuffle(struct rng *, int32_t a[], long n); /* Fisher-Yates */

#endif
