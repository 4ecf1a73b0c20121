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

struct tokens_writer {
	struct zout *out;
	char *fingerprint, *template, *settings;
	struct buf token, offset, train, ids, id_offset, hash, line, blob;
	int64_t rows, all_rows; /* of this blob, of the segment */
};

static void add_i64(struct buf *b, int64_t v) { buf_add(b, &v, sizeof v); }

static void begin_blob(struct tokens_writer *w)
{
	struct buf *all[] = {&w->token,     &w->offset, &w->train, &w->ids,
	                     &w->id_offset, &w->hash,   &w->line};

	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		all[i]->n = 0;
	add_i64(&w->offset, 0);
	add_i64(&w->id_offset, 0);
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
	long total = w->token.n / sizeof(int32_t), rows = w->rows;
	struct st_tensor t[] = {
		/* wide types first keep each aligned */
		{"offsets", ST_I64, 1, {rows + 1}, w->offset.p, w->offset.n},
		{"id_offsets", ST_I64, 1, {rows + 1}, w->id_offset.p, w->id_offset.n},
		{"hash", ST_U64, 1, {rows}, w->hash.p, w->hash.n},
		{"line", ST_I64, 1, {rows}, w->line.p, w->line.n},
		{"tokens", ST_I32, 1, {total}, w->token.p, w->token.n},
		{"train", ST_U8, 1, {total}, w->train.p, w->train.n},
		{"ids", ST_U8, 1, {w->ids.n}, w->ids.p, w->ids.n},
	};
	struct st_meta meta[] = {
		{"seal.kind", "tokens"},        {"seal.version", SEAL_VERSION},
		{"seal.settings", w->settings}, {"seal.fingerprint", w->fingerprint},
		{"seal.template", w->template}, {"seal.end", end},
	};

	b->n = 0;
	st_write(b, t, sizeof t / sizeof *t, meta, sizeof meta / sizeof *meta - !end, 1);
	zout_write(w->out, b->p, b->n);
	zout_flush(w->out);
	begin_blob(w);
}

void tokens_write(struct tokens_writer *w, const struct tokens_row *r)
{
	if (w->rows == BLOB_ROWS || (w->rows && w->token.n / sizeof *r->token + r->n > BLOB_TOKENS))
		write_blob(w, NULL);
	buf_add(&w->token, r->token, r->n * sizeof *r->token);
	buf_add(&w->train, r->train, r->n);
	add_i64(&w->offset, w->token.n / sizeof *r->token);
	buf_add(&w->ids, r->id, r->id_n);
	add_i64(&w->id_offset, w->ids.n);
	buf_add(&w->hash, &r->hash, sizeof r->hash);
	add_i64(&w->line, r->line);
	w->rows++;
	w->all_rows++;
}

void tokens_write_close(struct tokens_writer *w, uint64_t input)
{
	struct buf *all[] = {&w->token,     &w->offset, &w->train, &w->ids,
	                     &w->id_offset, &w->hash,   &w->line,  &w->blob};
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
	for (size_t i = 0; i < sizeof all / sizeof *all; i++)
		buf_free(all[i]);
	free(w->fingerprint);
	free(w->template);
	free(w->settings);
	free(w);
}
