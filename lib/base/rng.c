/* SPDX-License-Identifier: MIT */
/* rng.c - see rng.h. */
#include "rng.h"

#include <math.h>

static uint64_t splitmix(uint64_t *x)
{
	uint64_t z = *x += 0x9e3779b97f4a7c15u;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
	z = (z ^ z >> 27) * 0x94d049bb133111ebu;
	return z ^ z >> 31;
}

struct rng rng_new(uint64_t seed, uint64_t stream)
{
	uint64_t x = seed;
	struct rng r;

	x = splitmix(&x) ^ stream * 0xd1342543de82ef95u;
	r.s[0] = splitmix(&x);
	r.s[1] = splitmix(&x) | 1;
	return r;
}

static uint64_t rotl(uint64_t x, int k) { return x << k | x >> (64 - k); }

uint64_t rng_next(struct rng *r)
{
	uint64_t a = r->s[0], b = r->s[1], out = rotl(a + b, 17) + a;

	b ^= a;
	r->s[0] = rotl(a, 49) ^ b ^ b << 21;
	r->s[1] = rotl(b, 28);
	return out;
}

double rng_unit(struct rng *r) { return (rng_next(r) >> 11) * 0x1p-53; }

uint64_t rng_below(struct rng *r, uint64_t n)
{
	uint64_t low = -n % n, x;

	do
		x = rng_next(r);
	while (x < low);
	return x % n;
}

double rng_gumbel(struct rng *r)
{
	double u;

	do
		u = rng_unit(r);
	while (u == 0);
	return -log(-log(u));
}

void rng_shuffle(struct rng *r, int32_t a[], long n)
{
	for (long i = n - 1; i > 0; i--) {
		long j = (long)rng_below(r, i + 1);
		int32_t t = a[i];

		a[i] = a[j];
		a[j] = t;
	}
}
