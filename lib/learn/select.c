/* select.c - see select.h.
 *
 * The rows are read twice: what a share means is known only when all have been
 * counted, and so nothing is written before every check is done.  In between
 * a row is one number, the place of its score.
 */
#include "select.h"

#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../data/row.h"
#include "../format/spool.h"
#include "known.h"
#include "objects.h"

#define AT(field) offsetof(struct select_opts, field)

const struct opt select_options[] = {
	{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
	{"keep", 'k', OPT_TEXT, AT(keep), "N|P%", "pick the N best rows, or that share of the rows read", 0, 0},
	{"by-group", 0, OPT_TEXT, AT(by_group), "KEY", "--keep of the rows of each value of this key", 0, 0},
	{"threshold", 't', OPT_TEXT, AT(threshold), "X", "pick rows whose score is at least X", 0, 0},
	{"invert", 'v', OPT_FLAG, AT(invert), NULL, "write the rows that are not picked instead", 0, 0},
	{"top", 0, OPT_COUNT, AT(top), "N", "for reading: the N best rows, best first", 1, 0},
	{"bottom", 0, OPT_COUNT, AT(bottom), "N", "for reading: the N worst rows, worst first", 1, 0},
	{"annotate", 0, OPT_FLAG, AT(annotate), NULL, "add the id and \"seal\":{\"score\",\"weight\",\"rank\"}", 0, 0},
	{"add", 0, OPT_TEXT, AT(add), "ROWS", "write these rows too, after the picked ones", 0, 0},
	{"dedupe", 0, OPT_FLAG, AT(dedupe), NULL, "drop later rows of one id, rather than fail", 0, 0},
	{0}
};

const struct opt select_output_options[] = {
	{"zstd", 0, OPT_FLAG, AT(zstd), NULL, "write zstd (default: as the first input is)", 0, 0},
	{"plain", 0, OPT_FLAG, AT(plain), NULL, "write plain JSONL", 0, 0},
	{0}
};

/* One input's rows.  which: the place of a row's score; or, without one, ~(where its
 * id is in ids); or that it was broken or dropped. */
static const long GONE = LONG_MIN;
struct part {
	struct rows *in;
	char *path;                     /* of what is added */
	long *which, n, room;
	struct buf ids;
};

struct picker {
	const struct select_opts *o;
	const struct scores *scores;
	char *seen, *picked;            /* for each score */
	long *rank, *group;             /* for each score; rank: from 1, 0 without a number */
	long numbers;                   /* how many have one */
	int any, csv;                   /* a row was seen; rows are CSV, under this header, if any */
	struct buf header;
	json_t *value;                  /* --by-group: value -> place in group_rows */
	long *group_rows, groups;
	struct fates *fates;
	struct zout *out;
	int open;                       /* the last row that was written lacks its LF */
	struct held { char *bytes; size_t n; int ended; } *held;   /* --top, --bottom: by rank */
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
	if (p->header.n != row->header_n || (row->header_n && memcmp(p->header.p, row->header, row->header_n)))
		die("%s: another CSV header than that of the rows before", row->file);
}

/* Keeps what was found out about a row: its score, or its id. */
static void note(struct part *part, const struct row *row, long score)
{
	while (part->n <= row->at) {
		if (part->n == part->room) {
			part->room = part->room * 3 / 2 + 1024;
			part->which = xrealloc(part->which, part->room * sizeof *part->which);
		}
		part->which[part->n++] = GONE;
	}
	if (score < 0) {
		score = ~(long)part->ids.n;
		buf_add(&part->ids, row->id, strlen(row->id) + 1);
	}
	part->which[row->at] = score;
}

/* Reads all rows and finds their scores. all: every scored row must come. */
static void read_rows(struct picker *p, struct part *part, int all)
{
	struct known *known = known_open(p->scores);
	const struct score *s;
	struct row row;

	if (!p->o->by_group)
		rows_known(part->in, known_id, known, p->scores->n);
	while (rows_next(part->in, &row)) {
		long group, at;

		check_form(p, &row);
		group = join_group(p, &row);
		s = score_lookup(p->scores->index, row.id, row.hash);
		at = s ? s - p->scores->row : -1;
		note(part, &row, at);
		if (!s)
			continue;
		p->seen[at] = 1;
		if (p->group)
			p->group[at] = group;
	}
	for (long i = 0; i < p->scores->n; i++)
		if (all && !p->seen[i])
			die("%s:%ld: the row %s that was scored is not there: another data set",
			    p->scores->name, i + 2, p->scores->row[i].id);
	known_close(known);
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
		note(part, &row, -1);
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
	if (o->zstd && o->plain)
		die_usage("--zstd and --plain exclude each other");
	threshold_of(o);
}

/* Ranks the scored rows that are there, and marks the picked ones. */
static void pick(struct picker *p)
{
	const struct select_opts *o = p->o;
	long n = p->scores->n, *order = xalloc(n * sizeof *order), first = 0, end;
	const struct score **score = xzalloc(n, sizeof *score);
	double least = threshold_of(o);

	for (long i = 0; i < n; i++)
		if (p->seen[i])
			score[i] = &p->scores->row[i];
	p->numbers = end = rank_order(score, n, order);
	for (long g = 0; o->keep && g < p->groups; g++)
		p->group_rows[g] = keep_count(o->keep, p->group_rows[g]);
	if (o->top && o->top < end)
		end = o->top;
	if (o->bottom && o->bottom < end)
		first = end - o->bottom;
	for (long i = 0; i < p->numbers; i++) {
		long at = order[i];

		p->rank[at] = i + 1;
		p->picked[at] = o->threshold ? score[at]->score >= least :
		                o->keep ? p->group_rows[p->group ? p->group[at] : 0]-- > 0 : i >= first && i < end;
	}
	free(score);
	free(order);
}

/* The rows go out as they came; only the last may lack its line feed. */
static void emit(struct picker *p, const char *bytes, size_t n, int ended)
{
	if (p->open)
		zout_str(p->out, "\n");
	zout_write(p->out, bytes, n);
	if (ended)
		zout_str(p->out, "\n");
	p->open = !ended;
}

static void annotate(const struct picker *p, const struct row *row, const char *id, long which, struct buf *b)
{
	const struct score *s = which < 0 ? NULL : &p->scores->row[which];
	json_t *o, *rank = s && p->rank[which] ? json_integer(p->rank[which]) : json_null();
	struct fault f;

	o = json_parse(row->bytes, row->text_n, &f);
	if (!o)
		die("%s:%ld: %s", row->file, row->line, f.text);
	if (!json_object_get(o, "id") || json_is_null(json_object_get(o, "id")))
		json_object_set_new(o, "id", json_string(id));
	json_object_set_new(o, "seal", json_pack("{s:o, s:o, s:o}", "score", real_or_null(s ? s->score : NAN),
		"weight", real_or_null(s ? s->weight : NAN), "rank", rank));
	b->n = 0;
	json_put(b, o);
	json_decref(o);
}

/* Writes the row, or holds it until the better ones, or worse ones, are there. */
static void take(struct picker *p, const struct row *row, const char *id, long which, int annotated)
{
	const char *bytes = row->bytes;
	int ended = row->ended;
	struct buf b = {0};
	size_t n = row->n;

	if (annotated) {
		annotate(p, row, id, which, &b);
		bytes = b.p;
		n = b.n;
		ended = 1;
	}
	if (p->held && which >= 0)
		p->held[p->rank[which] - 1] = (struct held){ xstrndup(bytes, n), n, ended };
	else
		emit(p, bytes, n, ended);
	buf_free(&b);
}

static void write_rows(struct picker *p, struct part *part)
{
	struct row row;

	rows_again(part->in);
	while (rows_next(part->in, &row)) {
		long which = row.at < part->n ? part->which[row.at] : GONE;
		const char *id = which < 0 ? part->ids.p + ~which : p->scores->row[which].id;

		if (which == GONE)
			continue;
		if ((which >= 0 && p->picked[which]) != p->o->invert) {
			take(p, &row, id, which, p->o->annotate);
			fate_kept(p->fates, id, row.line);
		} else {
			fate_dropped(p->fates, id, row.line, p->o->invert || (which >= 0 && p->rank[which]) ?
			             "not picked" : which >= 0 ? "null score" : "no score");
		}
	}
}

/* --top, --bottom */
static void write_held(struct picker *p)
{
	for (long k = 0; k < p->numbers; k++) {
		struct held *h = &p->held[p->o->bottom ? p->numbers - 1 - k : k];

		if (h->bytes)
			emit(p, h->bytes, h->n, h->ended);
		free(h->bytes);
	}
	free(p->held);
	p->held = NULL;
}

static void write_added(struct picker *p, struct part *part)
{
	struct row row;

	rows_again(part->in);
	while (rows_next(part->in, &row)) {
		long which = row.at < part->n ? part->which[row.at] : GONE;

		if (which == GONE)
			continue;
		emit(p, row.bytes, row.n, row.ended);
		fate_kept(p->fates, part->ids.p + ~which, row.line);
	}
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
	free(p->seen);
	free(p->picked);
}

void select_rows(char *const paths[], int n, const struct select_opts *o,
                 const struct fate_opts *fate, const char *output)
{
	struct picker p = { .o = o };
	struct part rows = {0}, added = {0};
	struct scores *scores;

	check(o, n);
	p.fates = fates_open(fate);
	for (int i = 0; i < (n ? n : 1); i++)
		spool(n ? paths[i] : NULL);
	if (o->add)
		spool(o->add);
	rows.in = rows_open(paths, n, p.fates, fate, o->dedupe);
	/* opened before the other inputs, so that it can be none of them */
	p.out = zout_open(output, o->zstd || (rows_zstd(rows.in) && !o->plain) ? ZOUT_ZSTD : ZOUT_PLAIN);
	p.scores = scores = scores_read(o->scores);
	p.seen = xzalloc(scores->n, 1);
	p.picked = xzalloc(scores->n, 1);
	p.rank = xzalloc(scores->n, sizeof *p.rank);
	p.group = o->by_group ? xzalloc(scores->n, sizeof *p.group) : NULL;
	p.value = json_object();
	read_rows(&p, &rows, !fate->limit);
	if (o->add)
		read_added(&p, &added, fate);
	pick(&p);
	p.held = o->top || o->bottom ? xzalloc(p.numbers, sizeof *p.held) : NULL;
	zout_write(p.out, p.header.p, p.header.n);
	write_rows(&p, &rows);
	if (p.held)
		write_held(&p);
	if (o->add)
		write_added(&p, &added);
	zout_close(p.out);
	fates_close(p.fates, 1);
	scores_close(scores);
	part_free(&rows);
	part_free(&added);
	picker_free(&p);
}
