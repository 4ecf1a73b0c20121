/* SPDX-License-Identifier: MIT */
/* winrate.c - how often a model's output was preferred, as alpaca_eval counts.
 *
 * A preference p in 1..2 is 1 more than the chance that output 2, the model's, is preferred to
 * output 1.  0 is a draw, as version 1 wrote it; null is left out.  With v = p - 1, or 1/2:
 *
 *   win_rate       = 100 mean v
 *   standard_error = 100 sqrt(sum (v - mean v)^2 / (n - 1) / n)
 *   n_wins, n_wins_base, n_draws: v > 1/2, v < 1/2, v = 1/2
 */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../format/jsonl.h"
#include "command.h"
#include "interval.h"
#include "length_control.h"

static struct winrate_opts {
	const char *by;         /* a key: for each of its values too; NULL: do not */
	const char *each;       /* a file for a line an annotation, or NULL */
	int control;            /* the length-controlled rate too */
	const char *difficulty; /* a file, or NULL */
} opts;

#define AT(field) offsetof(struct winrate_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"by", 0, OPT_TEXT, AT(by), "KEY", "for each value of this key too", 0, 0},
	{"each", 0, OPT_TEXT, AT(each), "FILE", "write a line for each annotation there", 0, 0},
	{"length-controlled", 0, OPT_FLAG, AT(control), NULL,
		"add the rate at equal lengths, as alpaca_eval's GLM", 0, 0},
	{"difficulty", 0, OPT_TEXT, AT(difficulty), "FILE",
		"how hard each instruction is, for --length-controlled", 0, 0},
	{0},
};
/* clang-format on */

struct votes {
	struct vote *vote; /* [n] */
	long n, room;
	json_t *groups;                /* see object_group */
	struct difficulty *difficulty; /* or NULL */
	struct zout *each;             /* or NULL */
};

/* The difference of the outputs' lengths, in characters. */
static double longer(const json_t *o, const char *where)
{
	static const char *const key[] = {"output_1", "output_2"};
	double length[2] = {0};

	for (int k = 0; k < 2; k++) {
		const char *text = json_text(o, key[k], NULL);

		if (!text)
			die("%s: \"%s\" is not a text", where, key[k]);
		for (; *text; text++)
			length[k] += (*text & 0xc0) != 0x80; /* the first byte of a character */
	}
	return length[0] - length[1];
}

static void write_each(const struct votes *votes, const json_t *o, double v)
{
	json_t *id = json_object_get(o, "id"), *line = json_object();

	json_object_set_new(line, "id", id ? json_incref(id) : json_integer(votes->n));
	json_object_set_new(line, "win", real_or_null(v));
	json_write_line(votes->each, line);
	json_decref(line);
}

static void see(void *ctx, const json_t *o, const char *where)
{
	struct votes *votes = ctx;
	const json_t *p = json_object_get(o, "preference");
	double x = json_number_value(p);
	struct vote v = {.v = json_is_null(p) ? NAN : x == 0 ? 0.5 : x - 1};

	if (!p)
		die("%s: no \"preference\"", where);
	if (!json_is_null(p) && (!json_is_number(p) || (x != 0 && !(x >= 1 && x <= 2))))
		die("%s: \"preference\" is neither 0, 1 to 2, nor null", where);
	if (opts.control)
		v.longer = longer(o, where);
	if (votes->difficulty)
		v.hard = difficulty_of(votes->difficulty, json_long(o, "index", votes->n), where);
	if (opts.by)
		v.group = object_group(votes->groups, o, opts.by);
	if (votes->each)
		write_each(votes, o, v.v);
	votes->vote = xgrow(votes->vote, votes->n, &votes->room, sizeof *votes->vote);
	votes->vote[votes->n++] = v;
}

/* The rate of these annotations in per cent, and what it comes from. */
static json_t *rate(const struct vote *vote, long all)
{
	double *v = xalloc(long_max(all, 1) * sizeof *v), square = 0;
	long n = 0, wins = 0, base = 0;
	struct interval i;
	json_t *j = json_object();

	for (long k = 0; k < all; k++)
		if (!isnan(vote[k].v)) {
			wins += vote[k].v > 0.5;
			base += vote[k].v < 0.5;
			v[n++] = vote[k].v;
		}
	i = interval_mean(v, n);
	for (long k = 0; k < n; k++)
		square += (v[k] - i.mean) * (v[k] - i.mean);
	interval_set(j, "win_rate", interval_scale(i, 100));
	json_object_set_new(j, "standard_error", real_or_null(100 * sqrt(square / (n - 1) / n)));
	json_object_set_new(j, "n_wins", json_integer(wins));
	json_object_set_new(j, "n_wins_base", json_integer(base));
	json_object_set_new(j, "n_draws", json_integer(n - wins - base));
	json_object_set_new(j, "n_total", json_integer(n));
	free(v);
	return j;
}

static json_t *result(const struct votes *votes, const struct vote *vote, long n)
{
	json_t *j = rate(vote, n);

	if (opts.control)
		length_control(j, vote, n, votes->difficulty);
	return j;
}

/* {value: its result} */
static json_t *by_group(const struct votes *votes)
{
	struct vote *some = xalloc(long_max(votes->n, 1) * sizeof *some);
	json_t *by = json_object(), *number;
	const char *value;

	json_object_foreach(votes->groups, value, number)
	{
		long n = 0;

		for (long k = 0; k < votes->n; k++)
			if (votes->vote[k].group == json_integer_value(number))
				some[n++] = votes->vote[k];
		json_object_set_new(by, value, result(votes, some, n));
	}
	free(some);
	return by;
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct votes votes = {.groups = json_object()};
	json_t *all;

	if (opts.difficulty && !opts.control)
		die_usage("--difficulty goes with --length-controlled");
	if (opts.each)
		votes.each = zout_open(opts.each, ZOUT_PLAIN);
	if (opts.difficulty)
		votes.difficulty = difficulty_open(opts.difficulty);
	objects_read(paths, n, see, &votes);
	all = result(&votes, votes.vote, votes.n);
	json_object_set_new(all, "by", by_group(&votes));
	command_write(out, all);
	zout_close(votes.each);
	difficulty_close(votes.difficulty);
	json_decref(votes.groups);
	free(votes.vote);
}

static const struct opt_group groups[] = {{"Win rate", options, &opts}, {0}};

const struct command command_winrate = {
	.name = "winrate",
	.what = "win rate from annotated preferences",
	.does = "Win rate of a model from annotated preferences, as alpaca_eval counts it.",
	.operands = "[ANNOTATIONS...]",
	.groups = groups,
	.run = run,
};
