/* SPDX-License-Identifier: MIT */
/* seal-tokenize - rows to tokens: which ids a model reads, and which of them it
 * is trained to write. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/base/hash.h"
#include "../lib/base/memory.h"
#include "../lib/base/program.h"
#include "../lib/base/progress.h"
#include "../lib/rows/encode.h"
#include "../lib/rows/tokens_show.h"
#include "../lib/rows/tokens.h"

struct options {
	const char *model, *tokenizer;
	int dedupe, decode, show, json;
	long threads;
};

static struct opt_base base;
static struct zstd_opts packing;
static struct options opt;
static struct encode_opts encode_opts = ENCODE_DEFAULTS;
static struct fate_opts fate_opts = FATE_DEFAULTS;

#define AT(field) offsetof(struct options, field)
static const struct opt own_options[] = {
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

static const struct opt_group groups[] = {
	{"Model and form", own_options, &opt},
	{"General", base_options, &base},
	{"Output", zstd_options, &packing},
	{"Rows", row_options, &encode_opts},
	{"Length and training", length_options, &encode_opts},
	{"Broken rows", fate_options, &fate_opts},
	{0},
};

static const struct opt_program program =
	{"seal-tokenize",
         "Encodes rows of a dialogue or text (JSONL or CSV, plain or zstd) for training.",
         "[ROWS...]", groups};

/* A row in hand: read, then encoded, then written. */
struct item {
	json_t *json;
	char *id;
	const char *file;
	uint64_t hash;
	long line;
	struct ids ids;
	struct buf train;
	enum encoded how;
	struct fault fault;
};

enum { CHUNK = 4096 };

struct run {
	struct tokenizer *tok;
	struct encoder *encoder;
	struct fates *fates;
	struct zout *out;
	struct tokens_writer *writer; /* NULL with --show and --json */
	int colour;
	struct buf text;
	struct progress *progress;
	long read;
	struct item item[CHUNK];
	int n;
};

static void put(struct run *r, const struct item *it)
{
	const struct shown row = {it->id, it->line, it->ids.p, (uint8_t *)it->train.p, it->ids.n};

	r->text.n = 0;
	if (opt.json)
		show_tokens(&r->text, &row);
	else if (opt.show)
		show_people(&r->text, &row, r->tok, r->colour);
	else if (opt.decode)
		show_text(&r->text, &row, r->tok);
	else
		tokens_add(r->writer, it->id, it->hash, it->line, it->ids.p, (uint8_t *)it->train.p,
		           it->ids.n);
	zout_write(r->out, r->text.p, r->text.n);
}

static void settle(struct run *r, const struct item *it)
{
	int empty = !strncmp(it->fault.text, "empty ", 6);

	if (it->how == ENCODED_BROKEN) {
		fate_broken(r->fates, it->file, it->id, it->line,
		            empty ? it->fault.text : "bad row", &it->fault);
		return;
	}
	if (it->how == ENCODED_TOO_LONG) {
		fate_dropped(r->fates, it->id, it->line, it->fault.text);
		return;
	}
	if (it->how == ENCODED_CUT) {
		char reason[64];

		snprintf(reason, sizeof reason, "cut to %ld tokens", encode_opts.max_tokens);
		fate_truncated(r->fates, it->id, it->line, reason);
	} else {
		fate_kept(r->fates, it->id, it->line);
	}
	put(r, it);
}

/* Encodes the rows in hand, together, and writes them in order. */
static void drain(void *run)
{
	struct run *r = run;

#pragma omp parallel for schedule(dynamic, 16)
	for (int i = 0; i < r->n; i++) {
		struct item *it = &r->item[i];

		it->how = encode_row(r->encoder, it->json, 0, &it->ids, &it->train, &it->fault);
	}
	for (int i = 0; i < r->n; i++) {
		settle(r, &r->item[i]);
		json_decref(r->item[i].json);
		free(r->item[i].id);
	}
	r->read += r->n;
	r->n = 0;
	progress_at(r->progress, r->read, NULL);
}

static uint64_t run_rows(struct run *r, struct rows *rows)
{
	struct row row;

	rows_before(rows, drain, r);
	while (rows_next(rows, &row)) {
		struct item *it = &r->item[r->n++];

		it->json = json_incref(row.json);
		it->id = xstrdup(row.id);
		it->file = row.file;
		it->hash = row.hash;
		it->line = row.line;
		if (r->n == CHUNK)
			drain(r);
	}
	drain(r);
	return rows_hash(rows);
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

static void check_options(void)
{
	if (!opt.model == !opt.tokenizer)
		die_usage("needs -m MODEL or -t TOKENIZER, one of them");
	if (opt.show && opt.json)
		die_usage("--show and --json exclude each other");
	zstd_check(&packing);
	if (encode_opts.schema.prompt_key && !encode_opts.schema.answer_key)
		die_usage("--prompt-key needs --answer-key");
}

/* Before the tokenizer is read, so that it can be none of its files. */
static void open_output(struct run *r)
{
	int tokens = !opt.show && !opt.json && !opt.decode, zstd = zstd_flag(&packing, tokens);

	r->fates = fates_open(&fate_opts);
	r->out = zout_open(base.output, zstd | (tokens ? ZOUT_BINARY : 0));
	r->colour = !base.output && !zstd && isatty(1);
}

static void open_writer(struct run *r)
{
	char fingerprint[17];
	const char *template;
	json_t *settings;

	if (opt.show || opt.json)
		return;
	template = template_name(encoder_template(r->encoder));
	tokenizer_fingerprint(r->tok, vocabulary(opt.model), fingerprint);
	settings = json_settings(groups);
	json_object_set_new(settings, "template", json_string(template));
	r->writer = tokens_writer(r->out, fingerprint, template, settings);
	json_decref(settings);
}

/* Writes the rows from `first` on; 0 when the limit is reached. */
static int decode_rows(void *run, const struct tokens *t, long first)
{
	struct run *r = run;
	char fingerprint[17];
	struct buf id = {0};

	if (!r->read) {
		tokenizer_fingerprint(r->tok, vocabulary(opt.model), fingerprint);
		if (strcmp(fingerprint, t->fingerprint))
			die("the tokens are of another tokenizer (fingerprint %s, this one has %s)",
			    t->fingerprint, fingerprint);
	}
	for (long i = first; i < t->rows; i++) {
		struct tokens_row row = tokens_row(t, i);
		struct item it = {.line = row.line,
		                  .ids = {(int32_t *)row.token, row.n, 0},
		                  .train = {(char *)row.train, row.n, 0}};

		id.n = 0;
		buf_add(&id, row.id, row.id_n);
		it.id = id.p;
		put(r, &it);
		if (++r->read == fate_opts.limit)
			break;
	}
	buf_free(&id);
	return !fate_opts.limit || r->read < fate_opts.limit;
}

/* --decode: the rows of token streams, as text, or as --show and --json have them. */
static void decode(struct run *r, char *const paths[], int n)
{
	tokens_each(paths, n, decode_rows, r);
	zout_close(r->out);
	fates_close(r->fates, 0);
}

/* Rows to tokens. */
static void tokenize(struct run *r, char *const paths[], int n)
{
	struct rows *rows;
	uint64_t input;

	r->encoder = encoder_open(r->tok, &encode_opts);
	rows = rows_open(paths, n, r->fates, &fate_opts, opt.dedupe);
	open_writer(r);
	r->progress = progress_open("tokenize", "rows", 0);
	input = run_rows(r, rows);
	progress_close(r->progress);
	if (r->writer)
		tokens_finish(r->writer, input);
	zout_close(r->out);
	fates_close(r->fates, 0);
	rows_close(rows);
	for (int i = 0; i < CHUNK; i++) {
		ids_free(&r->item[i].ids);
		buf_free(&r->item[i].train);
	}
	encoder_close(r->encoder);
}

int main(int argc, char **argv)
{
	struct run *r = xzalloc(1, sizeof *r);
	int first;

	program_begin(argv);
	first = opt_parse(&program, argc, argv);
	check_options();
	notice_quiet(base.quiet);
	if (opt.threads)
		omp_set_num_threads(opt.threads);
	open_output(r);
	r->tok = tokenizer_open(opt.model ? opt.model : opt.tokenizer);
	(opt.decode ? decode : tokenize)(r, argv + first, argc - first);
	buf_free(&r->text);
	tokenizer_close(r->tok);
	free(r);
	return 0;
}
