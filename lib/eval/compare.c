/* SPDX-License-Identifier: MIT */
/* compare.c - the mean of a value in each of several files, and how far each is from the first,
 * on the prompts that both have.
 *
 * A file has an object for each prompt, {"id", KEY: its value}: an arm of an experiment, judged.
 * Values are numbers, or booleans, which count 1 and 0; null is one that could not be read.  An id
 * that comes several times, as where the files of several seeds are joined, counts with its mean:
 * prompts are independent of each other, seeds on one prompt are not.
 */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "command.h"
#include "interval.h"

static struct compare_opts {
	const char *by, *id;
} opts = {.id = "id"};

/* clang-format off */
static const struct opt options[] = {
	{"by", 0, OPT_TEXT, offsetof(struct compare_opts, by), "KEY", "the value to compare", 0, 0},
	{"id", 0, OPT_TEXT, offsetof(struct compare_opts, id), "KEY",
		"the key by which prompts are the same", 0, 0},
	{0},
};
/* clang-format on */

/* A file's values by id. */
struct arm {
	json_t *ids;  /* see object_group */
	double *sum;  /* [ids] of the values that could be read, */
	long *values; /* how many those are */
	long room[2];
};

static void see(void *ctx, const json_t *o, const char *where)
{
	struct arm *a = ctx;
	const json_t *v = json_object_get(o, opts.by), *id = json_object_get(o, opts.id);
	long before = json_object_size(a->ids), at;

	if (!id || json_is_null(id))
		die("%s: no \"%s\"", where, opts.id);
	if (!v)
		die("%s: no \"%s\"", where, opts.by);
	if (!json_is_number(v) && !json_is_boolean(v) && !json_is_null(v))
		die("%s: \"%s\" is neither a number, true, false nor null", where, opts.by);
	at = object_group(a->ids, o, opts.id);
	if (at == before) {
		a->sum = xgrow(a->sum, at, &a->room[0], sizeof *a->sum);
		a->values = xgrow(a->values, at, &a->room[1], sizeof *a->values);
		a->sum[at] = a->values[at] = 0;
	}
	if (json_is_null(v))
		return;
	a->sum[at] += json_is_number(v) ? json_number_value(v) : json_is_true(v);
	a->values[at]++;
}

/* NAN: none could be read. */
static double value(const struct arm *a, long at)
{
	return a->values[at] ? a->sum[at] / a->values[at] : NAN;
}

/* {"file","n","left_out",KEY,KEY_ci} */
static json_t *describe(const struct arm *a, const char *name)
{
	long all = json_object_size(a->ids), n = 0;
	double *v = xalloc(all * sizeof *v);
	json_t *j;

	for (long i = 0; i < all; i++)
		if (a->values[i])
			v[n++] = value(a, i);
	j = json_pack("{s:s, s:I, s:I}", "file", name, "n", (json_int_t)n, "left_out",
	              (json_int_t)(all - n));
	interval_set(j, opts.by, interval_values(v, n));
	free(v);
	return j;
}

/* Adds {"n_both","difference","difference_ci"}, of the ids that have a value in both. */
static void add_difference(json_t *j, const struct arm *first, const struct arm *a,
                           const char *first_name, const char *name)
{
	double *d = xalloc(json_object_size(first->ids) * sizeof *d);
	long n = 0, shared = 0;
	const char *id;
	json_t *number;

	json_object_foreach(first->ids, id, number)
	{
		const json_t *other = json_object_get(a->ids, id);
		long i = json_integer_value(number), k = json_integer_value(other);

		shared += other != NULL;
		if (other && first->values[i] && a->values[k])
			d[n++] = value(a, k) - value(first, i);
	}
	if (!shared)
		die("%s and %s have no \"%s\" in common", first_name, name, opts.id);
	json_object_set_new(j, "n_both", json_integer(n));
	interval_set(j, "difference", interval_mean(d, n));
	free(d);
}

static const char *name_of(const char *path) { return zio_is_std(path) ? "stdin" : path; }

static void run(char *const paths[], int n, struct zout *out)
{
	static char *const only[] = {"-"};
	struct arm *arm;

	if (!opts.by)
		die_usage("--by is missing");
	if (!n) {
		paths = only;
		n = 1;
	}
	arm = xzalloc(n, sizeof *arm);
	for (int i = 0; i < n; i++) {
		json_t *j;

		arm[i].ids = json_object();
		objects_read(&paths[i], 1, see, &arm[i]);
		j = describe(&arm[i], name_of(paths[i]));
		if (i)
			add_difference(j, &arm[0], &arm[i], name_of(paths[0]), name_of(paths[i]));
		command_write(out, j);
	}
	for (int i = 0; i < n; i++) {
		json_decref(arm[i].ids);
		free(arm[i].sum);
		free(arm[i].values);
	}
	free(arm);
}

static const struct opt_group groups[] = {{"Comparison", options, &opts}, {0}};

const struct command command_compare = {
	.name = "compare",
	.what = "values of several files, paired by prompt",
	.does = "Means of a value in each file, and the difference from the first file's, paired "
		"by id.",
	.operands = "FILE [FILE...]",
	.groups = groups,
	.run = run,
};
