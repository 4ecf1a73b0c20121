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
#include "../format/jsonl.h"
#include "command.h"

struct votes {
	double *v; /* [n] */
	long n, room;
};

static void see(void *ctx, const json_t *o, const char *where)
{
	struct votes *votes = ctx;
	const json_t *p = json_object_get(o, "preference");
	double x = json_number_value(p);

	if (!p)
		die("%s: no \"preference\"", where);
	if (json_is_null(p))
		return;
	if (!json_is_number(p) || (x != 0 && !(x >= 1 && x <= 2)))
		die("%s: \"preference\" is neither 0, 1 to 2, nor null", where);
	votes->v = xgrow(votes->v, votes->n, &votes->room, sizeof *votes->v);
	votes->v[votes->n++] = x == 0 ? 0.5 : x - 1;
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct votes votes = {0};
	double sum = 0, square = 0, mean;
	long wins = 0, base = 0;

	objects_read(paths, n, see, &votes);
	for (long i = 0; i < votes.n; i++) {
		sum += votes.v[i];
		wins += votes.v[i] > 0.5;
		base += votes.v[i] < 0.5;
	}
	mean = sum / votes.n;
	for (long i = 0; i < votes.n; i++)
		square += (votes.v[i] - mean) * (votes.v[i] - mean);
	free(votes.v);
	command_write(out, json_pack("{s:o, s:o, s:I, s:I, s:I, s:I}", "win_rate",
	                             real_or_null(100 * mean), "standard_error",
	                             real_or_null(100 * sqrt(square / (votes.n - 1) / votes.n)),
	                             "n_wins", (json_int_t)wins, "n_wins_base", (json_int_t)base,
	                             "n_draws", (json_int_t)(votes.n - wins - base), "n_total",
	                             (json_int_t)votes.n));
}

const struct command command_winrate = {
	.name = "winrate",
	.what = "win rate from annotated preferences",
	.does = "Win rate of a model from annotated preferences, as alpaca_eval counts it.",
	.operands = "[ANNOTATIONS...]",
	.run = run,
};
