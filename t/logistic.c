/* SPDX-License-Identifier: MIT */
/* logistic.c - the logistic regression against scikit-learn's, its own gradient, and its
 * indifference to threads. */
#include "../lib/score/logistic.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/jsonl.h"
#include "tap.h"

/* The rows of a case; sparse ones without their zeros. */
static struct features features(const json_t *c)
{
	const json_t *rows = json_object_get(c, "x");
	struct features x = {.n = (long)json_array_size(rows),
	                     .d = json_integer_value(json_object_get(c, "d"))};
	int sparse = json_integer_value(json_object_get(c, "sparse")) != 0;
	float *value = xalloc(x.n * x.d * sizeof *value);
	int32_t *index = xalloc(x.n * x.d * sizeof *index);
	int64_t *start = xzalloc(x.n + 1, sizeof *start);
	long k = 0;

	for (long i = 0; i < x.n; i++) {
		for (long j = 0; j < x.d; j++) {
			double v = json_number_value(json_array_get(json_array_get(rows, i), j));

			if (sparse && v == 0)
				continue;
			index[k] = (int32_t)j;
			value[k++] = (float)v;
		}
		start[i + 1] = k;
	}
	x.ld = x.d;
	x.x = value;
	x.start = sparse ? start : NULL;
	x.index = index;
	if (!sparse)
		free(start);
	return x;
}

static void check(const json_t *c)
{
	const json_t *bad = json_object_get(c, "bad"), *value = json_object_get(c, "value");
	const char *name = json_string_value(json_object_get(c, "name"));
	double strength = json_number_value(json_object_get(c, "c")), off = 0;
	struct features x = features(c);
	struct examples e = {.n = x.n};
	int32_t *row = xalloc(x.n * sizeof *row);
	char *is_bad = xalloc(x.n);
	struct logit one, many;

	for (long i = 0; i < x.n; i++) {
		row[i] = (int32_t)i;
		is_bad[i] = (char)json_integer_value(json_array_get(bad, i));
	}
	e.row = row;
	e.bad = is_bad;
	one = logistic_fit(&x, &e, strength, 1);
	many = logistic_fit(&x, &e, strength, 3);
	for (long i = 0; i < x.n; i++) {
		double want = json_number_value(json_array_get(value, i));

		off = fmax(off, fabs(logit_value(&one, &x, i) - want) / fmax(1, fabs(want)));
	}
	ok(off < 1e-6, "%s, C %g: the values are scikit-learn's (off by %.1e)", name, strength,
	   off);
	ok(!memcmp(one.w, many.w, x.d * sizeof *one.w) && one.b == many.b,
	   "%s, C %g: three threads find the same bits", name, strength);
	logit_free(&one);
	logit_free(&many);
	free(row);
	free(is_bad);
	free((void *)x.x);
	free((void *)x.start);
	free((void *)x.index);
}

int main(void)
{
	json_t *all = json_read_file("t/gold/logistic.json"), *c;
	size_t i;

	json_array_foreach(all, i, c) check(c);
	cases((long)json_array_size(all), "fits");
	json_decref(all);
	return tap_done();
}
