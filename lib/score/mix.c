/* SPDX-License-Identifier: MIT */
/* mix.c - see mix.h. */
#include "mix.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../base/memory.h"

/* What is less than this apart, in rows, is equal: 0.29 * 100 is a bit below 29. */
static const double rounding = 1e-6;

static int one_file(const char *a, const char *b)
{
	struct stat s, t;

	return !strcmp(a, b) ||
	       (!stat(a, &s) && !stat(b, &t) && s.st_dev == t.st_dev && s.st_ino == t.st_ino);
}

static void add(struct mix *m, const char *operand)
{
	const char *colon = strrchr(operand, ':');
	char *end = NULL;
	double share = colon ? strtod(colon + 1, &end) : 0;

	if (!colon || colon == operand)
		die_usage("--mix: '%s' is not FILE:SHARE", operand);
	if (end == colon + 1 || *end || !(share > 0 && share <= 1))
		die_usage("--mix: '%s': a share is a number above 0, and at most 1", operand);
	m->path[m->n] = xstrndup(operand, colon - operand);
	m->share[m->n] = share;
	for (int i = 0; i < m->n; i++)
		if (one_file(m->path[i], m->path[m->n]))
			die_usage("--mix: '%s' is named twice", m->path[m->n]);
	m->n++;
}

struct mix *mix_open(char *const operand[], int n)
{
	struct mix *m = xzalloc(1, sizeof *m);
	double sum = 0;

	if (!n)
		die_usage("--mix needs files, as FILE:SHARE");
	m->path = xzalloc(n, sizeof *m->path);
	m->share = xzalloc(n, sizeof *m->share);
	for (int i = 0; i < n; i++)
		add(m, operand[i]);
	for (int i = 0; i < n; i++)
		sum += m->share[i];
	if (fabs(sum - 1) > 0.001 + 1e-12)
		die_usage("--mix: the shares' sum is %.6g, not 1", sum);
	for (int i = 0; i < n; i++)
		m->share[i] /= sum;
	return m;
}

void mix_counts(const struct mix *m, long total, long count[])
{
	double *rest = xalloc(m->n * sizeof *rest);
	long left = total;

	for (int i = 0; i < m->n; i++) {
		double exact = total * m->share[i];

		count[i] = (long)floor(exact + rounding);
		rest[i] = exact - count[i];
		left -= count[i];
	}
	for (; left > 0; left--) {
		int most = 0;

		for (int i = 1; i < m->n; i++)
			if (rest[i] > rest[most] + rounding)
				most = i;
		count[most]++;
		rest[most] -= 1;
	}
	free(rest);
}

static int fits(const struct mix *m, long total, const long there[], long count[])
{
	mix_counts(m, total, count);
	for (int i = 0; i < m->n; i++)
		if (count[i] > there[i])
			return 0;
	return 1;
}

/* A count is the exact share rounded down or up, so that no total above the least (there + 1) /
 * share fits. */
long mix_most(const struct mix *m, const long there[])
{
	long *count = xalloc(m->n * sizeof *count), total = 0;

	for (int i = 0; i < m->n; i++)
		total += there[i];
	for (int i = 0; i < m->n; i++)
		total = (long)fmin(total, (there[i] + 1) / m->share[i]);
	while (total && !fits(m, total, there, count))
		total--;
	free(count);
	return total;
}

void mix_close(struct mix *m)
{
	if (!m)
		return;
	for (int i = 0; i < m->n; i++)
		free(m->path[i]);
	free(m->path);
	free(m->share);
	free(m);
}
