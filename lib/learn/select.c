/* select.c - see select.h.
 *
 * The rows are held in memory while they are ranked: what a share means is
 * known only when all have been read, and then they need not be read again, so
 * that a pipe and a file are alike.
 */
#include "select.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../data/row.h"
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

struct held {
	size_t bytes, n, id;            /* places in the pool */
	long line, rank;                /* rank: from 1, 0 without a number */
	long group;
	int ended, picked;
	const struct score *score;      /* or NULL */
};

struct pool {
	struct buf text;
	struct held *row;
	long n, room;
	int csv;                        /* rows are CSV, under this header, if any */
	struct buf header;
	json_t *group;                  /* --by-group: value -> place in group_rows */
	long *group_rows, groups;
};

/* Counts the row in its group and says which that is; without --by-group all are of one. */
static long join_group(struct pool *p, const json_t *row, const char *key)
{
	struct buf b = {0};
	const char *value = key ? object_key(row, key, &b) : "";
	json_t *at;

	if (!p->group)
		p->group = json_object();
	at = json_object_get(p->group, value);
	if (!at) {
		json_object_set_new(p->group, value, at = json_integer(p->groups));
		p->group_rows = xrealloc(p->group_rows, (p->groups + 1) * sizeof *p->group_rows);
		p->group_rows[p->groups++] = 0;
	}
	buf_free(&b);
	p->group_rows[json_integer_value(at)]++;
	return json_integer_value(at);
}

/* All rows must fit one output: JSONL, or CSV under one header. */
static void check_form(struct pool *p, const struct row *row)
{
	if (!p->n) {
		p->csv = row->csv;
		buf_add(&p->header, row->header, row->header_n);
	}
	if (p->csv != row->csv)
		die("%s: CSV and JSONL do not mix in one output", row->file);
	if (p->header.n != row->header_n || (row->header_n && memcmp(p->header.p, row->header, row->header_n)))
		die("%s: another CSV header than that of the rows before", row->file);
}

static struct held *hold(struct pool *p, const struct row *row)
{
	struct held *h;

	check_form(p, row);
	if (p->n == p->room) {
		p->room = p->room * 3 / 2 + 1024;
		p->row = xrealloc(p->row, p->room * sizeof *p->row);
	}
	h = &p->row[p->n++];
	*h = (struct held){ .bytes = p->text.n, .n = row->n, .line = row->line, .ended = row->ended };
	buf_add(&p->text, row->bytes, row->n);
	h->id = p->text.n;
	buf_add(&p->text, row->id, strlen(row->id) + 1);
	return h;
}

static void pool_free(struct pool *p)
{
	buf_free(&p->text);
	buf_free(&p->header);
	json_decref(p->group);
	free(p->group_rows);
	free(p->row);
}

/* Reads all rows and finds their scores. all: every scored row must come. */
static void read_rows(struct pool *p, struct rows *rows, const struct scores *scores, int all,
                      const char *by_group)
{
	struct score_index *index = score_index(scores);
	char *seen = xzalloc(scores->n, 1);
	struct row row;

	while (rows_next(rows, &row)) {
		struct held *h = hold(p, &row);

		h->group = join_group(p, row.json, by_group);
		h->score = score_lookup(index, row.id, row.hash);
		if (h->score)
			seen[h->score - scores->row] = 1;
	}
	for (long i = 0; i < scores->n; i++)
		if (all && !seen[i])
			die("%s:%ld: the row %s that was scored is not there: another data set",
			    scores->name, i + 2, scores->row[i].id);
	free(seen);
	score_index_close(index);
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

/* Ranks the rows and marks the picked ones; order: all places, best first.
 * Returns how many rows have a number. */
static long pick(struct pool *p, const struct select_opts *o, long order[])
{
	const struct score **score = xalloc(p->n * sizeof *score);
	double least = threshold_of(o);
	long first = 0, end, numbers;

	for (long i = 0; i < p->n; i++)
		score[i] = p->row[i].score;
	numbers = end = rank_order(score, p->n, order);
	free(score);
	for (long g = 0; o->keep && g < p->groups; g++)
		p->group_rows[g] = keep_count(o->keep, p->group_rows[g]);
	if (o->top && o->top < end)
		end = o->top;
	if (o->bottom && o->bottom < end)
		first = end - o->bottom;
	for (long i = 0; i < numbers; i++) {
		struct held *h = &p->row[order[i]];

		h->rank = i + 1;
		h->picked = o->threshold ? h->score->score >= least :
		            o->keep ? p->group_rows[h->group]-- > 0 : i >= first && i < end;
	}
	return numbers;
}

/* The rows go out as they came; only the last may lack its line feed. */
struct sink { struct zout *out; int open; };

static void emit(struct sink *s, const char *bytes, size_t n, int ended)
{
	if (s->open)
		zout_str(s->out, "\n");
	zout_write(s->out, bytes, n);
	if (ended)
		zout_str(s->out, "\n");
	s->open = !ended;
}

static void annotated(struct buf *b, const struct pool *p, const struct held *h)
{
	const char *bytes = p->text.p + h->bytes;
	struct fault f;
	json_t *row;

	if (p->csv)
		die("--annotate: rows of CSV have no place for it");
	row = json_parse(bytes, h->n, &f);
	if (!row)
		die("line %ld: %s", h->line, f.text);
	if (!json_object_get(row, "id") || json_is_null(json_object_get(row, "id")))
		json_object_set_new(row, "id", json_string(p->text.p + h->id));
	json_object_set_new(row, "seal", json_pack("{s:o, s:o, s:o}",
		"score", real_or_null(h->score ? h->score->score : NAN),
		"weight", real_or_null(h->score ? h->score->weight : NAN),
		"rank", h->rank ? json_integer(h->rank) : json_null()));
	b->n = 0;
	json_put(b, row);
	json_decref(row);
}

static void write_row(struct sink *s, const struct pool *p, long i, int annotate, struct buf *b)
{
	const struct held *h = &p->row[i];

	if (annotate) {
		annotated(b, p, h);
		emit(s, b->p, b->n, 1);
	} else {
		emit(s, p->text.p + h->bytes, h->n, h->ended);
	}
}

static void write_rows(struct sink *s, const struct pool *p, const struct select_opts *o,
                       const long order[], long numbers)
{
	struct buf b = {0};

	for (long k = 0; k < p->n; k++) {
		long i = o->top ? order[k] : o->bottom ? order[k < numbers ? numbers - 1 - k : k] : k;

		if (p->row[i].picked != o->invert)
			write_row(s, p, i, o->annotate, &b);
	}
	buf_free(&b);
}

static void tell(struct fates *fates, const struct pool *p, int invert)
{
	for (long i = 0; i < p->n; i++) {
		const struct held *h = &p->row[i];
		const char *id = p->text.p + h->id;

		if (h->picked != invert)
			fate_kept(fates, id, h->line);
		else
			fate_dropped(fates, id, h->line, h->rank || invert ? "not picked" :
			             h->score ? "null score" : "no score");
	}
}

/* --add: all rows of a file, whatever the limit. */
static void read_added(struct pool *p, struct pool *rows, const char *path, struct fates *fates,
                       const struct fate_opts *opts)
{
	struct fate_opts all = *opts;
	char *paths[] = { (char *)path };
	struct rows *in;
	struct row row;

	all.limit = 0;
	in = rows_open(paths, 1, fates, &all, 0);
	while (rows_next(in, &row)) {
		if (rows->n && !p->n)
			check_form(rows, &row);
		hold(p, &row)->picked = 1;
	}
	rows_close(in);
}

void select_rows(char *const paths[], int n, const struct select_opts *o,
                 const struct fate_opts *fate, const char *output)
{
	struct pool rows = {0}, added = {0};
	struct fates *fates;
	struct rows *in;
	struct sink sink = {0};
	struct scores *scores;
	struct buf none = {0};
	long *order, numbers;

	check(o, n);
	fates = fates_open(fate);
	in = rows_open(paths, n, fates, fate, o->dedupe);
	/* opened before the other inputs, so that it can be none of them */
	sink.out = zout_open(output, o->zstd || (rows_zstd(in) && !o->plain) ? ZOUT_ZSTD : ZOUT_PLAIN);
	scores = scores_read(o->scores);
	read_rows(&rows, in, scores, !fate->limit, o->by_group);
	rows_close(in);
	if (o->add)
		read_added(&added, &rows, o->add, fates, fate);
	order = xalloc(rows.n * sizeof *order);
	numbers = pick(&rows, o, order);
	zout_write(sink.out, rows.header.p, rows.header.n);
	write_rows(&sink, &rows, o, order, numbers);
	for (long i = 0; i < added.n; i++)
		write_row(&sink, &added, i, 0, &none);
	zout_close(sink.out);
	tell(fates, &rows, o->invert);
	tell(fates, &added, 0);
	fates_close(fates, 1);
	free(order);
	scores_close(scores);
	pool_free(&rows);
	pool_free(&added);
}
