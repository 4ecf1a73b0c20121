/* SPDX-License-Identifier: MIT */
/* jsonl_python.c - the JSON files of models, which Python wrote; see jsonl.h.
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
 */
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "foreign.h"
#include "jsonl.h"

/* Replaces the word that begins at b->p + from and ends the buffer, if it is such a number.  What a
 * number is, and which is too large, jansson knows: it is asked of words that may be large. */
static void replace(struct buf *b, size_t from)
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
		if (finite)
			buf_str(b, ".0");
	}
	if (!finite) {
		b->n = from;
		buf_fmt(b, "%.17g", JSON_NOT_FINITE);
	}
}

/* Appends the string that begins at s, with both quotes, and returns its length; n where it is not
 * closed. */
static size_t put_string(struct buf *b, const char *s, size_t n)
{
	size_t from = 0, i;

	for (i = 1; i < n && s[i] != '"'; i++) {
		if (s[i] != '\\')
			continue;
		i++;
		if (i + 5 > n || memcmp(s + i, "u0000", 5))
			continue;
		buf_add(b, s + from, i - 1 - from);
		buf_str(b, JSON_NUL);
		from = i + 5;
		i += 4;
	}
	i = i < n ? i + 1 : n;
	buf_add(b, s + from, i - from);
	return i;
}

static int is_word(char c) { return isalnum((unsigned char)c) || c == '+' || c == '-' || c == '.'; }

json_t *json_parse_python(const char *text, size_t n, struct fault *f)
{
	struct buf b = {0};
	size_t i = n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0, from;
	json_t *j;

	buf_need(&b, n);
	while (i < n) {
		from = i;
		if (text[i] == '"') {
			i += put_string(&b, text + i, n - i);
		} else if (is_word(text[i])) {
			while (i < n && is_word(text[i]))
				i++;
			buf_add(&b, text + from, i - from);
			replace(&b, b.n - (i - from));
		} else {
			buf_add(&b, text + i++, 1);
		}
	}
	j = json_parse_twice(b.p, b.n, f);
	buf_free(&b);
	return j;
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
