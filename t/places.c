/* SPDX-License-Identifier: MIT */
/* places.c - numbers under keys, and items in order, against plain search. */
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/base/pages.h"
#include "../lib/base/rng.h"
#include "../lib/rows/places.h"
#include "tap.h"

enum { N = 20000 };

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Many keys one by one, some of them twice: shift 0 spreads them, 40 puts all at one end, -40 at the other. */
static void one_by_one(struct rng *r, int shift, long n, const char *name)
{
	struct places *t = places_new();
	uint64_t *key = xalloc(n * sizeof *key);
	long wrong = 0, fresh = 0, unique = n != 0;

	for (long i = 0; i < n; i++) {
		uint32_t *at;

		key[i] = i && !rng_below(r, 4) ? key[rng_below(r, i)] : rng_next(r);
		key[i] = shift < 0 ? key[i] | ~(uint64_t)0 << -shift : shift && key[i] >> 32 ? key[i] >> shift : key[i];
		at = places_find(t, key[i]);
		if (!*at) {
			*at = i + 1;
			fresh++;
		}
		wrong += key[*at - 1] != key[i];
	}
	for (long i = 0; i < n; i++)
		wrong += !places_look(t, key[i]) || key[*places_look(t, key[i]) - 1] != key[i];
	for (long i = 0; i < 1000; i++) {
		uint64_t other = rng_next(r) ^ 1;
		const uint32_t *at = places_look(t, other);

		wrong += at && key[*at - 1] != other;
	}
	qsort(key, n, sizeof *key, by_key);
	for (long i = 1; i < n; i++)
		unique += key[i] != key[i - 1];
	ok(!wrong && fresh == unique, "%s: %ld keys, %ld different", name, n, fresh);
	places_free(t);
	free(key);
}

/* few: how many different keys; 0: all. */
static void at_once(struct rng *r, long n, uint64_t few)
{
	size_t bytes = (n + 5) * sizeof(struct item);
	struct item *p = pages_grow(NULL, 0, bytes);
	uint64_t *key = xalloc((n + 1) * sizeof *key);
	struct places *t;
	long wrong = 0;

	for (long i = 0; i < n; i++) {
		key[i] = few ? rng_below(r, few) * 0x123456789abcdef : rng_next(r);
		p[i] = (struct item){ key[i], i + 1 };
	}
	sort_items(p, n);
	for (long i = 1; i < n; i++)
		wrong += p[i - 1].key > p[i].key || (p[i - 1].key == p[i].key && p[i - 1].at >= p[i].at);
	ok(!wrong, "%ld items, sorted, equal ones as they stood", n);
	t = places_of(p, n, bytes);
	for (long i = 0; i < n; i++) {
		const uint32_t *at = places_look(t, key[i]);

		wrong += !at || key[*at - 1] != key[i] || *at > i + 1;
	}
	ok(!wrong && !places_look(t, 0x5555), "and found, the first of equal ones");
	for (long i = 0; i < 1000; i++) {
		uint32_t *at = places_find(t, (uint64_t)i << 54 | 0x77);

		wrong += *at != 0;
		*at = i + 1;
	}
	for (long i = 0; i < 1000; i++)
		wrong += *places_look(t, (uint64_t)i << 54 | 0x77) != i + 1;
	ok(!wrong, "and more may come");
	places_free(t);
	free(key);
}

int main(void)
{
	struct rng r = rng_new(5, 6);

	one_by_one(&r, 0, 0, "none");
	one_by_one(&r, 0, N, "spread");
	one_by_one(&r, 40, N, "at the beginning");
	one_by_one(&r, -40, N, "at the end");
	at_once(&r, 0, 0);
	at_once(&r, N, 0);
	at_once(&r, N, 50);
	at_once(&r, 1, 1);
	return tap_done();
}
