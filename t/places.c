/* SPDX-License-Identifier: MIT */
/* places.c - numbers under keys, against plain search. */
#include <inttypes.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/base/num.h"
#include "../lib/base/rng.h"
#include "../lib/rows/places.h"
#include "tap.h"

enum { N = 20000 };

/* Counts a wrong answer, and prints the first. */
static void wrong(long *n, uint64_t key, const char *what)
{
	if (!(*n)++)
		printf("# first: key %016" PRIx64 " %s\n", key, what);
}

/* Many keys one by one, some of them twice: shift 0 spreads them, 40 puts all at one end,
 * -40 at the other. */
static void one_by_one(struct rng *r, int shift, long n, const char *name)
{
	struct places *t = places_new();
	uint64_t *key = xalloc((n + 1) * sizeof *key);
	long bad = 0, fresh = 0, unique = n != 0;

	for (long i = 0; i < n; i++) {
		uint64_t k = rng_next(r);
		uint32_t *at;

		k = shift < 0 ? k | ~(uint64_t)0 << -shift : k >> shift;
		key[i] = i && !rng_below(r, 4) ? key[rng_below(r, i)] : k;
		at = places_find(t, key[i]);
		if (!*at) {
			*at = i + 1;
			fresh++;
		}
		if (key[*at - 1] != key[i])
			wrong(&bad, key[i], "has the number of another key");
	}
	for (long i = 0; i < n; i++)
		if (!places_look(t, key[i]) || key[*places_look(t, key[i]) - 1] != key[i])
			wrong(&bad, key[i], "is not found again");
	for (long i = 0; i < 1000; i++) {
		uint64_t other = rng_next(r) ^ 1;
		const uint32_t *at = places_look(t, other);

		if (at && key[*at - 1] != other)
			wrong(&bad, other, "is found, which never came");
	}
	qsort(key, n, sizeof *key, u64_order);
	for (long i = 1; i < n; i++)
		unique += key[i] != key[i - 1];
	ok(!bad && fresh == unique, "%s: %ld keys, %ld different", name, n, fresh);
	places_free(t);
	free(key);
}

static void forgotten(void)
{
	struct places *t = places_new();

	ok(!*places_find(t, 7) && !places_look(t, 7), "a key without a number is not there");
	*places_find(t, 7) = 5;
	ok(*places_find(t, 7) == 5 && *places_look(t, 7) == 5 && !places_look(t, 8),
	   "with one, it is");
	places_free(t);
	places_free(NULL);
}

int main(void)
{
	struct rng r = rng_new(5, 6);

	one_by_one(&r, 0, 0, "none");
	one_by_one(&r, 0, N, "spread");
	one_by_one(&r, 40, N, "at the beginning");
	one_by_one(&r, -40, N, "at the end");
	forgotten();
	return tap_done();
}
