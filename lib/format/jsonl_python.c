/* SPDX-License-Identifier: MIT */
/* jsonl_python.c - JSON that Python wrote: models' files, and rows; see jsonl.h.
 *
 * Python's json module writes and reads numbers that JSON, or jansson, does not have: NaN,
 * Infinity, -Infinity, and whole numbers of any length (transformers' "model_max_length" is
 * 1000000000000000019884624838656 in most folders).  One of them in a key that nobody asks for
 * must not keep a model from being read.  So each is replaced, before jansson sees the text:
 *
 *   a whole number beyond 64 bits                   by the same number as a real
 *   what is not finite, or rounds to infinity       by the largest double, JSON_NOT_FINITE
 *   a NUL character in a text or a key, \u0000      by one that is none, JSON_NUL
 *
 * and json_check refuses them, by the name of the key, where a key is used.
 *
 * Rows have keys that nobody asks for as well, and texts in them may hold the character NUL, which
 * no text of these programs can.  Ids and groups are made of rows' values, so a value must not
 * become another one: in rows each of these becomes {JSON_UNREAD: its text}, which is of no type
 * that is asked for, and equal to no other.
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/utf8.h"
#include "foreign.h"
#include "jsonl.h"

/* Replaces the value that begins at b->p + from and ends the buffer; bad UTF-8 stays. */
static void set_unread(struct buf *b, size_t from)
{
	size_t n = b->n - from;
	char *value = xstrndup(b->p + from, n);
	json_t *utf8 = json_stringn(value, n);

	if (utf8) {
		b->n = from;
		buf_str(b, "{\"" JSON_UNREAD "\":");
		json_put_text(b, value, n);
		buf_str(b, "}");
	}
	json_decref(utf8);
	free(value);
}

const char *json_why_unread(const json_t *v)
{
	const char *text = json_text(v, JSON_UNREAD, NULL);

	if (!text)
		return NULL;
	return *text == '"' ? "holds a NUL character" : "is a number beyond 64 bits or a double's";
}

const char *json_unread_in(const json_t *v)
{
	const char *why = json_why_unread(v), *key;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item) { why = why ? why : json_unread_in(item); }
	json_object_foreach((json_t *)v, key, item) { why = why ? why : json_unread_in(item); }
	return why;
}

/* Replaces the word that begins at b->p + from and ends the buffer, if it is such a number.  What a
 * number is, and which is too large, jansson knows: it is asked of words that may be large. */
static void replace(struct buf *b, size_t from, int row)
{
	const char *word = b->p + from;
	int finite = strcmp(word, "NaN") && strcmp(word, "Infinity") && strcmp(word, "-Infinity");
	json_error_t e = {0};
	char *end;

	if (finite && (b->n - from > 18 || strpbrk(word, "eE"))) {
		json_decref(json_loads(word, JSON_DECODE_ANY, &e));
		finite = isfinite(strtod(word, &end));
		if (json_error_code(&e) != json_error_numeric_overflow || *end)
			return;
		if (row)
			set_unread(b, from);
		else if (finite)
			buf_str(b, ".0");
	} else if (!finite && row) {
		set_unread(b, from);
	}
	if (!finite && !row) {
		b->n = from;
		buf_fmt(b, "%.17g", JSON_NOT_FINITE);
	}
}

/* The length of the string that begins at s, with both quotes; n where it is not closed. */
static size_t string_length(const char *s, size_t n)
{
	for (size_t i = 1; i < n; i++)
		if (s[i] == '\\')
			i++;
		else if (s[i] == '"')
			return i + 1;
	return n;
}

/* Appends the string with JSON_NUL for every escaped NUL character. */
static void put_without_nul(struct buf *b, const char *s, size_t n)
{
	size_t from = 0;

	for (size_t i = 0; i + 6 <= n; i++) {
		if (s[i] != '\\')
			continue;
		i++;
		if (memcmp(s + i, "u0000", 5))
			continue;
		buf_add(b, s + from, i - 1 - from);
		buf_str(b, JSON_NUL);
		from = i + 5;
		i += 4;
	}
	buf_add(b, s + from, n - from);
}

static int is_word(char c) { return isalnum((unsigned char)c) || c == '+' || c == '-' || c == '.'; }

/* Whether a string of JSON spells the character NUL. */
static int spells_nul(const char *s, size_t n)
{
	for (size_t i = 0; i + 6 <= n; i++)
		if (s[i] == '\\' && !memcmp(s + i++, "\\u0000", 6))
			return 1;
	return 0;
}

/* A string before a colon is a key. */
static int is_key(const char *after, size_t n)
{
	while (n && strchr(" \t\r\n", *after) && *after)
		after++, n--;
	return n && *after == ':';
}

static json_t *parse_replaced(const char *text, size_t n, int row, struct fault *f)
{
	struct buf b = {0};
	size_t i = row ? 0 : utf8_bom(text, n), from;
	json_t *j;

	buf_need(&b, n);
	while (i < n) {
		from = i;
		if (text[i] == '"') {
			i += string_length(text + i, n - i);
			if (row)
				buf_add(&b, text + from, i - from);
			else
				put_without_nul(&b, text + from, i - from);
			if (row && spells_nul(text + from, i - from) && !is_key(text + i, n - i))
				set_unread(&b, b.n - (i - from));
		} else if (is_word(text[i])) {
			while (i < n && is_word(text[i]))
				i++;
			buf_add(&b, text + from, i - from);
			replace(&b, b.n - (i - from), row);
		} else {
			buf_add(&b, text + i++, 1);
		}
	}
	j = row ? json_parse(b.p, b.n, f) : json_parse_twice(b.p, b.n, f);
	buf_free(&b);
	return j;
}

json_t *json_parse_python(const char *text, size_t n, struct fault *f)
{
	return parse_replaced(text, n, 0, f);
}

json_t *json_parse_row(const char *text, size_t n, struct fault *f)
{
	json_t *j = json_parse(text, n, f);
	struct fault again;

	return j ? j : parse_replaced(text, n, 1, &again);
}

json_t *json_read_file(const char *path)
{
	struct zin *z = zin_open(path);
	struct buf b = {0};
	struct fault why;
	json_t *j;
	size_t got;

	do {
		buf_need(&b, 1 << 16);
		got = zin_read(z, b.p + b.n, 1 << 16);
		b.n += got;
	} while (got);
	j = json_parse_python(b.p, b.n, &why);
	if (!j)
		foreign_die(zin_name(z), b.p, b.n, &why);
	zin_close(z);
	buf_free(&b);
	return j;
}
