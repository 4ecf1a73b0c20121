/* SPDX-License-Identifier: MIT */
/* select.c - picks rows by their scores; see select.h.
 *
 * All rows are read first, joined with their scores, and put aside in a scratch file; then they are
 * ranked, and those that are picked are written.  Memory holds what ranking needs: of each row its
 * score, its hash (which decides among equal scores), and while rows are read, what tells ids
 * apart.
 *
 * Duplicates (dedupe.h) are found first, and from then on count as rows without a score.  Mixing
 * (mix.h) is picking so many of each file; without scores the score is a uniform number that the
 * seed and the row's id decide, so that other rows change nothing about a row's chances.
 */
#include "select_in.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/rng.h"
#include "../format/jsonl.h"
#include "../format/scratch.h"
#include "../rows/row.h"
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
	{"dedupe", 0, OPT_TEXT, AT(dedupe), "id|exact|near",
		"drop rows of one id, of equal turns, or of turns that are alike (near=J)", 0, 0},
	{"mix", 0, OPT_FLAG, AT(mix), NULL,
		"rows are given as FILE:SHARE, and are written in these shares", 0, 0},
	{"seed", 0, OPT_SEED, AT(seed), "N", "which rows are mixed, without --scores", 0, 0},
	{"threads", 'j', OPT_COUNT, AT(threads), "THREADS", "threads; 0: one a core", 0, 0},
	{0},
};
/* clang-format on */

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
	s->end += sizeof a + a.id_n + a.n;
}

/* Takes the next row, and whatever is to be known of it later. */
static void take_row(struct selection *s, struct row *row)
{
	struct join *j = s->join;
	struct rng rng;

	if (s->dedupe && dedupe_row(s->dedupe, row->json, &row->why)) {
		fate_broken(s->fates, row->file, row->id, row->line, row->element, "bad row",
		            &row->why);
		s->unread++;
		return;
	}
	if (s->dedupe) {
		s->place = xgrow(s->place, j->n, &s->place_room, sizeof *s->place);
		s->place[j->n] = s->end;
	}
	put_aside(s, row);
	if (s->mix || s->o->by_group) {
		s->group = xgrow(s->group, j->n, &s->group_room, sizeof *s->group);
		s->group[j->n] =
			s->mix ? row->source : object_group(s->groups, row->json, s->o->by_group);
	}
	join_row(j, row->id, row->id_n, row->hash);
	if (s->mix && !s->o->scores) {
		rng = rng_new(s->o->seed, hash_bytes(row->id, row->id_n));
		j->value[0][j->n - 1] = rng_unit(&rng);
	}
}

/* Reads the rows beside their scores. */
static void read_rows(struct selection *s, struct rows *rows, int limited)
{
	struct join *j = s->join;
	int scores = j->next != NULL; /* the file has some */
	struct row row;

	for (;;) {
		if (j->next && !s->o->by_group && !s->dedupe)
			rows_expect(rows, j->next->hash, j->next->id.p, j->next->id.n);
		if (!rows_next(rows, &row))
			break;
		take_row(s, &row);
	}
	rows_close(rows);
	join_end(j, !limited && !s->unread);
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

/* What says which rows are picked. */
static void check_criteria(const struct select_opts *o)
{
	int n = !!o->keep + !!o->threshold + !!o->top + !!o->bottom;

	if (!o->scores && ((!o->dedupe && !o->mix) || (n && !o->mix) || o->annotate))
		die_usage("--scores is missing");
	if (n > 1 || (!n && !o->dedupe && !o->mix))
		die_usage("exactly one of --keep, --threshold, --top, --bottom is needed");
	if (o->mix &&
	    (n != !!o->keep || o->by_group || (o->keep && o->keep[strspn(o->keep, "0123456789")])))
		die_usage("--mix goes with --keep of a count, or with none");
	if (o->keep && !select_auto(o) && keep_count(o->keep, 0) < 0)
		die_usage("--keep: '%s' is neither a count nor a share such as 80%%, nor auto",
		          o->keep);
	if (o->by_group && (!o->keep || select_auto(o)))
		die_usage("--by-group goes with --keep of a count or a share");
	if (o->invert && (o->top || o->bottom))
		die_usage("--invert goes with --keep or --threshold");
	select_threshold(o);
}

static void check(const struct select_opts *o, char *const paths[], int n, long limit)
{
	int std = !n + (o->add && zio_is_std(o->add)) + (o->scores && zio_is_std(o->scores));

	check_criteria(o);
	for (int i = 0; i < n; i++)
		std += zio_is_std(paths[i]);
	if (std > 1)
		die_usage("stdin can be read only once");
	if (o->mix && limit)
		die_usage("--mix reads whole files: --limit makes no sense");
	zstd_check(&o->packing);
	schema_check(&o->schema, 1);
	if (o->schema.schema || o->schema.prompt_key || o->schema.text)
		if (!o->dedupe || !strcmp(o->dedupe, "id"))
			die_usage("what a row says counts for --dedupe exact and near only");
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

/* Why row i is not written. */
static void tell_dropped(const struct selection *s, long i, const char *id, long line)
{
	struct buf other = {0};
	struct aside a;
	uint32_t k;

	if (!s->keeper || s->keeper[i] == i || s->o->invert) {
		fate_dropped(s->fates, id, line,
		             s->o->invert || s->rank[i] ? "not picked"
		             : s->join->scored[i]       ? "null score"
		                                        : "no score");
		return;
	}
	k = s->keeper[i];
	scratch_read_at(s->aside, &a, sizeof a, s->place[k]);
	buf_need(&other, a.id_n + 1);
	scratch_read_at(s->aside, other.p, a.id_n, s->place[k] + sizeof a);
	other.p[a.id_n] = 0;
	fate_dropped_beside(s->fates, id, line,
	                    dedupe_equal(s->dedupe, i, k) ? "duplicate" : "near duplicate",
	                    other.p);
	buf_free(&other);
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
			tell_dropped(s, i, id.p, a.line);
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

static void selection_close(struct selection *s)
{
	fclose(s->aside);
	join_close(s->join);
	dedupe_close(s->dedupe);
	mix_close(s->mix);
	buf_free(&s->header);
	json_decref(s->groups);
	free(s->place);
	free(s->keeper);
	free(s->group);
	free(s->rank);
	free(s->picked);
}

void select_rows(char *const paths[], int n, const struct select_opts *o,
                 const struct fate_opts *fate, const char *output)
{
	static const enum row_repeats repeats[] =
		{[DEDUPE_ID] = ROWS_FIRST, [DEDUPE_EXACT] = ROWS_EQUAL, [DEDUPE_NEAR] = ROWS_EQUAL};
	const struct formula by = formula_option("--by", o->by);
	const struct formula weight = formula_option("--annotate", "weight");
	const struct scores_want want[SCORES_FORMULAS] = {{&by, 0},
	                                                  {o->annotate ? &weight : NULL, 1}};
	struct selection s = {.o = o, .groups = json_object()};
	double alike;
	const enum dedupe_how how = dedupe_how(o->dedupe, &alike);
	struct rows *rows;

	if (o->mix) {
		s.mix = mix_open(paths, n);
		paths = s.mix->path;
	}
	check(o, paths, n, fate->limit);
	if (o->threads)
		omp_set_num_threads((int)o->threads);
	s.fates = fates_open(fate);
	rows = rows_open(paths, n, s.fates, fate, repeats[how]);
	/* opened before the other inputs, so that it can be none of them */
	s.out = zout_open(output, zstd_flag(&o->packing, rows_zstd(rows)));
	s.join = join_open(o->scores, want);
	s.aside = scratch_open();
	if (how > DEDUPE_ID)
		s.dedupe = dedupe_open(&o->schema, alike);
	read_rows(&s, rows, fate->limit != 0);
	if (o->add)
		read_added(&s, fate);
	scratch_rewind(s.aside);
	if (s.dedupe)
		select_duplicates(&s);
	select_pick(&s);
	zout_write(s.out, s.header.p, s.header.n);
	write_rows(&s);
	zout_close(s.out);
	fates_close(s.fates, 1);
	selection_close(&s);
}
