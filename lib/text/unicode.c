/* SPDX-License-Identifier: MIT */
/* unicode.c - see unicode.h.
 *
 * The four normal forms (Unicode Standard Annex 15): every character is decomposed, marks are
 * sorted by their combining class, and for the C forms characters are composed again.  The
 * sorting is ours since utf8proc's own is quadratic in the length of a run of marks.
 */
#include "unicode.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "../base/memory.h"
#include "../base/num.h"

int utf8_last(const char *p, size_t n, int32_t *code)
{
	size_t back = 1;

	while (back < n && back < 4 && (p[n - back] & 0xc0) == 0x80)
		back++;
	return utf8_first(p + n - back, back, code) == (int)back ? (int)back : (*code = -1, 1);
}

/* Below this byte no UTF-8 text is changed by the form: NFC keeps everything before U+0300
 * (0xcc 0x80), the others keep ASCII. */
int unicode_is_plain(enum unicode_form form, const char *text, size_t n)
{
	unsigned char least = form == UNICODE_NFC ? 0xcc : 0x80;

	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] >= least)
			return 0;
	return 1;
}

static int class_of(int32_t c)
{
	return unicode_after_9(c) ? 0 : utf8proc_get_property(c)->combining_class;
}

/* Sorts marks stably: by class, then place. */
static void sort_marks(int32_t *c, long n)
{
	uint64_t *key = xalloc(n * sizeof *key);

	for (long i = 0; i < n; i++)
		key[i] = (uint64_t)class_of(c[i]) << 56 | (uint64_t)i << 21 | c[i];
	qsort(key, n, sizeof *key, u64_order);
	for (long i = 0; i < n; i++)
		c[i] = key[i] & 0x1fffff;
	free(key);
}

static void order_marks(int32_t *c, long n)
{
	long first = 0;

	for (long i = 0; i <= n; i++) {
		if (i < n && class_of(c[i]))
			continue;
		if (i - first > 1)
			sort_marks(c + first, i - first);
		first = i + 1;
	}
}

static void put_characters(int32_t *c, long n, int compose, struct buf *out)
{
	if (compose)
		n = utf8proc_normalize_utf32(c, n, UTF8PROC_COMPOSE | UTF8PROC_STABLE);
	for (long i = 0; i < n; i++) {
		utf8proc_uint8_t text[4];

		buf_add(out, text, utf8proc_encode_char(c[i], text));
	}
}

void unicode_normalize(enum unicode_form form, const char *text, size_t n, struct buf *out)
{
	int compose = form == UNICODE_NFC || form == UNICODE_NFKC;
	int compat = form == UNICODE_NFKC || form == UNICODE_NFKD ? UTF8PROC_COMPAT : 0;
	long got = 0, cap = (long)n + 32, first = 0;
	int32_t *c = xalloc(cap * sizeof *c);

	for (size_t at = 0; at < n;) {
		int32_t code;
		int last = 0;

		at += utf8_first(text + at, n - at, &code);
		if (cap - got < 32)
			c = xrealloc(c, (cap = cap * 2) * sizeof *c);
		if (code < 0 || unicode_after_9(code))
			c[got++] = code < 0 ? 0xfffd : code;
		else
			got += utf8proc_decompose_char(code, c + got, 32,
			                               UTF8PROC_DECOMPOSE | compat, &last);
	}
	order_marks(c, got);
	out->n = 0;
	for (long i = 0; i <= got; i++) { /* nothing composes across a newer one */
		if (i < got && !unicode_after_9(c[i]))
			continue;
		put_characters(c + first, i - first, compose, out);
		if (i < got)
			put_characters(c + i, 1, 0, out);
		first = i + 1;
	}
	free(c);
}

int unicode_is_space(int32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

int python_is_space(int32_t c) { return unicode_is_space(c) || (c >= 0x1c && c <= 0x1f); }

/* Circled letters, which are cased and of words, but no letters. */
int unicode_is_circled(int32_t c)
{
	return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
	       (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
}

/* A regular expression's \w: letters, marks, decimal and letter numbers,
 * connecting punctuation, joiners, and the circled letters. */
int unicode_is_word(int32_t c)
{
	const char *category = c < 0 ? "Cn" : unicode_category(unicode_stand_in(c));

	return strchr("LM", *category) || strstr("Nd Nl Pc", category) || unicode_is_circled(c) ||
	       c == 0x200c || c == 0x200d;
}

const char *unicode_category(int32_t c) { return utf8proc_category_string(c); }
int32_t unicode_lower(int32_t c) { return utf8proc_tolower(c); }
int32_t unicode_upper(int32_t c) { return utf8proc_toupper(c); }
int32_t unicode_title(int32_t c) { return utf8proc_totitle(c); }
int utf8_put(int32_t c, char text[4]) { return utf8proc_encode_char(c, (utf8proc_uint8_t *)text); }
