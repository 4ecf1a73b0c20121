/* SPDX-License-Identifier: MIT */
/* mask.c - see mask.h. */
#include "mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../format/jsonl.h"

#define AT(field) offsetof(struct mask_opts, field)

/* clang-format off */
const struct opt mask_options[] = {
	{"mask-tokens", 0, OPT_TEXT, AT(path), "FILE", "a number for each token, from seal-score", 0, 0},
	{"mask-above", 0, OPT_TEXT, AT(above), "X|P%",
		"do not train tokens whose number is above X, or in the highest P%", 0, 1},
	{"mask-below", 0, OPT_TEXT, AT(below), "X|P%",
		"do not train tokens whose number is below X, or in the lowest P%", 0, 1},
	{"mask-window", 0, OPT_COUNT, AT(window), "N",
		"take the mean of the numbers of N tokens for that of the one in their midst", 1, 1},
	{0},
};
/* clang-format on */

struct mask {
	struct zin *in;
	double above, below; /* infinite where there is no bound */
	long window, line;
};

/* The next line's object, owned; NULL at the end. */
static json_t *next(struct mask *m)
{
	size_t n, raw;
	const char *line = zin_line(m->in, &n, &raw);
	struct fault f;
	json_t *j;

	m->line++;
	if (!line)
		return NULL;
	j = json_parse(line, n, &f);
	if (!j)
		die("%s:%ld: %s", zin_name(m->in), m->line, f.text);
	if (!json_is_string(json_object_get(j, "id")) ||
	    !json_is_array(json_object_get(j, "tokens")))
		die("%s:%ld: no \"id\" and \"tokens\"", zin_name(m->in), m->line);
	return j;
}

/* The mean of the numbers of the tokens around t; NaN where t has none. */
static double number_at(const struct mask *m, const json_t *all, long t)
{
	double sum = 0;
	long n = 0;

	if (!json_is_number(json_array_get(all, t)))
		return NAN;
	for (long k = long_max(0, t - (m->window - 1) / 2); k <= t + m->window / 2; k++) {
		const json_t *x = json_array_get(all, k);

		if (json_is_number(x)) {
			sum += json_number_value(x);
			n++;
		}
	}
	return sum / n;
}

/* All numbers of the file in order, owned. */
static double *sorted(struct mask *m, const char *path, long *n)
{
	double *x = NULL;
	long room = 0;
	json_t *line;

	m->in = zin_open(path);
	m->line = *n = 0;
	while ((line = next(m))) {
		const json_t *all = json_object_get(line, "tokens");
		long tokens = (long)json_array_size(all);

		if (*n + tokens > room)
			x = xrealloc(x, (room = 2 * (*n + tokens)) * sizeof *x);
		for (long t = 0; t < tokens; t++)
			if (!isnan(x[*n] = number_at(m, all, t)))
				++*n;
		json_decref(line);
	}
	zin_close(m->in);
	if (*n)
		qsort(x, *n, sizeof *x, double_order);
	return x;
}

/* The bound with at most this share of the file's numbers beyond it. */
static double bound_of(struct mask *m, const char *path, double share, int above)
{
	long n, out;
	double *x = sorted(m, path, &n), bound;

	if (!n)
		die("%s: no numbers", path);
	out = (long)(share * n);
	bound = x[above ? n - 1 - out : out];
	free(x);
	return bound;
}

static double bound(struct mask *m, const char *path, const char *option, const char *text,
                    int above)
{
	char *end = NULL;
	double x = text ? strtod(text, &end) : above ? INFINITY : -INFINITY;
	int share = text && !strcmp(end, "%");

	if (text && (end == text || (*end && !share) || isnan(x)))
		die_usage("%s: '%s' is not a number", option, text);
	if (share && !(x > 0 && x < 100))
		die_usage("%s: '%s' is not between 0%% and 100%%", option, text);
	return share ? bound_of(m, path, x / 100, above) : x;
}

struct mask *mask_open(const struct mask_opts *o)
{
	struct mask *m;

	if (!o->path != (!o->above && !o->below))
		die_usage("--mask-tokens goes with --mask-above or --mask-below");
	if (!o->path && o->window > 1)
		die_usage("--mask-window goes with --mask-tokens");
	if (!o->path)
		return NULL;
	m = xzalloc(1, sizeof *m);
	m->window = o->window;
	m->above = bound(m, o->path, "--mask-above", o->above, 1);
	m->below = bound(m, o->path, "--mask-below", o->below, 0);
	m->in = zin_open(o->path);
	m->line = 0;
	return m;
}

/* The numbers of a row, owned in *line. */
static const json_t *numbers_of(struct mask *m, const char *id, json_t **line)
{
	while ((*line = next(m)) && strcmp(json_text(*line, "id", ""), id))
		json_decref(*line);
	if (!*line)
		die("%s: has no numbers for the row %s, or in another order", zin_name(m->in), id);
	return json_object_get(*line, "tokens");
}

long mask_row(struct mask *m, const char *id, uint8_t train[], long n)
{
	json_t *line;
	const json_t *all = numbers_of(m, id, &line);
	long left = 0;

	if ((long)json_array_size(all) != n)
		die("%s:%ld: %ld numbers for the %ld tokens of the row %s: other options, or "
		    "another tokenizer",
		    zin_name(m->in), m->line, (long)json_array_size(all), n, id);
	for (long t = 0; t < n; t++) {
		double x = number_at(m, all, t);

		if (x > m->above || x < m->below) /* NaN is neither */
			train[t] = 0;
		left += train[t];
	}
	json_decref(line);
	return left;
}

void mask_close(struct mask *m)
{
	if (!m)
		return;
	zin_close(m->in);
	free(m);
}
