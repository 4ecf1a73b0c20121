/* SPDX-License-Identifier: MIT */
/* interval.c - Wilson's interval of a share and the bootstrap's of a mean; see interval.h. */
#include "interval.h"

#include <math.h>
#include <stdlib.h>

#include "../base/buf.h"
#include "../base/memory.h"
#include "../base/num.h"
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

struct interval interval_bootstrap(double (*statistic)(void *ctx, const long drawn[], long n),
                                   void *ctx, long n, long samples)
{
	struct rng rng = rng_new(0, 0);
	struct interval i = {NAN, NAN, NAN};
	double *found = xalloc(samples * sizeof *found);
	long *drawn = xalloc(long_max(n, 1) * sizeof *drawn);

	for (long k = 0; k < n; k++)
		drawn[k] = k;
	if (n > 0)
		i.mean = statistic(ctx, drawn, n);
	for (long s = 0; n > 0 && s < samples; s++) {
		for (long k = 0; k < n; k++)
			drawn[k] = (long)rng_below(&rng, n);
		found[s] = statistic(ctx, drawn, n);
	}
	if (n > 0) {
		qsort(found, samples, sizeof *found, double_order);
		i.low = found[samples / 40];
		i.high = found[samples - 1 - samples / 40];
	}
	free(found);
	free(drawn);
	return i;
}

static double mean_of(void *v, const long drawn[], long n)
{
	double sum = 0;

	for (long k = 0; k < n; k++)
		sum += ((const double *)v)[drawn[k]];
	return sum / n;
}

struct interval interval_mean(const double v[], long n)
{
	return interval_bootstrap(mean_of, (void *)v, n, SAMPLES);
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
