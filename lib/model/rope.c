/* SPDX-License-Identifier: MIT */
/* rope.c - see rope.h. */
#include "rope.h"

#include <math.h>
#include <string.h>

int rope_begin(struct rope *r, int pairs, double theta, struct fault *f)
{
	memset(r, 0, sizeof *r);
	r->pairs = pairs;
	r->amplitude = 1;
	if (pairs > ROPE_PAIRS)
		return fault(f, "%d rotary columns a head are more than %d", 2 * pairs,
		             2 * ROPE_PAIRS);
	if (!(theta > 0) || !isfinite(theta))
		return fault(f, "rotary base %g", theta);
	for (int j = 0; j < pairs; j++)
		r->rate[0][j] = pow(theta, -(double)j / pairs);
	return 0;
}

int rope_linear(struct rope *r, double factor, struct fault *f)
{
	if (!(factor > 0) || !isfinite(factor))
		return fault(f, "linear rope scaling by %g", factor);
	for (int j = 0; j < r->pairs; j++) {
		r->rate[0][j] /= factor;
		r->rate[1][j] /= factor;
	}
	return 0;
}

/* The pair, of so many, that turns `turns` times over the original context. */
static double pair_of(double turns, int pairs, double theta, double original)
{
	return pairs * log(original / (turns * 2 * M_PI)) / log(theta);
}

int rope_yarn(struct rope *r, double theta, double factor, double original, struct fault *f)
{
	double low, high;

	if (!(factor > 0) || !isfinite(factor) || !(original >= 1) || !(theta > 1) || r->original)
		return fault(f,
		             "yarn with factor %g, original context length %g and rotary base "
		             "%g%s",
		             factor, original, theta, r->original ? ", beside longrope" : "");
	low = fmax(0, floor(pair_of(32, r->pairs, theta, original)));
	high = fmin(2 * r->pairs - 1, ceil(pair_of(1, r->pairs, theta, original)));
	if (!(high >= low))
		return fault(f, "yarn with an original context length of %g", original);
	for (int j = 0; j < r->pairs; j++) {
		double share = fmin(1, fmax(0, (j - low) / fmax(.001, high - low)));

		r->rate[0][j] *= share / factor + 1 - share;
	}
	r->amplitude = (float)(factor > 1 ? 1 + .1 * log(factor) : 1);
	return 0;
}

int rope_llama3(struct rope *r, double factor, double low, double high, double original,
                struct fault *f)
{
	if (!(factor > 0) || !isfinite(factor) || !(low > 0) || !(high > low) || !isfinite(high) ||
	    !(original >= 1))
		return fault(f,
		             "llama3 rope scaling with factor %g, low_freq_factor %g, "
		             "high_freq_factor %g, "
		             "original_max_position_embeddings %g",
		             factor, low, high, original);
	for (int j = 0; j < r->pairs; j++) {
		double rate = r->rate[0][j], waves = original * rate / (2 * M_PI);
		double share = fmin(1, fmax(0, (waves - low) / (high - low)));

		r->rate[0][j] = (1 - share) * rate / factor + share * rate;
	}
	return 0;
}

int rope_longrope(struct rope *r, double original, double factor, double amplitude, struct fault *f)
{
	if (!(original >= 2) || original > 1 << 30 || !isfinite(factor) || !isfinite(amplitude) ||
	    amplitude < 0)
		return fault(f,
		             "longrope with original_max_position_embeddings %g, factor %g, "
		             "attention factor %g",
		             original, factor, amplitude);
	r->original = (long)original;
	r->amplitude = (float)(amplitude > 0 ? amplitude
	                       : factor > 1  ? sqrt(1 + log(factor) / log(original))
	                                     : 1);
	return 0;
}

int rope_divide(struct rope *r, double *into, int j, double by, const char *name, struct fault *f)
{
	if (!(by > 0) || !isfinite(by))
		return fault(f, "%s: factor %d is %g", name, j, by);
	into[j] = r->rate[0][j] / by;
	return 0;
}

int rope_check(const struct rope *r, struct fault *f)
{
	for (int j = 0; j < r->pairs; j++)
		if (!isfinite(r->rate[0][j]) || !isfinite(r->rate[1][j]))
			return fault(f, "the rotary frequency of pair %d is not finite", j);
	return isfinite(r->amplitude) ? 0 : fault(f, "the rotary amplitude is not finite");
}

void rope_table(const struct rope *r, float *table, long entries)
{
	for (long i = 0; i < entries; i++)
		for (int j = 0; j < r->pairs; j++) {
			double angle = r->original ? i / 2 * r->rate[i % 2][j] : i * r->rate[0][j];

			table[(2 * i) * r->pairs + j] = (float)(r->amplitude * cos(angle));
			table[(2 * i + 1) * r->pairs + j] = (float)(r->amplitude * sin(angle));
		}
}
