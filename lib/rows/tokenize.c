/* SPDX-License-Identifier: MIT */
/* tokenize.c - see tokenize.h.
 *
 * Rows are read a few thousand at a time, encoded by all threads together, and written in
 * their order, so that the output does not depend on the threads.
 */
#include "tokenize.h"

#include <limits.h>
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/world.h"
#include "../base/num.h"
#include "../base/progress.h"
#include "tokens.h"

#define AT(field) offsetof(struct tokenize_opts, field)

const struct opt tokenize_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL",
         "model folder or GGUF file whose tokenizer is used", 0, 0},
	{"tokenizer", 't', OPT_TEXT, AT(tokenizer), "TOKENIZER",
         "tokenizer.json, GGUF file or tiktoken rank file", 0, 0},
	{"dedupe", 0, OPT_FLAG, AT(dedupe), NULL, "keep the first of rows that have one \"id\"", 0,
         1},
	{"decode", 0, OPT_FLAG, AT(decode), NULL,
         "read tokens instead, write their text: id, text, train", 0, 0},
	{"show", 0, OPT_FLAG, AT(show), NULL, "text for people instead: what is trained is marked",
         0, 0},
	{"json", 0, OPT_FLAG, AT(json), NULL, "JSONL instead: id, tokens, train", 0, 0},
	{"threads", 'j', OPT_COUNT, AT(threads), "THREADS", "threads; 0: one a core", 0, 0},
	{0},
};

enum { CHUNK = 4096 }; /* rows that are encoded together */

struct run {
	const struct tokenize_opts *opts;
	const struct fate_opts *fate_opts;
	struct tokenizer *tok;
	struct fates *fates;
	struct zout *out;
	struct mask *mask;            /* NULL: none */
	struct tokens_writer *writer; /* NULL where no token stream is written */
	int colour;
	struct share share; /* the rows that are encoded */
	struct buf text;    /* of the row at hand */
	long decoded;
};

static void check_usage(const struct tokenize_opts *o, const struct encode_opts *encode,
                        char *const paths[], int n)
{
	if (!o->model == !o->tokenizer)
		die_usage("needs -m MODEL or -t TOKENIZER, one of them");
	if (o->show && o->json)
		die_usage("--show and --json exclude each other");
	if (o->decode && o->mask.path)
		die_usage("--mask-tokens is for rows, not for --decode");
	if (o->decode && o->shard.shard)
		die_usage("--shard is for rows, not for --decode");
	shard_check(&o->shard, 1, paths, n);
	zstd_check(&o->packing);
	schema_check(&encode->schema, 1);
}

static void write_row(struct run *r, const struct tokens_row *row)
{
	const struct tokenize_opts *o = r->opts;

	r->text.n = 0;
	if (o->json)
		show_tokens(&r->text, row);
	else if (o->show)
		show_people(&r->text, row, r->tok, r->colour);
	else if (o->decode)
		show_text(&r->text, row, r->tok);
	else
		tokens_write(r->writer, row);
	zout_write(r->out, r->text.p, r->text.n);
}

/* The model's vocabulary where its folder tells (0: the tokenizer's own). */
static long vocabulary(const char *model)
{
	static const struct json_key key[] = {{"vocab_size", 'w'}, {0}};
	struct fault why;
	struct stat s;
	char *path;
	json_t *config;
	long n;

	if (!model || stat(model, &s) || !S_ISDIR(s.st_mode))
		return 0;
	path = xprintf("%s/config.json", model);
	config = json_read_file(path);
	if (json_check(config, key, &why))
		die("%s: %s", path, why.text);
	n = json_long(config, "vocab_size", 0);
	json_decref(config);
	free(path);
	return n > 0 && n <= INT32_MAX ? n : 0;
}

/* A row's tokens, and what became of it. */
struct encoding {
	struct ids ids;
	struct buf train;
	enum encoded how;
	struct fault why;
};

static void settle(struct run *r, const struct row *row, const struct encoding *e, long most)
{
	uint8_t *train = (uint8_t *)e->train.p;

	if (row->dropped) {
		row_tell_dropped(row, r->fates);
		return;
	}
	if (r->mask && (e->how == ENCODED || e->how == ENCODED_CUT) &&
	    !mask_row(r->mask, row->id, train, e->ids.n)) {
		fate_dropped(r->fates, row->id, row->line, "all masked");
		return;
	}
	if (!encode_fate(r->fates, row, e->how, &e->why, most))
		return;
	write_row(r, &(struct tokens_row){.token = e->ids.p,
	                                  .train = train,
	                                  .n = e->ids.n,
	                                  .id = row->id,
	                                  .id_n = (long)strlen(row->id),
	                                  .hash = row->hash,
	                                  .line = row->line});
}

/* --show tells on top in which template the rows stand. */
static void show_template(struct run *r, const char *name)
{
	r->text.n = 0;
	buf_fmt(&r->text, "== template: %s\n", name);
	zout_write(r->out, r->text.p, r->text.n);
}

/* How many rows there are, also broken ones. */
static long count_rows(const struct run *r, char *const paths[], int n)
{
	struct fates *fates = fates_open(&(struct fate_opts){.on_error = "skip"});
	struct rows *rows = rows_open(paths, n, fates, r->fate_opts, r->opts->dedupe);
	struct row *row = xalloc(CHUNK * sizeof *row);
	long count = 0;
	int got;

	while ((got = rows_take(rows, row, CHUNK))) {
		rows_release(row, got);
		count += got;
	}
	free(row);
	rows_close(rows);
	fates_close(fates, 0);
	return count;
}

/* Encodes the share's rows; the others are read alone. */
static void encode_all(struct run *r, struct rows *rows, const struct encoder *encoder, long most)
{
	struct row *row = xalloc(CHUNK * sizeof *row);
	struct encoding *e = xzalloc(CHUNK, sizeof *e);
	struct progress *p = progress_open("tokenize", "rows", 0);
	long done = 0;
	int n;

	while ((n = rows_take(rows, row, CHUNK))) {
		int from = (int)long_min(long_max(r->share.first - done, 0), n);
		int to = (int)long_min(long_max(r->share.end - done, 0), n);

#pragma omp parallel for schedule(dynamic, 16)
		for (int i = from; i < to; i++)
			if (!row[i].dropped)
				e[i].how = encode_row(encoder, row[i].json, 0, &e[i].ids,
				                      &e[i].train, &e[i].why);
		for (int i = from; i < to; i++)
			settle(r, &row[i], &e[i], most);
		rows_release(row, n);
		progress_at(p, done += n, NULL);
	}
	progress_close(p);
	for (int i = 0; i < CHUNK; i++) {
		ids_free(&e[i].ids);
		buf_free(&e[i].train);
	}
	free(row);
	free(e);
}

static struct tokens_writer *writer_open(const struct run *r, const struct encoder *encoder,
                                         const struct opt_group *recorded)
{
	const char *template = template_name(encoder_template(encoder));
	json_t *settings = json_settings(recorded);
	struct tokens_writer *w;
	char fingerprint[17];

	tokenizer_fingerprint(r->tok, (int32_t)vocabulary(r->opts->model), fingerprint);
	json_object_set_new(settings, "template", json_string(template));
	w = tokens_write_open(r->out, fingerprint, template, settings);
	json_decref(settings);
	return w;
}

static void encode(struct run *r, char *const paths[], int n, const struct encode_opts *opts,
                   const struct opt_group *recorded)
{
	int shares = shard_asked(&r->opts->shard);
	struct encoder *encoder = encoder_open(r->tok, opts);
	struct rows *rows = rows_open(paths, n, r->fates, r->fate_opts, r->opts->dedupe);

	r->share = shares ? shard_of(&r->opts->shard, count_rows(r, paths, n), 1)
	                  : (struct share){0, LONG_MAX, 1};
	if (r->opts->show && r->share.head)
		show_template(r, template_name(encoder_template(encoder)));
	else if (!r->opts->json && !r->opts->show)
		r->writer = writer_open(r, encoder, recorded);
	encode_all(r, rows, encoder, opts->max_tokens);
	if (!r->opts->shard.shard)
		fates_need_row(r->fates);
	world_same("the rows", rows_hash(rows));
	if (r->writer)
		tokens_write_close(r->writer, rows_hash(rows));
	rows_close(rows);
	encoder_close(encoder);
}

/* Writes the rows from `first` on; 0 when the limit is reached. */
static int decode_rows(void *run, const struct tokens *t, long first)
{
	struct run *r = run;
	long limit = r->fate_opts->limit;
	int32_t vocab;
	char fingerprint[17];

	if (!r->decoded) {
		vocab = (int32_t)vocabulary(r->opts->model);
		tokenizer_fingerprint(r->tok, vocab, fingerprint);
		if (!tokenizer_matches(r->tok, vocab, t->fingerprint))
			die("the tokens are of another tokenizer (fingerprint %s, this one has %s)",
			    t->fingerprint, fingerprint);
		if (r->opts->show)
			show_template(r, t->template);
	}
	for (long i = first; i < t->rows && (!limit || r->decoded < limit); i++, r->decoded++) {
		struct tokens_row row = tokens_row(t, i);

		write_row(r, &row);
	}
	return !limit || r->decoded < limit;
}

void tokenize(char *const paths[], int n, const struct tokenize_opts *o,
              const struct encode_opts *encode_opts, const struct fate_opts *fate_opts,
              const struct opt_group *recorded, const char *output)
{
	struct run r = {.opts = o, .fate_opts = fate_opts};
	int tokens = !o->show && !o->json && !o->decode, zstd = zstd_flag(&o->packing, tokens);
	const char *name = o->model ? o->model : o->tokenizer;

	check_usage(o, encode_opts, paths, n);
	json_settings_same(recorded);
	omp_set_num_threads(o->threads ? (int)o->threads : world_threads(omp_get_max_threads()));
	/* Outputs come before the tokenizer is read, so that they can be none of its files. */
	r.fates = fates_open_joined(fate_opts);
	r.out = zout_open(output,
	                  (o->decode ? 0 : ZOUT_JOINED) | zstd | (tokens ? ZOUT_BINARY : 0));
	r.colour = !output && !zstd && isatty(1);
	r.mask = mask_open(&o->mask);
	r.tok = o->decode ? tokenizer_open_vocabulary(name) : tokenizer_open(name);
	if (o->decode)
		tokens_each(paths, n, decode_rows, &r);
	else
		encode(&r, paths, n, encode_opts, recorded);
	zout_close(r.out);
	fates_close(r.fates, 0);
	tokenizer_close(r.tok);
	mask_close(r.mask);
	buf_free(&r.text);
}
