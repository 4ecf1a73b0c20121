/* dsir.c - see dsir.h.
 *
 *   p_target(b), p_raw(b)   the share of bucket b among all n-grams of the target's rows, of the rows
 *   score(row) = sum over its n-grams of log(p_target(b) + 1e-8) - log(p_raw(b) + 1e-8)
 *
 * With Gumbel noise added, the k best rows are a sample without replacement, each
 * drawn in proportion to exp(score): what DSIR calls importance resampling.
 *
 * A row's text is its turns joined by newlines.  Rows are read one by one, hashed
 * many at once, and counted in their order; two bytes an n-gram are held until the
 * counts are known.
 */
#include "dsir.h"

#include <math.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/rng.h"
#include "../data/row.h"

enum { STREAM = 0x44, CHUNK = 1024 };

#define AT(field) offsetof(struct dsir_opts, field)

const struct opt dsir_options[] = {
	{"target", 0, OPT_TEXT, AT(target), "ROWS", "rows of the kind that is wanted", 0, 0},
	{"gumbel", 0, OPT_FLAG, AT(gumbel), NULL, "add noise, so that the best k are a random sample", 0, 1},
	{"text", 0, OPT_TEXT, AT(schema.text), "KEY", "the bare text of one key is the row's", 0, 1},
	{"prompt-key", 0, OPT_TEXT, AT(schema.prompt_key), "KEY", "the key that holds the prompt", 0, 1},
	{"answer-key", 0, OPT_TEXT, AT(schema.answer_key), "KEY", "the key that holds the answer", 0, 1},
	{0}
};

void dsir_check(const struct dsir_opts *o, int is_method)
{
	const struct schema_opts *s = &o->schema;

	if (!is_method && (o->target || o->gumbel || s->text || s->prompt_key || s->answer_key))
		die_usage("--target, --gumbel, --text, --prompt-key and --answer-key are for --method dsir");
	if (!is_method)
		return;
	if (!o->target)
		die_usage("--method dsir needs --target ROWS");
	if (!s->prompt_key != !s->answer_key)
		die_usage("--prompt-key and --answer-key need each other");
	if (s->text && s->prompt_key)
		die_usage("--text and --prompt-key exclude each other");
}

struct counts { long of[DSIR_BUCKETS], total; };

struct reader {
	const struct dsir_opts *opts;
	int threads;
	struct gram_cache **cache;      /* [threads] */
	struct buf text;                /* of the rows at hand, one after the other */
	size_t at[CHUNK + 1];           /* where each begins */
	struct grams grams[CHUNK];
	int n;
	struct buf own;
	struct turn turn[TURNS];
};

/* Rows by identity, and their n-grams. */
struct list { struct score *row; struct grams *grams; long n, hashed, cap; };

static int add_text(struct reader *r, const json_t *row, struct fault *f)
{
	int n;

	r->own.n = 0;
	if (schema_turns(&r->opts->schema, row, 1, r->turn, &n, &r->own, f))
		return -1;
	for (int i = 0; i < n; i++) {
		if (i)
			buf_add(&r->text, "\n", 1);
		buf_add(&r->text, r->turn[i].text, r->turn[i].n);
	}
	r->at[++r->n] = r->text.n;
	return 0;
}

/* Counts the rows at hand; keeps their n-grams when there is a list. */
static void count(struct reader *r, struct counts *c, struct list *list)
{
	#pragma omp parallel for num_threads(r->threads) schedule(dynamic, 16)
	for (int i = 0; i < r->n; i++) {
		r->grams[i] = (struct grams){0};
		grams_add(&r->grams[i], r->text.p + r->at[i], r->at[i + 1] - r->at[i], r->cache[omp_get_thread_num()]);
	}
	for (int i = 0; i < r->n; i++) {
		struct grams *g = &r->grams[i];

		for (long k = 0; k < g->n; k++)
			c->of[g->p[k]]++;
		c->total += g->n;
		if (list)
			list->grams[list->hashed++] = (struct grams){xrealloc(g->p, g->n * sizeof *g->p + 1), g->n, g->n};
		else
			free(g->p);
	}
	r->n = 0;
	r->text.n = 0;
}

static void enter(struct list *l, const struct row *row)
{
	if (l->n == l->cap) {
		l->cap = l->cap * 3 / 2 + 1024;
		l->row = xrealloc(l->row, l->cap * sizeof *l->row);
		l->grams = xrealloc(l->grams, l->cap * sizeof *l->grams);
	}
	l->row[l->n++] = (struct score){
		.id = xstrdup(row->id), .hash = row->hash, .line = row->line, .score = NAN, .weight = NAN,
		.visits = -1, .last = -1, .loss_base = NAN, .loss = NAN, .loss_hat = NAN,
	};
}

/* Reads rows and counts their n-grams; returns the hash of what was read. */
static uint64_t read_rows(struct reader *r, char *const paths[], int n, const struct fate_opts *opts,
                          struct counts *c, struct list *list)
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
		if (list)
			enter(list, &row);
		if (r->n == CHUNK)
			count(r, c, list);
	}
	count(r, c, list);
	hash = rows_hash(rows);
	rows_close(rows);
	fates_close(fates, 0);
	return hash;
}

static void score_list(struct list *l, const struct counts *target, const struct counts *raw, int gumbel,
                       uint64_t seed)
{
	struct rng rng = rng_new(seed, STREAM);
	double ratio[DSIR_BUCKETS];

	for (int b = 0; b < DSIR_BUCKETS; b++)
		ratio[b] = log((double)target->of[b] / target->total + 1e-8) -
		           log((double)raw->of[b] / raw->total + 1e-8);
	for (long i = 0; i < l->n; i++) {
		double sum = 0;

		for (long k = 0; k < l->grams[i].n; k++)
			sum += ratio[l->grams[i].p[k]];
		l->row[i].score = gumbel ? sum + rng_gumbel(&rng) : sum;
		free(l->grams[i].p);
	}
}

static struct reader *reader_open(const struct dsir_opts *o, int threads)
{
	struct reader *r = xzalloc(1, sizeof *r);

	r->opts = o;
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
	buf_free(&r->text);
	buf_free(&r->own);
	free(r);
}

void score_dsir(char *const paths[], int n, const struct dsir_opts *o, uint64_t seed, int threads,
                const struct fate_opts *opts, json_t *header, struct zout *out)
{
	struct reader *r = reader_open(o, threads);
	struct counts *target = xzalloc(1, sizeof *target), *raw = xzalloc(1, sizeof *raw);
	char *target_path[] = {(char *)o->target}, hex[17];
	struct list list = {0};

	hash_hex(read_rows(r, target_path, 1, &(struct fate_opts){.on_error = opts->on_error, .columns = opts->columns}, target, NULL), hex);
	read_rows(r, paths, n, opts, raw, &list);
	if (!target->total)
		die("%s: no words", o->target);
	if (list.n && !raw->total)
		die("no words in the rows");
	score_list(&list, target, raw, o->gumbel, seed);
	json_object_set_new(header, "target", json_string(hex));
	scores_write(out, header, list.row, list.n);
	for (long i = 0; i < list.n; i++)
		free(list.row[i].id);
	free(list.row);
	free(list.grams);
	free(target);
	free(raw);
	reader_close(r);
}
