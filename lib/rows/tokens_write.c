/* SPDX-License-Identifier: MIT */
/* tokens_write.c - writes the token stream; see tokens.h and seal-tensors(5).
 *
 * A blob leaves when the next row would not fit it, so that the last blob, the
 * one that holds seal.end, is a data blob (an empty one when there are no rows).
 */
#include "tokens.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

enum { BLOB_ROWS = 4096, BLOB_TOKENS = 1 << 24 };

/* Wide types first keep each aligned. */
enum { OFFSETS, ID_OFFSETS, HASH, LINE, TOKENS, TRAIN, IDS, COLUMNS };

static const struct {
	char *name;
	enum st_type type;
} column[COLUMNS] = {
	{"offsets", ST_I64}, {"id_offsets", ST_I64}, {"hash", ST_U64}, {"line", ST_I64},
	{"tokens", ST_I32},  {"train", ST_U8},       {"ids", ST_U8},
};

struct tokens_writer {
	struct zout *out;
	char *fingerprint, *template, *settings;
	struct buf of[COLUMNS], blob;
	int64_t rows, all_rows; /* of this blob, of the segment */
};

static void add_i64(struct tokens_writer *w, int to, int64_t v)
{
	buf_add(&w->of[to], &v, sizeof v);
}

static void begin_blob(struct tokens_writer *w)
{
	for (int k = 0; k < COLUMNS; k++)
		w->of[k].n = 0;
	add_i64(w, OFFSETS, 0);
	add_i64(w, ID_OFFSETS, 0);
	w->rows = 0;
}

struct tokens_writer *tokens_write_open(struct zout *out, const char *fingerprint,
                                        const char *template, const json_t *settings)
{
	struct tokens_writer *w = xzalloc(1, sizeof *w);
	struct buf text = {0};

	json_put(&text, settings);
	w->out = out;
	w->fingerprint = xstrdup(fingerprint);
	w->template = xstrdup(template);
	w->settings = text.p;
	begin_blob(w);
	return w;
}

/* end: seal.end's value, or NULL. */
static void write_blob(struct tokens_writer *w, char *end)
{
	struct buf *b = &w->blob;
	struct st_tensor t[COLUMNS];
	struct st_meta meta[] = {
		{"seal.kind", "tokens"},        {"seal.version", SEAL_VERSION},
		{"seal.settings", w->settings}, {"seal.fingerprint", w->fingerprint},
		{"seal.template", w->template}, {"seal.end", end},
	};

	for (int k = 0; k < COLUMNS; k++) {
		long n = w->of[k].n / st_size(column[k].type);

		t[k] = (struct st_tensor){column[k].name, column[k].type, 1, {n},
		                          w->of[k].p,     w->of[k].n};
	}
	b->n = 0;
	st_write(b, t, COLUMNS, meta, sizeof meta / sizeof *meta - !end, 1);
	zout_write(w->out, b->p, b->n);
	zout_flush(w->out);
	begin_blob(w);
}

void tokens_write(struct tokens_writer *w, const struct tokens_row *r)
{
	struct buf *of = w->of;

	if (w->rows == BLOB_ROWS ||
	    (w->rows && of[TOKENS].n / sizeof *r->token + r->n > BLOB_TOKENS))
		write_blob(w, NULL);
	buf_add(&of[TOKENS], r->token, r->n * sizeof *r->token);
	buf_add(&of[TRAIN], r->train, r->n);
	add_i64(w, OFFSETS, of[TRAIN].n);
	buf_add(&of[IDS], r->id, r->id_n);
	add_i64(w, ID_OFFSETS, of[IDS].n);
	buf_add(&of[HASH], &r->hash, sizeof r->hash);
	add_i64(w, LINE, r->line);
	w->rows++;
	w->all_rows++;
}

void tokens_write_close(struct tokens_writer *w, uint64_t input)
{
	struct buf end = {0};
	char hex[17];

	hash_hex(input, hex);
	buf_fmt(&end, "{\"rows\":%lld,\"input\":\"%s\",\"history\":[{\"program\":",
	        (long long)w->all_rows, hex);
	json_put_text(&end, program_name(), strlen(program_name()));
	buf_fmt(&end, ",\"version\":\"%s\",\"settings\":%s,\"input\":\"%s\"}]}", SEAL_VERSION,
	        w->settings, hex);
	write_blob(w, end.p);
	buf_free(&end);
	for (int k = 0; k < COLUMNS; k++)
		buf_free(&w->of[k]);
	buf_free(&w->blob);
	free(w->fingerprint);
	free(w->template);
	free(w->settings);
	free(w);
}
