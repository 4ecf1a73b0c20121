/* SPDX-License-Identifier: MIT */
/* dsir.c - importance weights of rows from hashed n-grams, without a model (Xie et al. 2023, "Data
 * Selection for Language Models via Importance Resampling", section 3).
 *
 *   p_target(b), p_raw(b)   the share of bucket b among all n-grams of the target's rows, and of
 *                           the rows that are scored, or of those of --against
 *   score(row) = sum over its n-grams of log(p_target(b) + 1e-8) - log(p_raw(b) + 1e-8)
 *
 * With Gumbel noise added to the scores, the k best rows are a sample without replacement, each
 * drawn in proportion to exp(score): what DSIR calls importance resampling.
 *
 * A row's text is its turns joined by newlines, calls of tools as JSON.  Rows are read one by one,
 * hashed many at once, and counted in their order.  Until all are counted, their n-grams lie in a
 * scratch file, two bytes each.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/rng.h"
#include "../format/scratch.h"
#include "../rows/row.h"
#include "../rows/schema.h"
#include "dsir_grams.h"
#include "row_list.h"
#include "score.h"

enum {
	STREAM = 0x44, /* of random numbers, apart from whatever else the same seed decides */
	CHUNK = 1024   /* rows that are hashed at once */
};

static struct dsir_opts {
	const char *target, *against;
	struct schema_opts schema;
	int gumbel;
} dsir;

#define AT(field) offsetof(struct dsir_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"target", 0, OPT_TEXT, AT(target), "ROWS", "rows of the kind that is wanted", 0, 0},
	{"against", 0, OPT_TEXT, AT(against), "ROWS",
		"rows of the kind that is not wanted, in place of those that are scored", 0, 0},
	{"gumbel", 0, OPT_FLAG, AT(gumbel), NULL,
		"add noise, so that the best k are a random sample", 0, 1},
	{0},
};
/* clang-format on */

static const struct opt_group groups[] = {{"DSIR (--method dsir)", options, &dsir},
                                          {"DSIR's rows", schema_options, &dsir.schema},
                                          {0}};

static void check(const struct score_opts *o, int chosen)
{
	const struct schema_opts *s = &dsir.schema;

	(void)o;
	if (chosen && !dsir.target)
		die_usage("--method dsir needs --target ROWS");
	if (chosen)
		schema_check(s, 1);
	else if (dsir.target || dsir.against || dsir.gumbel || s->schema || s->text ||
	         s->prompt_key || s->answer_key)
		die_usage("--target, --against, --gumbel, --schema, --text, --prompt-key and "
		          "--answer-key are for --method dsir");
}

struct counts {
	long of[DSIR_BUCKETS], total;
};

struct dsir_reader {
	int threads;
	struct gram_cache **cache; /* [threads] */
	/* The rows at hand, n of them. */
	int n;
	struct buf text;      /* of all, one after the other */
	size_t at[CHUNK + 1]; /* where each begins */
	struct grams grams[CHUNK];
	FILE *scratch; /* of each row a long, how many n-grams it has, and these; NULL: only count */
	struct dialogue row;
	struct buf own; /* the n-grams of a row, read back */
	/* For scoring. */
	double ratio[DSIR_BUCKETS]; /* log(p_target + 1e-8) - log(p_raw + 1e-8) */
	struct rng rng;
};

/* Appends the row's text; -1 with a fault. */
static int add_text(struct dsir_reader *r, const json_t *row, struct fault *f)
{
	dialogue_clear(&r->row);
	if (schema_turns(&dsir.schema, row, 1, &r->row, f))
		return -1;
	for (int i = 0; i < r->row.n; i++) {
		if (i)
			buf_add(&r->text, "\n", 1);
		buf_add(&r->text, r->row.turn[i].text, r->row.turn[i].n);
		if (turn_calls(&r->row.turn[i]))
			json_put(&r->text, turn_calls(&r->row.turn[i]));
	}
	r->at[++r->n] = r->text.n;
	return 0;
}

/* Hashes and counts the rows at hand, and puts their n-grams aside. */
static void count(struct dsir_reader *r, struct counts *c)
{
#pragma omp parallel for num_threads(r->threads) schedule(dynamic, 16)
	for (int i = 0; i < r->n; i++) {
		r->grams[i].n = 0;
		grams_add(&r->grams[i], r->text.p + r->at[i], r->at[i + 1] - r->at[i],
		          r->cache[omp_get_thread_num()]);
	}
	for (int i = 0; i < r->n; i++) {
		struct grams *g = &r->grams[i];

		for (long k = 0; k < g->n; k++)
			c->of[g->p[k]]++;
		c->total += g->n;
		if (r->scratch) {
			scratch_write(r->scratch, &g->n, sizeof g->n);
			scratch_write(r->scratch, g->p, g->n * sizeof *g->p);
		}
	}
	r->n = 0;
	r->text.n = 0;
}

/* Reads rows, counts their n-grams, and lists them (list NULL: does not); returns the hash of what
 * was read. */
static uint64_t read_rows(struct dsir_reader *r, char *const paths[], int n,
                          const struct fate_opts *opts, struct counts *c, struct row_list *list)
{
	struct fates *fates = fates_open(opts);
	struct rows *rows = rows_open(paths, n, fates, opts, 0);
	struct row row;
	struct fault f;
	uint64_t hash;

	while (rows_next(rows, &row)) {
		if (add_text(r, row.json, &f)) {
			fate_broken(fates, row.file, row.id, row.line, row.element, "bad row", &f);
			continue;
		}
		fate_whole(fates, row.id, row.line, r->row.left_out);
		if (list)
			row_list_add(list, row.id, row.hash, row.line);
		if (r->n == CHUNK)
			count(r, c);
	}
	count(r, c);
	fates_need_row(fates);
	hash = rows_hash(rows);
	rows_close(rows);
	fates_close(fates, 0);
	return hash;
}

/* Of the next row whose n-grams were put aside. */
static double score(void *reader, long i)
{
	struct dsir_reader *r = reader;
	double sum = 0;
	long n;

	(void)i;
	scratch_read(r->scratch, &n, sizeof n);
	r->own.n = 0;
	buf_need(&r->own, n * sizeof(uint16_t));
	scratch_read(r->scratch, r->own.p, n * sizeof(uint16_t));
	for (long k = 0; k < n; k++)
		sum += r->ratio[((uint16_t *)r->own.p)[k]];
	return dsir.gumbel ? sum + rng_gumbel(&r->rng) : sum;
}

/* Counts the rows of --against in place of those that are scored. */
static void read_against(struct dsir_reader *r, const struct fate_opts *opts, struct counts *raw,
                         json_t *header)
{
	FILE *scratch = r->scratch;
	uint64_t hash;

	r->scratch = NULL;
	memset(raw, 0, sizeof *raw);
	hash = read_rows(r, (char **)&dsir.against, 1, opts, raw, NULL);
	r->scratch = scratch;
	if (!raw->total)
		die("%s: no words", dsir.against);
	json_object_set_new(header, "against", json_hash(hash));
}

static void run(struct score_run *run)
{
	const struct fate_opts *opts = &run->o->fate;
	const struct fate_opts target_opts = {.on_error = opts->on_error, .columns = opts->columns};
	struct dsir_reader *r = xzalloc(1, sizeof *r);
	struct counts *target = xzalloc(1, sizeof *target), *raw = xzalloc(1, sizeof *raw);
	json_t *settings = json_settings(groups);
	long seed = run->o->train.seed;
	struct row_list rows = {0};
	uint64_t hash;

	r->threads = compute_threads(&run->o->compute);
	r->cache = xalloc(r->threads * sizeof *r->cache);
	for (int i = 0; i < r->threads; i++)
		r->cache[i] = gram_cache_open();
	hash = read_rows(r, (char **)&dsir.target, 1, &target_opts, target, NULL);
	r->scratch = scratch_open();
	read_rows(r, run->paths, run->n, opts, raw, &rows);
	if (!target->total)
		die("%s: no words", dsir.target);
	if (rows.n && !raw->total)
		die("no words in the rows");
	if (dsir.against)
		read_against(r, &target_opts, raw, run->header);
	json_object_set_new(settings, "seed", json_integer(seed));
	json_object_set_new(run->header, "settings", settings);
	json_object_set_new(run->header, "target", json_hash(hash));
	for (int b = 0; b < DSIR_BUCKETS; b++)
		r->ratio[b] = log((double)target->of[b] / target->total + 1e-8) -
		              log((double)raw->of[b] / raw->total + 1e-8);
	r->rng = rng_new(seed, STREAM);
	scratch_rewind(r->scratch);
	row_list_write(&rows, run, score, r);
	free(target);
	free(raw);
	for (int i = 0; i < r->threads; i++)
		gram_cache_close(r->cache[i]);
	free(r->cache);
	for (int i = 0; i < CHUNK; i++)
		free(r->grams[i].p);
	fclose(r->scratch);
	buf_free(&r->text);
	buf_free(&r->own);
	dialogue_free(&r->row);
	free(r);
}

const struct method method_dsir = {
	.name = "dsir",
	.what = "from n-grams shared with a target's rows",
	.needs = METHOD_SHARES,
	.score = "score",
	.options = groups,
	.columns = score_column,
	.check = check,
	.run = run,
};
