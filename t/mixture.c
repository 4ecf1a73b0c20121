/* SPDX-License-Identifier: MIT */
/* mixture.c - one group of numbers or two: mixtures that are known, the likelihood written out, and
 * numbers in which there are no two groups. */
#include "../lib/score/mixture.h"

#include <stdlib.h>

#include "../lib/base/rng.h"
#include "tap.h"

enum { N = 4000, TIMES = 60 };

static double normal(struct rng *r) /* Box and Muller */
{
	double u = 1 - rng_unit(r), v = rng_unit(r);

	return sqrt(-2 * log(u)) * cos(2 * M_PI * v);
}

/* n numbers, of which each is from the upper group by its share. */
static void draw(struct rng *r, const struct mixture *m, double x[], long n)
{
	for (long i = 0; i < n; i++) {
		const struct normal *g = rng_unit(r) < m->upper.share ? &m->upper : &m->lower;

		x[i] = g->mean + g->deviation * normal(r);
	}
}

/* The formulas of the header, as they stand there. */
static double part(const struct normal *g, double x)
{
	return g->share * exp(-pow(x - g->mean, 2) / (2 * pow(g->deviation, 2))) /
	       (g->deviation * sqrt(2 * M_PI));
}

static double likelihood(const struct mixture *m, const double x[], long n)
{
	double sum = 0;

	for (long i = 0; i < n; i++)
		sum += log(part(&m->lower, x[i]) + part(&m->upper, x[i]));
	return sum;
}

static double bic_of_one(const double x[], long n)
{
	struct normal g = {.share = 1};
	double sum = 0;

	for (long i = 0; i < n; i++)
		g.mean += x[i] / n;
	for (long i = 0; i < n; i++)
		sum += pow(x[i] - g.mean, 2);
	g.deviation = sqrt(sum / n);
	sum = 0;
	for (long i = 0; i < n; i++)
		sum += log(part(&g, x[i]));
	return -2 * sum + 2 * log(n);
}

/* The most that the likelihood gains when one parameter is moved a little. */
static double slack(const struct mixture *m, const double x[], long n)
{
	double here = likelihood(m, x, n), most = -INFINITY;

	for (int p = 0; p < 10; p++) {
		struct mixture to = *m;
		double step = (p & 1 ? 0.02 : -0.02) * m->lower.deviation;

		switch (p / 2) {
		case 0: to.lower.mean += step; break;
		case 1: to.upper.mean += step; break;
		case 2: to.lower.deviation += step; break;
		case 3: to.upper.deviation += step; break;
		case 4:
			to.lower.share += (p & 1 ? 0.005 : -0.005);
			to.upper.share = 1 - to.lower.share;
		}
		most = fmax(most, likelihood(&to, x, n) - here);
	}
	return most;
}

/* The probabilities: Bayes' formula between the means, and nowhere do they fall. */
static void probabilities(const struct mixture *m, const char *name)
{
	double off = 0, last = 0, from = m->lower.mean, to = m->upper.mean;
	int rises = 1;

	for (int i = 0; i <= 100; i++) {
		double x = from + (to - from) * i / 100, upper = part(&m->upper, x);

		off = fmax(off, fabs(mixture_upper(m, x) - upper / (upper + part(&m->lower, x))));
	}
	for (int i = -1000; i <= 1000; i++) {
		double p = mixture_upper(m, from + (to - from) * i / 50);

		rises &= p >= last;
		last = p;
	}
	ok(off < 1e-12, "%s: between the means the probability is Bayes' (off by %.1e)", name, off);
	ok(rises && last > 0.5, "%s: and it never falls", name);
}

static const struct known {
	const char *name;
	struct mixture m;
} known[] = {
	{"apart", {.lower = {0.3, -3, 1}, .upper = {0.7, 3, 1}}},
	{"few below", {.lower = {0.05, -4, 0.5}, .upper = {0.95, 1, 1}}},
	{"few above", {.lower = {0.9, 100, 10}, .upper = {0.1, 170, 15}}},
	{"the lower is wide", {.lower = {0.4, -0.02, 0.02}, .upper = {0.6, 0.03, 0.004}}},
	{"the upper is wide", {.lower = {0.5, 1e6, 1}, .upper = {0.5, 1e6 + 8, 3}}},
};

static void recovered(struct rng *r, const struct known *k)
{
	static double x[N];
	struct mixture m;
	double unit = fmax(k->m.lower.deviation, k->m.upper.deviation);

	draw(r, &k->m, x, N);
	m = mixture_fit(x, N);
	ok(m.two, "%s: two groups", k->name);
	ok(fabs(m.lower.share - k->m.lower.share) < 0.03 &&
	           fabs(m.lower.share + m.upper.share - 1) < 1e-9,
	   "%s: their shares", k->name);
	ok(fabs(m.lower.mean - k->m.lower.mean) < 0.15 * unit &&
	           fabs(m.upper.mean - k->m.upper.mean) < 0.15 * unit,
	   "%s: their means", k->name);
	ok(fabs(m.lower.deviation / k->m.lower.deviation - 1) < 0.15 &&
	           fabs(m.upper.deviation / k->m.upper.deviation - 1) < 0.15,
	   "%s: their deviations", k->name);
	ok(slack(&m, x, N) < 1e-3, "%s: no parameter can be bettered (%.1e)", k->name,
	   slack(&m, x, N));
	near(m.gain, bic_of_one(x, N) + 2 * likelihood(&m, x, N) - 5 * log(N), 1e-7,
	     "the gain is that of the two BICs");
	probabilities(&m, k->name);
}

static int same_normal(const struct normal *a, const struct normal *b)
{
	return !memcmp(a, b, sizeof *a);
}

static int equal(const struct mixture *a, const struct mixture *b)
{
	return a->two == b->two && a->gain == b->gain && same_normal(&a->lower, &b->lower) &&
	       same_normal(&a->upper, &b->upper);
}

/* The numbers' order makes no difference; another measure, or the other direction, only its own. */
static void measures(struct rng *r)
{
	static double x[N], turned[N];
	struct mixture a, b;

	draw(r, &known[0].m, x, N);
	a = mixture_fit(x, N);
	for (long i = 0; i < N; i++)
		turned[i] = x[N - 1 - i];
	b = mixture_fit(turned, N);
	ok(equal(&a, &b), "another order: the same bits");
	for (long i = 0; i < N; i++)
		turned[i] = 1000 * x[i] + 5;
	b = mixture_fit(turned, N);
	ok(fabs(b.upper.mean - (1000 * a.upper.mean + 5)) < 1e-6 &&
	           fabs(b.lower.deviation - 1000 * a.lower.deviation) < 1e-6 &&
	           fabs(b.gain - a.gain) < 1e-6,
	   "another measure: the same groups");
	for (long i = 0; i < N; i++)
		turned[i] = -x[i];
	b = mixture_fit(turned, N);
	ok(fabs(b.upper.mean + a.lower.mean) < 1e-3 && fabs(b.upper.share - a.lower.share) < 1e-3,
	   "the other direction: the other way round");
	turned[0] = NAN;
	turned[1] = INFINITY;
	turned[2] = -INFINITY;
	a = mixture_fit(turned, N);
	b = mixture_fit(turned + 3, N - 3);
	ok(a.two && equal(&a, &b), "what is not finite is passed over");
}

/* of: what there is no second group in */
static void one(const double x[], long n, const char *of)
{
	struct mixture m = mixture_fit(x, n);

	ok(!m.two, "%s: one group", of);
}

static void no_two(struct rng *r)
{
	static double x[N];
	const struct mixture single = {.lower = {0, 0, 1}, .upper = {1, 5, 2}};
	int two = 0;

	for (int k = 0; k < TIMES; k++) {
		draw(r, &single, x, 500);
		two += mixture_fit(x, 500).two;
	}
	ok(!two, "one normal, %d times: one group (%d times two)", TIMES, two);
	draw(r, &single, x, N);
	near(mixture_fit(x, N).upper.mean, 5, 0.05, "its mean");
	near(mixture_fit(x, N).lower.deviation, 2, 0.05, "its deviation");
	x[0] = 1000;
	one(x, N, "a number far above");
	x[1] = -1000;
	one(x, N, "and one far below");
	for (int i = 0; i < N;
	     i++) /* Student's t with 3 degrees of freedom: a normal by a random scale */
		x[i] = normal(r) /
		       sqrt((pow(normal(r), 2) + pow(normal(r), 2) + pow(normal(r), 2)) / 3);
	one(x, N, "heavy tails");
	for (int i = 0; i < N; i++)
		x[i] = i % 2 * 100 + rng_unit(r);
	one(x, 0, "nothing");
	one(x, 19, "two clear groups of 9 and 10");
	ok(mixture_fit(x, 20).two, "of 10 and 10: two groups");
	for (int i = 0; i < N; i++)
		x[i] = 7.1;
	one(x, N, "equal numbers");
	for (int i = 0; i < N; i++)
		x[i] = 8;
	one(x, N, "equal numbers whose mean is exact");
	for (int i = 0; i < N; i++)
		x[i] = i % 2 ? 1e308 : -1e308;
	one(x, N, "numbers whose squares are beyond a double");
}

int main(void)
{
	struct rng r = rng_new(3, 1);

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		recovered(&r, &known[i]);
	measures(&r);
	no_two(&r);
	return tap_done();
}
