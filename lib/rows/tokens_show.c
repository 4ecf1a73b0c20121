/* SPDX-License-Identifier: MIT */
/* tokens_show.c - see tokenize.h. */
#include "tokenize.h"

#include "../format/jsonl.h"

void show_tokens(struct buf *b, const struct tokens_row *row)
{
	buf_str(b, "{\"id\":");
	json_put_text(b, row->id, row->id_n);
	buf_str(b, ",\"tokens\":[");
	for (long i = 0; i < row->n; i++)
		buf_fmt(b, i ? ",%d" : "%d", row->token[i]);
	buf_str(b, "],\"train\":[");
	for (long i = 0; i < row->n; i++)
		buf_str(b, i ? row->train[i] ? ",1" : ",0" : row->train[i] ? "1" : "0");
	buf_str(b, "]}\n");
}

/* Appends text of a row, that may hold anything, such that a terminal is safe
 * from it: control characters (C1 ones too) are spelled out. */
static void put_safe(struct buf *b, const struct buf *text)
{
	for (size_t i = 0; i < text->n; i++) {
		unsigned char c = text->p[i];
		int c1 = i && (unsigned char)text->p[i - 1] == 0xc2 && c >= 0x80 && c < 0xa0;

		if (c1)
			b->n--; /* the byte that leads it */
		if (c1 || (c < ' ' && c != '\n' && c != '\t') || c == 127)
			buf_fmt(b, "\\x%02x", c);
		else
			buf_add(b, text->p + i, 1);
	}
}

/* Where the run of tokens that begins at `from`, all trained or all not, ends. */
static long run_end(const struct tokens_row *row, long from)
{
	long to = from;

	while (to < row->n && row->train[to] == row->train[from])
		to++;
	return to;
}

void show_people(struct buf *b, const struct tokens_row *row, const struct tokenizer *tok,
                 int colour)
{
	struct buf text = {0};
	long trained = 0, from, to;

	for (long i = 0; i < row->n; i++)
		trained += row->train[i];
	buf_str(b, "== ");
	buf_add(&text, row->id, row->id_n);
	put_safe(b, &text);
	buf_fmt(b, " (line %ld, %ld tokens, %ld trained)\n", row->line, row->n, trained);
	for (from = 0; from < row->n; from = to) {
		to = run_end(row, from);
		text.n = 0;
		tokenizer_decode(tok, row->token + from, to - from, 1, !from, &text);
		if (row->train[from])
			buf_str(b, colour ? "\033[1;32m" : "\u00ab");
		put_safe(b, &text);
		if (row->train[from])
			buf_str(b, colour ? "\033[0m" : "\u00bb");
	}
	buf_str(b, "\n\n");
	buf_free(&text);
}

/* Where p[from..end) ends if a character that is cut at the end is left out. */
static size_t whole_characters(const char *p, size_t from, size_t end)
{
	for (size_t i = end; i > from && end - i < 4; i--) {
		unsigned char c = p[i - 1];

		if (c >= 0xc0)
			return end - i + 1 < (c < 0xe0 ? 2u : c < 0xf0 ? 3u : 4u) ? i - 1 : end;
		if (c < 0x80)
			break;
	}
	return end;
}

void show_text(struct buf *b, const struct tokens_row *row, const struct tokenizer *tok)
{
	struct buf raw = {0}, text = {0}, train = {0};
	size_t done = 0, end;
	long at = 0, from, to, begin;

	for (from = 0; from < row->n; from = to) {
		to = run_end(row, from);
		tokenizer_decode(tok, row->token + from, to - from, 1, !from, &raw);
		end = raw.n;
		if (to < row->n) /* the next run may complete a character */
			end = whole_characters(raw.p, done, raw.n);
		begin = at;
		at += buf_utf8(&text, raw.p + done, end - done);
		done = end;
		if (row->train[from] && at > begin)
			buf_fmt(&train, "%s[%ld,%ld]", train.n ? "," : "", begin, at);
	}
	buf_str(b, "{\"id\":");
	json_put_text(b, row->id, row->id_n);
	buf_str(b, ",\"text\":");
	json_put_text(b, text.n ? text.p : "", text.n);
	buf_fmt(b, ",\"train\":[%s]}\n", train.n ? train.p : "");
	buf_free(&raw);
	buf_free(&text);
	buf_free(&train);
}

json_t *show_pieces(const struct tokens_row *row, const struct tokenizer *tok)
{
	json_t *pieces = json_array();
	struct buf raw = {0};
	size_t done = 0;

	for (long i = 0; i < row->n; i++) {
		size_t end;

		tokenizer_decode(tok, row->token + i, 1, 1, !i, &raw);
		end = i + 1 < row->n ? whole_characters(raw.p, done, raw.n) : raw.n;
		json_array_append_new(pieces, json_repaired(raw.p ? raw.p + done : "", end - done));
		done = end;
	}
	buf_free(&raw);
	return pieces;
}
