/* seal-tokenize - rows to tokens: which ids a model reads, and which of them it
 * is trained to write. */
#include <omp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/base/hash.h"
#include "../lib/base/progress.h"
#include "../lib/data/encode.h"
#include "../lib/data/tokens.h"

struct options {
	const char *model, *tokenizer;
	int dedupe, show, json, zstd, plain;
	long threads;
};

static struct opt_base base;
static struct options opt;
static struct encode_opts encode_opts = ENCODE_DEFAULTS;
static struct fate_opts fate_opts = FATE_DEFAULTS;

#define AT(field) offsetof(struct options, field)
static const struct opt own_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "model folder or GGUF file whose tokenizer is used", 0, 0},
	{"tokenizer", 't', OPT_TEXT, AT(tokenizer), "TOKENIZER", "tokenizer.json, GGUF file or tiktoken rank file", 0, 0},
	{"dedupe", 0, OPT_FLAG, AT(dedupe), NULL, "keep the first of rows that have one \"id\"", 0, 1},
	{"show", 0, OPT_FLAG, AT(show), NULL, "text for people instead: what is trained is marked", 0, 0},
	{"json", 0, OPT_FLAG, AT(json), NULL, "JSONL instead: id, tokens, train", 0, 0},
	{"zstd", 0, OPT_FLAG, AT(zstd), NULL, "compress the output (tokens are by default)", 0, 0},
	{"plain", 0, OPT_FLAG, AT(plain), NULL, "do not compress it", 0, 0},
	{"threads", 'j', OPT_COUNT, AT(threads), "THREADS", "threads; 0: one a core", 0, 0},
	{0}
};

static const struct opt_group groups[] = {
	{"Model and form", own_options, &opt},
	{"General", base_options, &base},
	{"Rows", row_options, &encode_opts},
	{"Length and training", length_options, &encode_opts},
	{"Broken rows", fate_options, &fate_opts},
	{0}
};

static const struct opt_program program = {
	"seal-tokenize", "Encodes rows of a dialogue or text (JSONL, plain or zstd) for training.",
	"[ROWS...]", groups
};

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
	struct tokens_writer *writer;   /* NULL with --show and --json */
	int colour;
	struct buf text;
	struct progress *progress;
	long read;
	struct item item[CHUNK];
	int n;
};

static void put_json(struct run *r, const struct item *it)
{
	struct buf *b = &r->text;

	b->n = 0;
	buf_str(b, "{\"id\":");
	json_put_text(b, it->id, strlen(it->id));
	buf_str(b, ",\"tokens\":[");
	for (long i = 0; i < it->ids.n; i++)
		buf_fmt(b, i ? ",%d" : "%d", it->ids.p[i]);
	buf_str(b, "],\"train\":[");
	for (long i = 0; i < it->ids.n; i++)
		buf_str(b, i ? it->train.p[i] ? ",1" : ",0" : it->train.p[i] ? "1" : "0");
	buf_str(b, "]}\n");
	zout_write(r->out, b->p, b->n);
}

/* Appends text of a row, that may hold anything, such that a terminal is safe
 * from it: control characters (C1 ones too) are spelled out. */
static void put_safe(struct buf *b, const struct buf *text)
{
	for (size_t i = 0; i < text->n; i++) {
		unsigned char c = text->p[i];
		int c1 = i && (unsigned char)text->p[i - 1] == 0xc2 && c >= 0x80 && c < 0xa0;

		if (c1)
			b->n--;                 /* the byte that leads it */
		if (c1 || (c < ' ' && c != '\n' && c != '\t') || c == 127)
			buf_fmt(b, "\\x%02x", c);
		else
			buf_add(b, text->p + i, 1);
	}
}

static void put_show(struct run *r, const struct item *it)
{
	struct buf *b = &r->text, text = {0};
	long trained = 0, from, to;

	for (long i = 0; i < it->ids.n; i++)
		trained += it->train.p[i];
	b->n = 0;
	buf_str(b, "== ");
	buf_add(&text, it->id, strlen(it->id));
	put_safe(b, &text);
	buf_fmt(b, " (line %ld, %ld tokens, %ld trained)\n", it->line, it->ids.n, trained);
	for (from = 0; from < it->ids.n; from = to) {
		for (to = from; to < it->ids.n && it->train.p[to] == it->train.p[from]; to++)
			;
		text.n = 0;
		tokenizer_decode(r->tok, it->ids.p + from, to - from, 1, !from, &text);
		if (it->train.p[from])
			buf_str(b, r->colour ? "\033[1;32m" : "\u00ab");
		put_safe(b, &text);
		if (it->train.p[from])
			buf_str(b, r->colour ? "\033[0m" : "\u00bb");
	}
	buf_str(b, "\n\n");
	zout_write(r->out, b->p, b->n);
	buf_free(&text);
}

static void put(struct run *r, const struct item *it)
{
	if (opt.json)
		put_json(r, it);
	else if (opt.show)
		put_show(r, it);
	else
		tokens_add(r->writer, it->id, it->hash, it->line, it->ids.p, (uint8_t *)it->train.p, it->ids.n);
}

static void settle(struct run *r, const struct item *it)
{
	int empty = !strncmp(it->fault.text, "empty ", 6);

	if (it->how == ENCODED_BROKEN) {
		fate_broken(r->fates, it->file, it->id, it->line, empty ? it->fault.text : "bad row", &it->fault);
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
	struct stat s;
	char *path;
	json_t *config;
	long n;

	if (!model || stat(model, &s) || !S_ISDIR(s.st_mode))
		return 0;
	path = xprintf("%s/config.json", model);
	config = json_read_file(path);
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
	if (opt.zstd && opt.plain)
		die_usage("--zstd and --plain exclude each other");
	if (encode_opts.schema.prompt_key && !encode_opts.schema.answer_key)
		die_usage("--prompt-key needs --answer-key");
}

static void open_output(struct run *r)
{
	int tokens = !opt.show && !opt.json, zstd = opt.zstd || (tokens && !opt.plain);
	const char *template = template_name(encoder_template(r->encoder));
	char fingerprint[17];
	json_t *settings;

	r->out = zout_open(base.output, (zstd ? ZOUT_ZSTD : 0) | (tokens ? ZOUT_BINARY : 0));
	r->colour = !base.output && !zstd && isatty(1);
	if (!tokens)
		return;
	tokenizer_fingerprint(r->tok, vocabulary(opt.model), fingerprint);
	settings = json_settings(groups);
	json_object_set_new(settings, "template", json_string(template));
	r->writer = tokens_writer(r->out, fingerprint, template, settings);
	json_decref(settings);
}

int main(int argc, char **argv)
{
	int first = opt_parse(&program, argc, argv);
	struct run *r = xzalloc(1, sizeof *r);
	struct rows *rows;
	uint64_t input;

	check_options();
	notice_quiet(base.quiet);
	if (opt.threads)
		omp_set_num_threads(opt.threads);
	r->tok = tokenizer_open(opt.model ? opt.model : opt.tokenizer);
	r->encoder = encoder_open(r->tok, &encode_opts);
	r->fates = fates_open(&fate_opts);
	rows = rows_open(argv + first, argc - first, r->fates, &fate_opts, opt.dedupe);
	open_output(r);
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
	buf_free(&r->text);
	encoder_close(r->encoder);
	tokenizer_close(r->tok);
	free(r);
	return 0;
}
