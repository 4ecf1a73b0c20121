/* SPDX-License-Identifier: MIT */
/* mix.c - counts by the largest remainder, against whole numbers; the most that can be mixed,
 * against trying all totals. */
#include "../lib/score/mix.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "tap.h"

enum { FILES = 5, TRIES = 3000 };

static struct rng rng;

/* Shares in thousandths that are 1000 together. */
static struct mix *make(int thousandths[], int n)
{
	char *operand[FILES];
	struct mix *m;
	int left = 1000;

	for (int i = 0; i < n; i++) {
		thousandths[i] = i + 1 < n ? 1 + (int)rng_below(&rng, left - (n - i - 1)) : left;
		if (i + 1 < n && !rng_below(&rng, 3)) /* equal remainders */
			thousandths[i] = left / (n - i);
		left -= thousandths[i];
		operand[i] = xprintf("dir:%d/file:%d.%03d", i, thousandths[i] / 1000,
		                     thousandths[i] % 1000);
	}
	m = mix_open(operand, n);
	for (int i = 0; i < n; i++)
		free(operand[i]);
	return m;
}

static void exact_counts(const int thousandths[], int n, long total, long count[])
{
	long left = total, rest[FILES];

	for (int i = 0; i < n; i++) {
		count[i] = total * thousandths[i] / 1000;
		rest[i] = total * thousandths[i] % 1000;
		left -= count[i];
	}
	for (; left; left--) {
		int most = 0;

		for (int i = 1; i < n; i++)
			if (rest[i] > rest[most])
				most = i;
		count[most]++;
		rest[most] = -1;
	}
}

int main(void)
{
	long bad = -1, bad_most = -1;
	char *thirds[] = {"a:.333", "b:.333", "c:.333"};
	struct mix *m = mix_open(thirds, 3);
	long count[FILES];

	mix_counts(m, 10, count);
	ok(count[0] == 4 && count[1] == 3 && count[2] == 3, "thirds of ten, of sum .999");
	mix_close(m);
	rng = rng_new(3, 0);
	for (long t = 0; t < TRIES; t++) {
		int part[FILES], n = 1 + rng_below(&rng, FILES), fits = 1;
		long got[FILES], want[FILES], there[FILES], total = rng_below(&rng, 100000), sum = 0;
		long most = 0;

		m = make(part, n);
		mix_counts(m, total, got);
		exact_counts(part, n, total, want);
		if (memcmp(got, want, n * sizeof *got) && bad < 0)
			bad = t;
		for (int i = 0; i < n; i++)
			sum += there[i] = rng_below(&rng, 60);
		for (total = 1; total <= sum; total++) {
			exact_counts(part, n, total, want);
			fits = 1;
			for (int i = 0; i < n; i++)
				fits &= want[i] <= there[i];
			most = fits ? total : most;
		}
		if (mix_most(m, there) != most && bad_most < 0)
			bad_most = t;
		mix_close(m);
	}
	all_right(TRIES, bad, "counts are those of whole numbers");
	all_right(TRIES, bad_most, "no larger total fits");
	return tap_done();
}
