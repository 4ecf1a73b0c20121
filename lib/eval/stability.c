/* SPDX-License-Identifier: MIT */
/* stability.c - how alike several scores of the same rows are: of other seeds, or another order.
 *
 *   overlap = 2 |D_a and D_b| / (|D_a| + |D_b|), D the rows that seal-select --keep would not keep:
 *             the share of what one file drops that the other drops too (Dice 1945)
 *   rho     = Spearman(score_a, score_b) over the rows that both give a score
 *
 * each the mean over all pairs of files, and the least of them.  The rows are joined by id and
 * hash; a row that some file lacks is an error, since the shares would then be of other rows.
 */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../format/jsonl.h"
#include "../score/rank.h"
#include "../score/several.h"
#include "command.h"

static struct stability_opts {
	const char *by;   /* the score's formula */
	const char *keep; /* what seal-select --keep would be told */
} opts = {.by = "score", .keep = "80%"};

#define AT(field) offsetof(struct stability_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"by", 0, OPT_TEXT, AT(by), "FORMULA", "the score: gain, or such as 'loss_base/2 - loss'", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%", "what seal-select --keep would be told", 0, 0},
	{0},
};
/* clang-format on */

/* The mean of numbers and the least of them; NaN where one of them is. */
struct spread {
	double sum, least;
	long n;
};

static void add(struct spread *s, double x)
{
	s->sum += x;
	s->least = !s->n++ || isnan(x) || x < s->least ? x : s->least;
}

static double overlap(const char a[], const char b[], long n)
{
	long both = 0, either = 0;

	for (long i = 0; i < n; i++) {
		both += !a[i] && !b[i];
		either += !a[i] + !b[i];
	}
	return 2.0 * both / either;
}

static double rho(const double a[], const double b[], long n)
{
	double *x = xalloc(n * sizeof *x), *y = xalloc(n * sizeof *y), r;
	long m = 0;

	for (long i = 0; i < n; i++) {
		if (isnan(a[i]) || isnan(b[i]))
			continue;
		x[m] = a[i];
		y[m++] = b[i];
	}
	r = spearman(x, y, m);
	free(x);
	free(y);
	return r;
}

static json_t *report(const struct several *s, char *const kept[])
{
	struct spread same = {0}, rhos = {0};

	for (int a = 0; a < s->files; a++)
		for (int b = a + 1; b < s->files; b++) {
			add(&same, overlap(kept[a], kept[b], s->n));
			add(&rhos, rho(s->score[a], s->score[b], s->n));
		}
	return json_pack("{s:i, s:I, s:s, s:o, s:o, s:o, s:o}", "files", s->files, "rows",
	                 (json_int_t)s->n, "keep", opts.keep, "overlap",
	                 real_or_null(same.sum / same.n), "overlap_least", real_or_null(same.least),
	                 "rho", real_or_null(rhos.sum / rhos.n), "rho_least",
	                 real_or_null(rhos.least));
}

static void check(char *const paths[], int n)
{
	int std = 0;

	if (n < 2)
		die_usage("at least two files of scores, please");
	for (int i = 0; i < n; i++)
		std += zio_is_std(paths[i]);
	if (std > 1)
		die_usage("stdin can be read only once");
	if (keep_count(opts.keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%", opts.keep);
}

static void run(char *const paths[], int n, struct zout *out)
{
	const struct formula score = formula_option("--by", opts.by);
	struct several s;
	uint64_t *hash;
	char **kept;

	check(paths, n);
	several_read(&s, paths, n, &score);
	hash = xalloc(s.n * sizeof *hash);
	kept = xalloc(n * sizeof *kept);
	for (long i = 0; i < s.n; i++)
		hash[i] = s.row[i].hash;
	for (int k = 0; k < n; k++)
		kept[k] = rank_keep(opts.keep, s.score[k], hash, s.n);
	command_write(out, report(&s, kept));
	for (int k = 0; k < n; k++)
		free(kept[k]);
	free(kept);
	free(hash);
	several_close(&s);
}

static const struct opt_group groups[] = {{"Stability", options, &opts}, {0}};

const struct command command_stability = {
	.name = "stability",
	.what = "how alike several scores of the same rows are",
	.does = "How alike several scores of the same rows are, of other seeds or another order.",
	.operands = "SCORES SCORES...",
	.groups = groups,
	.run = run,
};
