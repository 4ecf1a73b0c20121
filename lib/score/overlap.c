/* SPDX-License-Identifier: MIT */
/* overlap.c - see overlap.h. */
#include "overlap.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "minhash.h"

/* Of two rows 80 % alike about 26 of 32 least hashes are equal. */
enum { SKETCH = 32, NEAR = 26 };

struct sketch {
	uint64_t whole; /* hash of all tokens */
	uint32_t least[SKETCH];
};

static uint64_t whole(const struct tokens_row *r)
{
	return hash_bytes(r->token, r->n * sizeof *r->token);
}

static struct sketch sketch_of(const struct tokens_row *r)
{
	struct sketch s = {.whole = whole(r)};
	struct shingles all = {0};

	for (long t = 0; t + SHINGLE <= r->n; t++)
		shingles_add(&all, r->token + t, SHINGLE * sizeof *r->token, 0);
	minhash(&all, s.least, SKETCH);
	shingles_free(&all);
	return s;
}

static int near(const struct sketch *a, const struct sketch *b)
{
	int same = 0;

	for (int k = 0; k < SKETCH; k++)
		same += a->least[k] == b->least[k];
	return same >= NEAR;
}

/* The hashes of all rows' tokens, ascending; owned. */
static uint64_t *wholes(const struct tokens *t)
{
	uint64_t *hash = xalloc(t->rows * sizeof *hash);

	for (long i = 0; i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);

		hash[i] = whole(&r);
	}
	qsort(hash, t->rows, sizeof *hash, u64_order);
	return hash;
}

long overlap_equal(const struct tokens *a, const struct tokens *b)
{
	uint64_t *hash = wholes(a);
	long n = 0;

	for (long i = 0; i < b->rows; i++) {
		struct tokens_row r = tokens_row(b, i);
		uint64_t h = whole(&r);

		n += bsearch(&h, hash, a->rows, sizeof *hash, u64_order) != NULL;
	}
	free(hash);
	return n;
}

/* Whether a row is nearly one of n sketched ones, and equal to none. */
static int near_one(const struct sketch *s, const struct sketch *all, long n)
{
	int found = 0;

	for (long i = 0; i < n; i++) {
		if (s->whole == all[i].whole)
			return 0;
		found |= near(s, &all[i]);
	}
	return found;
}

long overlap_near(const struct tokens *a, const struct tokens *b, int threads)
{
	struct sketch *all = xalloc(a->rows * sizeof *all);
	long n = 0;

#pragma omp parallel for num_threads(threads)
	for (long i = 0; i < a->rows; i++) {
		struct tokens_row r = tokens_row(a, i);

		all[i] = sketch_of(&r);
	}
#pragma omp parallel for num_threads(threads) reduction(+ : n)
	for (long i = 0; i < b->rows; i++) {
		struct tokens_row r = tokens_row(b, i);
		struct sketch s = sketch_of(&r);

		n += near_one(&s, all, a->rows);
	}
	free(all);
	return n;
}

static void warn_of(long n, long of, const char *what, const char *where)
{
	if (n)
		notice("%ld of %ld %s %s", n, of, what, where);
}

void overlap_warn(const struct tokens *data, const struct tokens *safe, const struct tokens *danger,
                  int threads)
{
	warn_of(overlap_equal(safe, data), data->rows, "rows to be scored are also",
	        "trusted rows");
	if (!danger)
		return;
	warn_of(overlap_equal(data, danger), danger->rows, "bad rows are also",
	        "among the rows to be scored");
	warn_of(overlap_near(data, danger, threads), danger->rows, "bad rows are nearly",
	        "one of the rows to be scored");
	warn_of(overlap_equal(safe, danger), danger->rows, "bad rows are also",
	        "among the trusted rows");
}
