/* SPDX-License-Identifier: MIT */
/* combine.c - the method combine: one score out of several files of scores, by ranks, so that none
 * counts more for its unit.
 *
 *   rank = mean over the files of (r_i - 1/2) / n
 *
 * r_i is the row's rank among the n rows of a file that have a score, from 1, the lowest; of equal
 * scores all have the mean rank.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "method.h"
#include "rank.h"
#include "score.h"
#include "several.h"

static const struct column combine_columns[] = {
	{"rank", COLUMN_F64,
         "the mean of the row's ranks in several files, from 0, the lowest, to 1"},
	{0},
};

static const struct column *filled(void) { return combine_columns; }

/* Adds a file's ranks to sum [rows]; a row without a score is without a sum. */
static void add_ranks(const double score[], long rows, double sum[])
{
	double *x = xalloc(rows * sizeof *x), *rank;
	long n = 0;

	for (long i = 0; i < rows; i++)
		if (!isnan(score[i]))
			x[n++] = score[i];
	rank = rank_all(x, n);
	for (long i = 0, k = 0; i < rows; i++)
		sum[i] += isnan(score[i]) ? NAN : (rank[k++] - 0.5) / n;
	free(x);
	free(rank);
}

static void run(struct score_run *run)
{
	const struct formula f = formula_option("score", "score");
	struct scores_out *out;
	struct several s;
	double *sum;

	if (run->n < 2)
		die_usage("--method combine needs at least two files of scores");
	several_read(&s, run->paths, run->n, &f);
	sum = xzalloc(s.n, sizeof *sum);
	for (int k = 0; k < s.files; k++)
		add_ranks(s.score[k], s.n, sum);
	json_object_set_new(run->header, "settings", json_pack("{s:i}", "files", s.files));
	out = scores_create(run->out, run->header, run->columns, &run->score, s.n,
	                    share_of(run, s.n));
	for (long i = 0; i < s.n; i++) {
		double mean = sum[i] / s.files;

		scores_add(out, s.row[i].id, strlen(s.row[i].id), s.row[i].hash, s.row[i].line,
		           &mean);
	}
	scores_finish(out);
	free(sum);
	several_close(&s);
}

const struct method method_combine = {
	.name = "combine",
	.what = "ranks in several files",
	.score = "rank",
	.columns = filled,
	.run = run,
};
