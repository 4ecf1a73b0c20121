/* SPDX-License-Identifier: MIT */
/* mask.c - see mask.h. */
#include "mask.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl.h"

#define AT(field) offsetof(struct mask_opts, field)

/* clang-format off */
const struct opt mask_options[] = {
	{"mask-tokens", 0, OPT_TEXT, AT(path), "FILE", "a number for each token, from seal-score", 0, 0},
	{"mask-above", 0, OPT_TEXT, AT(above), "X", "do not train tokens whose number is above X", 0, 1},
	{"mask-below", 0, OPT_TEXT, AT(below), "X", "do not train tokens whose number is below X", 0, 1},
	{0},
};
/* clang-format on */

struct mask {
	struct zin *in;
	double above, below; /* infinite where there is no bound */
	long line;
};

static double bound(const char *option, const char *text, double otherwise)
{
	char *end = NULL;
	double x = text ? strtod(text, &end) : otherwise;

	if (text && (end == text || *end || isnan(x)))
		die_usage("%s: '%s' is not a number", option, text);
	return x;
}

struct mask *mask_open(const struct mask_opts *o)
{
	struct mask *m;

	if (!o->path != (!o->above && !o->below))
		die_usage("--mask-tokens goes with --mask-above or --mask-below");
	if (!o->path)
		return NULL;
	m = xzalloc(1, sizeof *m);
	m->above = bound("--mask-above", o->above, INFINITY);
	m->below = bound("--mask-below", o->below, -INFINITY);
	m->in = zin_open(o->path);
	return m;
}

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
		const json_t *x = json_array_get(all, t);

		if (json_is_number(x) &&
		    (json_number_value(x) > m->above || json_number_value(x) < m->below))
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
