/* SPDX-License-Identifier: MIT */
/* dsir.c - importance weights of rows, from hashed n-grams alone (Xie et al. 2023, "Data
 * Selection for Language Models via Importance Resampling").
 *
 *   p_target(b), p_raw(b)   the share of bucket b among all n-grams of the target's
 *                           rows, of the rows that are scored
 *   score(row) = sum over its n-grams of log(p_target(b) + 1e-8) - log(p_raw(b) + 1e-8)
 *
 * With Gumbel noise added, the k best rows are a sample without replacement, each
 * drawn in proportion to exp(score): what DSIR calls importance resampling.
 *
 * A row's text is its turns joined by newlines.  Rows are read one by one, hashed
 * many at once, and counted in their order; until the counts are known, they lie in a
 * scratch file: two bytes an n-gram, and who the row is.
 */
#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/rng.h"
#include "../format/scratch.h"
#include "../rows/row.h"
#include "../rows/schema.h"
#include "dsir_grams.h"
#include "method.h"
#include "row_list.h"
#include "score.h"

enum { STREAM = 0x44, CHUNK = 1024 };

static struct dsir_opts {
	const char *target;
	struct schema_opts schema;
	int gumbel;
} dsir;

#define AT(field) offsetof(struct dsir_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"target", 0, OPT_TEXT, AT(target), "ROWS", "rows of the kind that is wanted", 0, 0},
	{"gumbel", 0, OPT_FLAG, AT(gumbel), NULL, "add noise, so that the best k are a random sample", 0, 1},
	{0},
};
/* clang-format on */

static const struct opt_group groups[] = {{"DSIR (--method dsir)", options, &dsir},
                                          {"DSIR's rows", schema_options, &dsir.schema},
                                          {0}};

static void check(const struct score_opts *o, int operands, int chosen)
{
	const struct schema_opts *s = &dsir.schema;

	(void)o, (void)operands;
	if (!chosen &&
	    (dsir.target || dsir.gumbel || s->schema || s->text || s->prompt_key || s->answer_key))
		die_usage("--target, --gumbel, --schema, --text, --prompt-key and --answer-key are "
		          "for --method dsir");
	if (!chosen)
		return;
	if (!dsir.target)
		die_usage("--method dsir needs --target ROWS");
	schema_check(s, 1);
}

struct counts {
	long of[DSIR_BUCKETS], total;
};

struct reader {
	int threads;
	struct gram_cache **cache; /* [threads] */
	struct buf text;           /* of the rows at hand, one after the other */
	size_t at[CHUNK + 1];      /* where each begins */
	struct grams grams[CHUNK];
	struct who {
		uint64_t hash;
		long line, id_n, grams;
	} who[CHUNK];
	struct buf ids; /* theirs, one after the other */
	int n;
	FILE *scratch; /* NULL: only count */
	long rows;     /* in there */
	struct buf own;
	struct turn turn[TURNS_MOST];
};

static int add_text(struct reader *r, const json_t *row, struct fault *f)
{
	int n;

	r->own.n = 0;
	if (schema_turns(&dsir.schema, row, 1, r->turn, &n, &r->own, f))
		return -1;
	for (int i = 0; i < n; i++) {
		if (i)
			buf_add(&r->text, "\n", 1);
		buf_add(&r->text, r->turn[i].text, r->turn[i].n);
	}
	r->at[++r->n] = r->text.n;
	return 0;
}

static void put_aside(struct reader *r, int i, const char *id)
{
	struct grams *g = &r->grams[i];
	struct who *who = &r->who[i];

	who->grams = g->n;
	scratch_write(r->scratch, who, sizeof *who);
	scratch_write(r->scratch, id, who->id_n);
	scratch_write(r->scratch, g->p, g->n * sizeof *g->p);
	r->rows++;
}

/* Counts the rows at hand, and puts them aside. */
static void count(struct reader *r, struct counts *c)
{
	const char *id = r->ids.p;

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
		if (r->scratch)
			put_aside(r, i, id);
		id += r->who[i].id_n;
	}
	r->n = 0;
	r->text.n = r->ids.n = 0;
}

/* Reads rows and counts their n-grams; returns the hash of what was read. */
static uint64_t read_rows(struct reader *r, char *const paths[], int n,
                          const struct fate_opts *opts, struct counts *c)
{
	struct fates *fates = fates_open(opts);
	struct rows *rows = rows_open(paths, n, fates, opts, 0);
	struct row row;
	struct fault f;
	uint64_t hash;

	while (rows_next(rows, &row)) {
		if (add_text(r, row.json, &f)) {
			fate_broken(fates, row.file, row.id, row.line, "bad row", &f);
			continue;
		}
		fate_kept(fates, row.id, row.line);
		r->who[r->n - 1] =
			(struct who){.hash = row.hash, .line = row.line, .id_n = strlen(row.id)};
		buf_add(&r->ids, row.id, strlen(row.id));
		if (r->n == CHUNK)
			count(r, c);
	}
	count(r, c);
	hash = rows_hash(rows);
	rows_close(rows);
	fates_close(fates, 0);
	return hash;
}

/* Scores the rows that were put aside. */
static void score_all(struct reader *r, const struct counts *target, const struct counts *raw,
                      uint64_t seed, struct scores_out *out)
{
	struct rng rng = rng_new(seed, STREAM);
	struct buf id = {0}, grams = {0};
	double ratio[DSIR_BUCKETS];

	for (int b = 0; b < DSIR_BUCKETS; b++)
		ratio[b] = log((double)target->of[b] / target->total + 1e-8) -
		           log((double)raw->of[b] / raw->total + 1e-8);
	scratch_rewind(r->scratch);
	for (long i = 0; i < r->rows; i++) {
		double sum = 0;
		struct who who;
		uint16_t *g;

		scratch_read(r->scratch, &who, sizeof who);
		id.n = grams.n = 0;
		buf_need(&id, who.id_n);
		buf_need(&grams, who.grams * sizeof *g);
		scratch_read(r->scratch, id.p, who.id_n);
		scratch_read(r->scratch, grams.p, who.grams * sizeof *g);
		g = (uint16_t *)grams.p;
		for (long k = 0; k < who.grams; k++)
			sum += ratio[g[k]];
		if (dsir.gumbel)
			sum += rng_gumbel(&rng);
		scores_add(out, id.p, who.id_n, who.hash, who.line, &sum);
	}
	buf_free(&id);
	buf_free(&grams);
}

static struct reader *reader_open(int threads)
{
	struct reader *r = xzalloc(1, sizeof *r);

	r->threads = threads > 0 ? threads : omp_get_max_threads();
	r->cache = xalloc(r->threads * sizeof *r->cache);
	for (int i = 0; i < r->threads; i++)
		r->cache[i] = gram_cache_open();
	return r;
}

static void reader_close(struct reader *r)
{
	for (int i = 0; i < r->threads; i++)
		gram_cache_close(r->cache[i]);
	free(r->cache);
	for (int i = 0; i < CHUNK; i++)
		free(r->grams[i].p);
	if (r->scratch)
		fclose(r->scratch);
	buf_free(&r->ids);
	buf_free(&r->text);
	buf_free(&r->own);
	free(r);
}

static void run(struct score_run *run)
{
	const struct fate_opts *opts = &run->o->fate;
	const struct fate_opts target_opts = {.on_error = opts->on_error, .columns = opts->columns};
	struct reader *r = reader_open(run->o->compute.threads);
	struct counts *target = xzalloc(1, sizeof *target), *raw = xzalloc(1, sizeof *raw);
	json_t *settings = json_settings(groups);
	long seed = run->o->train.seed;
	char *target_path[] = {(char *)dsir.target}, hex[17];
	struct scores_out *out;

	hash_hex(read_rows(r, target_path, 1, &target_opts, target), hex);
	r->scratch = scratch_open();
	read_rows(r, run->paths, run->n, opts, raw);
	if (!target->total)
		die("%s: no words", dsir.target);
	if (r->rows && !raw->total)
		die("no words in the rows");
	json_object_set_new(settings, "seed", json_integer(seed));
	json_object_set_new(run->header, "settings", settings);
	json_object_set_new(run->header, "target", json_string(hex));
	out = scores_create(run->out, run->header, score_column(), &run->score, r->rows);
	score_all(r, target, raw, seed, out);
	scores_finish(out);
	free(target);
	free(raw);
	reader_close(r);
}

const struct method method_dsir = {
	.name = "dsir",
	.what = "from n-grams shared with a target's rows",
	.score = "score",
	.options = groups,
	.columns = score_column,
	.check = check,
	.run = run,
};
