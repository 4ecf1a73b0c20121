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

#include "../base/hash.h"
#include "../base/memory.h"
#include "../format/jsonl.h"
#include "../rows/places.h"
#include "../score/rank.h"
#include "../score/scores.h"
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

/* The rows, in the order of the first file, which decides which they are. */
struct rescored {
	const char *first; /* that file's name */
	long n, room;
	struct known {
		char *id;
		uint64_t hash;
		int files; /* how many files have scored it so far */
	} * row;           /* [n] */
	struct places *at; /* by the id's hash: its place in row, plus 1 */
};

/* One file's view of them. */
struct rescoring {
	int number; /* of the file, from 0 */
	char *name;
	double *score; /* [n]; NaN: null */
	long room;
	char *kept; /* [n] */
};

/* The place of a row that a file scores: the first file's rows are new, those of the others are
 * looked up. */
static long place_of(struct rescored *all, const struct rescoring *f, const struct scored *s)
{
	uint32_t *at = places_find(all->at, hash_bytes(s->id.p, s->id.n));
	struct known *row;

	if (!*at && f->number)
		die("%s: lacks the row %s of %s:%ld", all->first, s->id.p, f->name, s->line);
	if (!*at) {
		*at = all->n + 1;
		all->row = xgrow(all->row, all->n, &all->room, sizeof *all->row);
		all->row[all->n++] = (struct known){xstrdup(s->id.p), s->hash, 0};
	}
	row = &all->row[*at - 1];
	if (row->files > f->number)
		die("%s:%ld: the row %s is scored twice", f->name, s->line, s->id.p);
	if (row->hash != s->hash)
		die("%s:%ld: the row %s has another hash than in %s: another data set", f->name,
		    s->line, s->id.p, all->first);
	row->files++;
	return *at - 1;
}

static void read_file(struct rescored *all, struct rescoring *f, const char *path)
{
	const struct formula score = formula_option("--by", opts.by);
	const struct scores_want want[SCORES_FORMULAS] = {{&score, 0}};
	struct scores *scores = scores_open(path, want);
	struct scored *s;

	f->name = xstrdup(scores_name(scores));
	if (!f->number)
		all->first = f->name;
	f->room = all->n;
	f->score = xalloc(f->room * sizeof *f->score);
	while (scores_next(scores, &s)) {
		long i = place_of(all, f, s);

		f->score = xgrow(f->score, i, &f->room, sizeof *f->score);
		f->score[i] = s->value[0];
	}
	scores_close(scores);
	for (long i = 0; i < all->n; i++)
		if (all->row[i].files == f->number)
			die("%s: lacks the row %s of %s", f->name, all->row[i].id, all->first);
}

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

static json_t *report(const struct rescored *all, const struct rescoring f[], int files)
{
	struct spread same = {0}, rhos = {0};

	for (int a = 0; a < files; a++)
		for (int b = a + 1; b < files; b++) {
			add(&same, overlap(f[a].kept, f[b].kept, all->n));
			add(&rhos, rho(f[a].score, f[b].score, all->n));
		}
	return json_pack("{s:i, s:I, s:s, s:o, s:o, s:o, s:o}", "files", files, "rows",
	                 (json_int_t)all->n, "keep", opts.keep, "overlap",
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

/* Marks the rows that each file would keep. */
static void keep(const struct rescored *all, struct rescoring f[], int files)
{
	uint64_t *hash = xalloc(all->n * sizeof *hash);

	for (long i = 0; i < all->n; i++)
		hash[i] = all->row[i].hash;
	for (int k = 0; k < files; k++)
		f[k].kept = rank_keep(opts.keep, f[k].score, hash, all->n);
	free(hash);
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct rescored all = {.at = places_new()};
	struct rescoring *f = xzalloc(n, sizeof *f);

	check(paths, n);
	for (int k = 0; k < n; k++) {
		f[k].number = k;
		read_file(&all, &f[k], paths[k]);
	}
	keep(&all, f, n);
	command_write(out, report(&all, f, n));
	for (int k = 0; k < n; k++) {
		free(f[k].name);
		free(f[k].score);
		free(f[k].kept);
	}
	free(f);
	for (long i = 0; i < all.n; i++)
		free(all.row[i].id);
	free(all.row);
	places_free(all.at);
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
