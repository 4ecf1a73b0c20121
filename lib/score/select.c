/* SPDX-License-Identifier: MIT */
/* select.c - picks rows by their scores; see select.h.
 *
 * All rows are read first, joined with their scores, and put aside in a scratch file; then they are
 * ranked, and those that are picked are written.  Memory holds what ranking needs: of each row its
 * score, its hash (which decides among equal scores), and while rows are read, what tells ids
 * apart.
 */
#include "select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/jsonl.h"
#include "../format/scratch.h"
#include "../rows/row.h"
#include "join.h"
#include "mixture.h"
#include "rank.h"

#define AT(field) offsetof(struct select_opts, field)

/* clang-format off */
const struct opt select_options[] = {
	{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
	{"by", 0, OPT_TEXT, AT(by), "FORMULA",
		"the score: gain, or such as 'loss_base/2 - loss'", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%|auto",
		"pick the N best rows, that share of the rows read, or the upper of two groups", 0, 0},
	{"by-group", 0, OPT_TEXT, AT(by_group), "KEY",
		"--keep of the rows of each value of this key", 0, 0},
	{"threshold", 't', OPT_TEXT, AT(threshold), "X", "pick rows whose score is at least X", 0, 0},
	{"invert", 'v', OPT_FLAG, AT(invert), NULL, "write the rows that are not picked instead", 0, 0},
	{"top", 0, OPT_COUNT, AT(top), "N", "for reading: the N best rows, best first", 1, 0},
	{"bottom", 0, OPT_COUNT, AT(bottom), "N", "for reading: the N worst rows, worst first", 1, 0},
	{"annotate", 0, OPT_FLAG, AT(annotate), NULL,
		"add the id and \"seal\":{\"score\",\"weight\",\"rank\"}", 0, 0},
	{"add", 0, OPT_TEXT, AT(add), "ROWS", "write these rows too, after the picked ones", 0, 0},
	{"dedupe", 0, OPT_FLAG, AT(dedupe), NULL, "drop later rows of one id, rather than fail", 0, 0},
	{0},
};
/* clang-format on */

struct selection {
	const struct select_opts *o;
	struct join *join; /* value[0]: the score; [1]: the weight, for --annotate */
	struct fates *fates;
	struct zout *out;
	FILE *aside;       /* the rows, one after the other */
	long added;        /* the last so many of them are those of --add */
	int any, csv;      /* a row was seen; the rows are CSV */
	struct buf header; /* of CSV, with its line end; or empty */
	json_t *groups;    /* --by-group: see object_group */
	uint32_t *group;   /* [rows] the number of each row's group; NULL without --by-group */
	long group_room;
	uint32_t *rank; /* [rows] from 1, the best; 0: the row has no number */
	char *picked;   /* [rows] */
	long numbers;   /* how many rows have one */
	int open;       /* the last row that was written lacks its LF */
};

/* A row as it is put aside; its id and its bytes follow. */
struct aside {
	size_t n, id_n;
	long line, ended; /* ended: it had its LF */
};

/* Dies when the row does not fit those before: all are JSONL, or CSV under one header. */
static void check_form(struct selection *s, const struct row *row)
{
	if (!s->any) {
		s->any = 1;
		s->csv = row->csv;
		buf_add(&s->header, row->header, row->header_n);
		if (s->csv && s->o->annotate)
			die("--annotate: rows of CSV have no place for it");
	}
	if (s->csv != row->csv)
		die("%s: CSV and JSONL do not mix in one output", row->file);
	if (s->header.n != row->header_n ||
	    (row->header_n && memcmp(s->header.p, row->header, row->header_n)))
		die("%s: another CSV header than that of the rows before", row->file);
}

static void put_aside(struct selection *s, const struct row *row)
{
	struct aside a = {row->n, row->id_n, row->line, row->ended};

	check_form(s, row);
	scratch_write(s->aside, &a, sizeof a);
	scratch_write(s->aside, row->id, a.id_n);
	scratch_write(s->aside, row->bytes, a.n);
}

/* Reads the rows beside their scores. */
static void read_rows(struct selection *s, struct rows *rows, int limited)
{
	const char *by_group = s->o->by_group;
	struct join *j = s->join;
	int scores = j->next != NULL; /* the file has some */
	struct row row;

	for (;;) {
		if (j->next && !by_group)
			rows_expect(rows, j->next->hash, j->next->id.p, j->next->id.n);
		if (!rows_next(rows, &row))
			break;
		put_aside(s, &row);
		if (by_group) {
			s->group = xgrow(s->group, j->n, &s->group_room, sizeof *s->group);
			s->group[j->n] = object_group(s->groups, row.json, by_group);
		}
		join_row(j, row.id, row.id_n, row.hash);
	}
	rows_close(rows);
	join_end(j, !limited);
	if (limited && scores && j->n && !j->found)
		die("%s: none of the %ld rows read was scored: another data set", j->name, j->n);
}

/* --add: all rows of a file, whatever the limit. */
static void read_added(struct selection *s, const struct fate_opts *opts)
{
	struct fate_opts all = *opts;
	char *path[] = {(char *)s->o->add};
	struct rows *rows;
	struct row row;

	all.limit = 0;
	rows = rows_open(path, 1, s->fates, &all, 0);
	for (; rows_next(rows, &row); s->added++)
		put_aside(s, &row);
	rows_close(rows);
}

static double threshold_of(const struct select_opts *o)
{
	char *end = NULL;
	double x = o->threshold ? strtod(o->threshold, &end) : 0;

	if (end && (end == o->threshold || *end || isnan(x)))
		die_usage("--threshold: '%s' is not a number", o->threshold);
	return x;
}

static int keeps_auto(const struct select_opts *o) { return o->keep && !strcmp(o->keep, "auto"); }

static void check(const struct select_opts *o, char *const paths[], int n)
{
	int std = !n + (o->add && zio_is_std(o->add));

	if (!o->scores)
		die_usage("--scores is missing");
	std += zio_is_std(o->scores);
	for (int i = 0; i < n; i++)
		std += zio_is_std(paths[i]);
	if (std > 1)
		die_usage("stdin can be read only once");
	if (!!o->keep + !!o->threshold + !!o->top + !!o->bottom != 1)
		die_usage("exactly one of --keep, --threshold, --top, --bottom is needed");
	if (o->keep && !keeps_auto(o) && keep_count(o->keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%, nor auto",
		          o->keep);
	if (o->by_group && (!o->keep || keeps_auto(o)))
		die_usage("--by-group goes with --keep of a count or a share");
	if (o->invert && (o->top || o->bottom))
		die_usage("--invert goes with --keep or --threshold");
	zstd_check(&o->packing);
	threshold_of(o);
}

/* --keep auto: the least score that belongs to the upper of two groups rather than to the lower;
 * where there are no two, below all scores. */
static double least_of_upper(const double score[], long n)
{
	const struct mixture m = mixture_fit(score, n);
	double least = INFINITY, all = 0, in = 0;
	long numbers = 0, kept = 0;

	for (long i = 0; i < n; i++) {
		double p = m.two && !isnan(score[i]) ? mixture_upper(&m, score[i]) : 0;

		numbers += !isnan(score[i]);
		all += p;
		if (p < 0.5)
			continue;
		in += p;
		kept++;
		least = fmin(least, score[i]);
	}
	if (!m.two) {
		notice("the scores show no second group: all rows that have one are kept");
		return -INFINITY;
	}
	notice("the scores show two groups, of about %.0f rows around %.4g and %.0f around %.4g",
	       m.lower.share * numbers, m.lower.mean, m.upper.share * numbers, m.upper.mean);
	notice("of the upper group are %.1f%% of the rows kept, and kept are %.1f%% of that group "
	       "(expected)",
	       100 * in / kept, 100 * in / all);
	return least;
}

/* Ranks the rows and marks the picked ones. */
static void pick(struct selection *s)
{
	const struct select_opts *o = s->o;
	const double *score = s->join->value[0];
	long n = s->join->n, groups = json_object_size(s->groups), first = 0, end;
	long *left =
		xzalloc(groups + 1, sizeof *left); /* rows to keep; all are of group 0 without */
	uint32_t *order = xalloc(n * sizeof *order);
	int cuts = o->threshold || keeps_auto(o);
	double least = keeps_auto(o) ? least_of_upper(score, n) : threshold_of(o);

	s->numbers = end = rank_order(score, s->join->hash, n, order);
	s->rank = xzalloc(n, sizeof *s->rank);
	s->picked = xzalloc(n, 1);
	for (long i = 0; i < n; i++)
		left[s->group ? s->group[i] : 0]++;
	for (long g = 0; o->keep && !cuts && g <= groups; g++)
		left[g] = keep_count(o->keep, left[g]);
	if (o->top && o->top < end)
		end = o->top;
	if (o->bottom && o->bottom < end)
		first = end - o->bottom;
	for (long k = 0; k < s->numbers; k++) {
		uint32_t i = order[k];

		s->rank[i] = k + 1;
		s->picked[i] = cuts      ? score[i] >= least
		               : o->keep ? left[s->group ? s->group[i] : 0]-- > 0
		                         : k >= first && k < end;
	}
	free(order);
	free(left);
}

/* The rows go out as they came; only the last may lack its line feed. */
static void emit(struct selection *s, const char *bytes, size_t n, int ended)
{
	if (s->open)
		zout_str(s->out, "\n");
	zout_write(s->out, bytes, n);
	if (ended)
		zout_str(s->out, "\n");
	s->open = !ended;
}

/* Replaces the row in b by compact JSON, with its id, score, weight and rank. */
static void annotate(const struct selection *s, long i, const char *id, struct buf *b)
{
	json_t *rank = s->rank[i] ? json_integer(s->rank[i]) : json_null(), *o;
	struct fault f;

	o = json_parse(b->p, b->n, &f);
	if (!o)
		die("--annotate: row %s cannot be written anew: %s", id, f.text);
	if (!json_object_get(o, "id") || json_is_null(json_object_get(o, "id")))
		json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "seal",
	                    json_pack("{s:o, s:o, s:o}", "score",
	                              real_or_null(s->join->value[0][i]), "weight",
	                              real_or_null(s->join->value[1][i]), "rank", rank));
	b->n = 0;
	json_put(b, o);
	json_decref(o);
}

/* The next row that was put aside; its id and its bytes get a NUL. */
static struct aside next_aside(struct selection *s, struct buf *id, struct buf *bytes)
{
	struct aside a;

	scratch_read(s->aside, &a, sizeof a);
	id->n = bytes->n = 0;
	buf_need(id, a.id_n + 1);
	buf_need(bytes, a.n + 1);
	scratch_read(s->aside, id->p, a.id_n);
	scratch_read(s->aside, bytes->p, a.n);
	id->p[a.id_n] = bytes->p[a.n] = 0;
	id->n = a.id_n;
	bytes->n = a.n;
	return a;
}

/* Writes the picked rows; those of --top and --bottom are held until all are there. */
static void write_rows(struct selection *s)
{
	const struct select_opts *o = s->o;
	int holds = o->top || o->bottom;
	struct buf id = {0}, bytes = {0}, *held = NULL;

	if (holds)
		held = xzalloc(s->numbers + 1, sizeof *held);
	for (long i = 0; i < s->join->n; i++) {
		struct aside a = next_aside(s, &id, &bytes);

		if (s->picked[i] == o->invert) {
			fate_dropped(s->fates, id.p, a.line,
			             o->invert || s->rank[i] ? "not picked"
			             : s->join->scored[i]    ? "null score"
			                                     : "no score");
			continue;
		}
		fate_kept(s->fates, id.p, a.line);
		if (o->annotate)
			annotate(s, i, id.p, &bytes);
		if (holds && (a.ended || o->annotate))
			buf_str(&bytes, "\n");
		if (holds)
			buf_add(&held[s->rank[i]], bytes.p, bytes.n);
		else
			emit(s, bytes.p, bytes.n, a.ended || o->annotate);
	}
	for (long k = 1; holds && k <= s->numbers; k++) {
		struct buf *b = &held[o->top ? k : s->numbers + 1 - k];
		int ended = b->n && b->p[b->n - 1] == '\n';

		if (b->n)
			emit(s, b->p, b->n - ended, ended);
		buf_free(b);
	}
	for (long i = 0; i < s->added; i++) {
		struct aside a = next_aside(s, &id, &bytes);

		emit(s, bytes.p, bytes.n, a.ended);
		fate_kept(s->fates, id.p, a.line);
	}
	free(held);
	buf_free(&id);
	buf_free(&bytes);
}

void select_rows(char *const paths[], int n, const struct select_opts *o,
                 const struct fate_opts *fate, const char *output)
{
	const struct formula by = formula_option("--by", o->by);
	const struct formula weight = formula_option("--annotate", "weight");
	const struct scores_want want[SCORES_FORMULAS] = {{&by, 0},
	                                                  {o->annotate ? &weight : NULL, 1}};
	struct selection s = {.o = o, .groups = json_object()};
	struct rows *rows;

	check(o, paths, n);
	s.fates = fates_open(fate);
	rows = rows_open(paths, n, s.fates, fate, o->dedupe);
	/* opened before the other inputs, so that it can be none of them */
	s.out = zout_open(output, zstd_flag(&o->packing, rows_zstd(rows)));
	s.join = join_open(o->scores, want);
	s.aside = scratch_open();
	read_rows(&s, rows, fate->limit != 0);
	if (o->add)
		read_added(&s, fate);
	scratch_rewind(s.aside);
	pick(&s);
	zout_write(s.out, s.header.p, s.header.n);
	write_rows(&s);
	zout_close(s.out);
	fates_close(s.fates, 1);
	fclose(s.aside);
	join_close(s.join);
	buf_free(&s.header);
	json_decref(s.groups);
	free(s.group);
	free(s.rank);
	free(s.picked);
}
