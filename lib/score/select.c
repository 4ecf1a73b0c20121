/* SPDX-License-Identifier: MIT */
/* select.c - see select.h.
 *
 * The rows are read twice: what a share means is known only when all have been
 * counted, and so nothing is written before every check is done.  In between
 * a row is one number, the place of its score.
 */
#include "select_in.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../format/zio_spool.h"
#include "../format/jsonl_objects.h"

#define AT(field) offsetof(struct select_opts, field)

const struct opt select_options[] = {
	{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%",
         "pick the N best rows, or that share of the rows read", 0, 0},
	{"by-group", 0, OPT_TEXT, AT(by_group), "KEY",
         "--keep of the rows of each value of this key", 0, 0},
	{"threshold", 't', OPT_TEXT, AT(threshold), "X", "pick rows whose score is at least X", 0,
         0},
	{"invert", 'v', OPT_FLAG, AT(invert), NULL, "write the rows that are not picked instead", 0,
         0},
	{"top", 0, OPT_COUNT, AT(top), "N", "for reading: the N best rows, best first", 1, 0},
	{"bottom", 0, OPT_COUNT, AT(bottom), "N", "for reading: the N worst rows, worst first", 1,
         0},
	{"annotate", 0, OPT_FLAG, AT(annotate), NULL,
         "add the id and \"seal\":{\"score\",\"weight\",\"rank\"}", 0, 0},
	{"add", 0, OPT_TEXT, AT(add), "ROWS", "write these rows too, after the picked ones", 0, 0},
	{"dedupe", 0, OPT_FLAG, AT(dedupe), NULL, "drop later rows of one id, rather than fail", 0,
         0},
	{0},
};

/* Counts the row in its group and says which that is; without --by-group all are of one. */
static long join_group(struct picker *p, const struct row *row)
{
	struct buf b = {0};
	json_t *at;
	const char *value;
	long g = 0;

	if (p->o->by_group) {
		value = object_key(row->json, p->o->by_group, &b);
		at = json_object_get(p->value, value);
		if (!at)
			json_object_set_new(p->value, value, at = json_integer(p->groups));
		g = json_integer_value(at);
		buf_free(&b);
	}
	if (g == p->groups) {
		p->group_rows = xrealloc(p->group_rows, (p->groups + 1) * sizeof *p->group_rows);
		p->group_rows[p->groups++] = 0;
	}
	p->group_rows[g]++;
	return g;
}

/* All rows must fit one output: JSONL, or CSV under one header. */
static void check_form(struct picker *p, const struct row *row)
{
	if (!p->any) {
		p->any = 1;
		p->csv = row->csv;
		buf_add(&p->header, row->header, row->header_n);
		if (p->csv && p->o->annotate)
			die("--annotate: rows of CSV have no place for it");
	}
	if (p->csv != row->csv)
		die("%s: CSV and JSONL do not mix in one output", row->file);
	if (p->header.n != row->header_n ||
	    (row->header_n && memcmp(p->header.p, row->header, row->header_n)))
		die("%s: another CSV header than that of the rows before", row->file);
}

/* Keeps what was found out about a row. */
static void note(const struct picker *p, struct part *part, const struct row *row, uint32_t which)
{
	while (part->n <= row->at) {
		if (part->n == part->room) {
			part->room = part->room * 3 / 2 + 1024;
			part->which = xrealloc(part->which, part->room * sizeof *part->which);
		}
		part->which[part->n++] = GONE;
	}
	part->which[row->at] = which;
	if (p->ids)
		buf_add(&part->ids, row->id, strlen(row->id) + 1);
}

/* Every scored row must have come; of some rows only, at least one.  Those
 * that did not come have no score from now on. */
static void check_all(struct picker *p, long rows, long found, int some)
{
	struct lean *s = p->scores;

	if (some && rows && s->n && !found)
		die("%s: none of the %ld rows read was scored: another data set", s->name, rows);
	for (long i = 0; i < s->n; i++) {
		if (!s->seen[i].line && !some)
			die("%s:%ld: the row %s that was scored is not there: another data set",
			    s->name, i + 2, lean_id(s, p->o->scores, i));
		if (!s->seen[i].line)
			s->score[i] = NAN;
	}
}

/* Reads all rows and finds their scores. some: the limit may leave scored rows out. */
static void read_rows(struct picker *p, struct part *part, int some)
{
	struct lean *s = p->scores;
	long rows = 0, found = 0;
	struct row row;

	rows_known(part->in, p->o->by_group ? &s->lines : &s->known);
	for (; rows_next(part->in, &row); rows++) {
		long group, at;

		check_form(p, &row);
		group = join_group(p, &row);
		at = lean_of(s, &row);
		note(p, part, &row, at < 0 ? UNSCORED : at);
		found += at >= 0;
		if (p->group && at >= 0)
			p->group[at] = group;
	}
	check_all(p, rows, found, some);
	lean_found(s);
}

/* --add: all rows of a file, whatever the limit. */
static void read_added(struct picker *p, struct part *part, const struct fate_opts *opts)
{
	struct fate_opts all = *opts;
	struct row row;

	all.limit = 0;
	part->path = (char *)p->o->add;
	part->in = rows_open(&part->path, 1, p->fates, &all, 0);
	while (rows_next(part->in, &row)) {
		check_form(p, &row);
		note(p, part, &row, UNSCORED);
	}
}

static double threshold_of(const struct select_opts *o)
{
	char *end = NULL;
	double x = o->threshold ? strtod(o->threshold, &end) : 0;

	if (end && (end == o->threshold || *end || isnan(x)))
		die_usage("--threshold: '%s' is not a number", o->threshold);
	return x;
}

static void check(const struct select_opts *o, int paths)
{
	if (!o->scores)
		die_usage("--scores is missing");
	if (!strcmp(o->scores, "-") && !paths)
		die_usage("stdin cannot be both the scores and the rows");
	if (!!o->keep + !!o->threshold + !!o->top + !!o->bottom != 1)
		die_usage("one of --keep, --threshold, --top, --bottom is needed");
	if (o->keep && keep_count(o->keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%", o->keep);
	if (o->by_group && !o->keep)
		die_usage("--by-group goes with --keep");
	if (o->invert && (o->top || o->bottom))
		die_usage("--invert goes with --keep or --threshold");
	zstd_check(&o->packing);
	threshold_of(o);
}

/* Ranks the scored rows that are there, and marks the picked ones. */
static void pick(struct picker *p)
{
	const struct select_opts *o = p->o;
	const struct lean *s = p->scores;
	uint32_t *order = xalloc(s->n * sizeof *order);
	double least = threshold_of(o);
	long first = 0, end;

	p->numbers = end = rank_order(s->score, s->hash, s->n, order);
	p->rank = xzalloc(s->n, sizeof *p->rank);
	p->picked = xzalloc(s->n, 1);
	for (long g = 0; o->keep && g < p->groups; g++)
		p->group_rows[g] = keep_count(o->keep, p->group_rows[g]);
	if (o->top && o->top < end)
		end = o->top;
	if (o->bottom && o->bottom < end)
		first = end - o->bottom;
	for (long i = 0; i < p->numbers; i++) {
		uint32_t at = order[i];

		p->rank[at] = i + 1;
		p->picked[at] = o->threshold ? s->score[at] >= least
		                : o->keep    ? p->group_rows[p->group ? p->group[at] : 0]-- > 0
		                             : i >= first && i < end;
	}
	p->holds = o->top || o->bottom ? end - first : 0;
	p->held = p->holds ? xzalloc(p->holds, sizeof *p->held) : NULL;
	free(order);
}

static void part_free(struct part *part)
{
	if (part->in)
		rows_close(part->in);
	free(part->which);
	buf_free(&part->ids);
}

static void picker_free(struct picker *p)
{
	buf_free(&p->header);
	json_decref(p->value);
	free(p->group_rows);
	free(p->group);
	free(p->rank);
	free(p->picked);
}

void select_rows(char *const paths[], int n, const struct select_opts *o,
                 const struct fate_opts *fate, const char *output)
{
	struct picker p = {.o = o};
	struct part rows = {0}, added = {0};

	check(o, n);
	p.fates = fates_open(fate);
	p.ids = fate->fates || o->annotate;
	for (int i = 0; i < (n ? n : 1); i++)
		spool(n ? paths[i] : NULL);
	if (o->add)
		spool(o->add);
	spool(o->scores);
	rows.in = rows_open(paths, n, p.fates, fate, o->dedupe);
	rows_ahead(rows.in);
	/* opened before the other inputs, so that it can be none of them */
	p.out = zout_open(output, zstd_flag(&o->packing, rows_zstd(rows.in)));
	p.scores = lean_read(o->scores, o->annotate);
	p.group = o->by_group ? xzalloc(p.scores->n, sizeof *p.group) : NULL;
	p.value = json_object();
	read_rows(&p, &rows, fate->limit != 0);
	if (o->add)
		read_added(&p, &added, fate);
	pick(&p);
	zout_write(p.out, p.header.p, p.header.n);
	write_rows(&p, &rows);
	if (p.held)
		write_held(&p);
	if (o->add)
		write_added(&p, &added);
	zout_close(p.out);
	fates_close(p.fates, 1);
	lean_close(p.scores);
	part_free(&rows);
	part_free(&added);
	picker_free(&p);
}
