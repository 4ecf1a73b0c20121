/* SPDX-License-Identifier: MIT */
/* interval.c - Wilson's interval of a share and the bootstrap's of a mean; see interval.h. */
#include "interval.h"

#include <math.h>
#include <stdlib.h>

#include "../base/buf.h"
#include "../base/memory.h"
#include "../base/rng.h"

enum { SAMPLES = 10000 };

static const double z = 1.959963984540054; /* of a normal variable 95 % lie within z deviations */

struct interval interval_share(double k, double n)
{
	double p = k / n, wide = 1 + z * z / n;
	double middle = (p + z * z / (2 * n)) / wide;
	double half = z * sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / wide;

	if (!(n > 0))
		return (struct interval){NAN, NAN, NAN};
	/* at shares of 0 and 1 one root is the share itself, up to rounding */
	return (struct interval){p, k > 0 ? middle - half : 0, k < n ? middle + half : 1};
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

struct interval interval_mean(const double v[], long n)
{
	struct rng rng = rng_new(0, 0);
	double *mean = xalloc(SAMPLES * sizeof *mean), sum = 0;
	struct interval i;

	if (n < 1) {
		free(mean);
		return (struct interval){NAN, NAN, NAN};
	}
	for (long k = 0; k < n; k++)
		sum += v[k];
	for (int s = 0; s < SAMPLES; s++) {
		double drawn = 0;

		for (long k = 0; k < n; k++)
			drawn += v[rng_below(&rng, n)];
		mean[s] = drawn / n;
	}
	qsort(mean, SAMPLES, sizeof *mean, by_value);
	i = (struct interval){sum / n, mean[SAMPLES / 40], mean[SAMPLES - 1 - SAMPLES / 40]};
	free(mean);
	return i;
}

struct interval interval_values(const double v[], long n)
{
	double sum = 0;

	for (long k = 0; k < n; k++) {
		if (v[k] != 0 && v[k] != 1)
			return interval_mean(v, n);
		sum += v[k];
	}
	return interval_share(sum, n);
}

void interval_set_ends(json_t *object, const char *name, struct interval i)
{
	struct buf key = {0};

	buf_fmt(&key, "%s_ci", name);
	json_object_set_new(object, key.p,
	                    isnan(i.low) ? json_null() : json_pack("[f, f]", i.low, i.high));
	buf_free(&key);
}

void interval_set(json_t *object, const char *name, struct interval i)
{
	json_object_set_new(object, name, real_or_null(i.mean));
	interval_set_ends(object, name, i);
}
