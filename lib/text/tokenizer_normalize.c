/* SPDX-License-Identifier: MIT */
/* tokenizer_normalize.c - the normaliser's steps, and what Unicode says of characters.
 *
 * The four normal forms (Unicode Standard Annex 15): every character is
 * decomposed, marks are sorted by their combining class, and for the C forms
 * characters are composed again.  The sorting is ours since utf8proc's own is
 * quadratic in the length of a run of marks.
 */
#include "tokenizer_in.h"

#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#include "../base/memory.h"

/* Below this byte no UTF-8 text is changed by the form: NFC keeps everything
 * before U+0300 (0xcc 0x80), the others keep ASCII. */
static int untouched(int kind, struct slice s)
{
	unsigned char least = kind == NORM_NFC ? 0xcc : 0x80;

	for (size_t i = 0; i < s.n; i++)
		if ((unsigned char)s.p[i] >= least)
			return 0;
	return 1;
}

/* Marks and compositions newer than Unicode 9, which the tables behind Hugging
 * Face's normalisers do not have: they pass as they are. */
static int is_newer(int32_t c)
{
	static const int32_t range[][2] = {
		{0x7fd, 0x7fd},     {0x898, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
		{0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},
		{0x1df6, 0x1dfa},   {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},
		{0xab69, 0xab69},   {0x10781, 0x107ba}, {0x10d24, 0x10f85}, {0x11070, 0x11070},
		{0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x11a99}, {0x11d42, 0x11f42},
		{0x16ff0, 0x16ff1}, {0x1e030, 0x1e4ef}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9},
	};

	for (size_t i = 0; i < sizeof range / sizeof *range && c >= range[i][0]; i++)
		if (c <= range[i][1])
			return 1;
	return 0;
}

static int class_of(int32_t c)
{
	return is_newer(c) ? 0 : utf8proc_get_property(c)->combining_class;
}

static int by_key(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

/* Sorts marks stably: the key is class, place. */
static void sort_marks(int32_t *c, long n)
{
	uint64_t *key = xalloc(n * sizeof *key);
	int32_t *copy = xalloc(n * sizeof *copy);

	for (long i = 0; i < n; i++)
		key[i] = (uint64_t)class_of(c[i]) << 40 | i;
	memcpy(copy, c, n * sizeof *c);
	qsort(key, n, sizeof *key, by_key);
	for (long i = 0; i < n; i++)
		c[i] = copy[key[i] & 0xffffffffff];
	free(key);
	free(copy);
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

static void normal_form(int kind, struct slice s, struct buf *out)
{
	int compose = kind == NORM_NFC || kind == NORM_NFKC;
	int compat = kind == NORM_NFKC || kind == NORM_NFKD ? UTF8PROC_COMPAT : 0;
	long n = 0, cap = s.n + 32, first = 0;
	int32_t *c = xalloc(cap * sizeof *c);

	for (size_t at = 0; at < s.n;) {
		int32_t code;
		int last = 0;

		at += utf8_first(s.p + at, s.n - at, &code);
		if (cap - n < 32)
			c = xrealloc(c, (cap = cap * 2) * sizeof *c);
		if (code < 0 || is_newer(code))
			c[n++] = code < 0 ? 0xfffd : code;
		else
			n += utf8proc_decompose_char(code, c + n, 32, UTF8PROC_DECOMPOSE | compat,
			                             &last);
	}
	order_marks(c, n);
	out->n = 0;
	for (long i = 0; i <= n; i++) { /* nothing composes across a newer one */
		if (i < n && !is_newer(c[i]))
			continue;
		put_characters(c + first, i - first, compose, out);
		if (i < n)
			put_characters(c + i, 1, 0, out);
		first = i + 1;
	}
	free(c);
}

struct slice replace_text(struct buf *out, struct slice s, const char *from, const char *to)
{
	size_t n = strlen(from), m = strlen(to);

	out->n = 0;
	buf_need(out, s.n);
	while (s.n) {
		const char *hit = text_find(s, from, n);
		size_t before = hit ? (size_t)(hit - s.p) : s.n;

		buf_add(out, s.p, before);
		if (!hit)
			break;
		buf_add(out, to, m);
		s.p += before + n;
		s.n -= before + n;
	}
	return (struct slice){out->p, out->n};
}

struct slice normalize(const struct tokenizer *t, struct buf work[2], struct slice s, int prefix)
{
	int turn = 0;

	for (int i = 0; i < t->norms && s.n; i++) {
		const struct norm_step *step = &t->norm[i];
		struct buf *out = &work[turn];

		out->n = 0;
		if (step->kind == NORM_PREPEND) {
			if (!prefix)
				continue;
			buf_str(out, step->to);
			buf_add(out, s.p, s.n);
		} else if (step->kind == NORM_REPLACE) {
			replace_text(out, s, step->from, step->to);
		} else {
			if (untouched(step->kind, s))
				continue;
			normal_form(step->kind, s, out);
		}
		s = (struct slice){out->p, out->n};
		turn = !turn;
	}
	return s;
}

int is_space_char(int32_t c)
{
	return (c >= 9 && c <= 13) || c == ' ' || c == 0x85 || c == 0xa0 || c == 0x1680 ||
	       (c >= 0x2000 && c <= 0x200a) || c == 0x2028 || c == 0x2029 || c == 0x202f ||
	       c == 0x205f || c == 0x3000;
}

/* A regular expression's \w: letters, marks, decimal and letter numbers,
 * connecting punctuation, joiners, and the circled letters. */
int is_word_char(int32_t c)
{
	if (c < 0)
		return 0;
	switch (utf8proc_category(stand_in(c))) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_MN:
	case UTF8PROC_CATEGORY_MC:
	case UTF8PROC_CATEGORY_ME:
	case UTF8PROC_CATEGORY_ND:
	case UTF8PROC_CATEGORY_NL:
	case UTF8PROC_CATEGORY_PC: return 1;
	case UTF8PROC_CATEGORY_SO:
		return (c >= 0x24b6 && c <= 0x24e9) || (c >= 0x1f130 && c <= 0x1f149) ||
		       (c >= 0x1f150 && c <= 0x1f169) || (c >= 0x1f170 && c <= 0x1f189);
	default: return c == 0x200c || c == 0x200d;
	}
}

const char *char_category(int32_t c) { return utf8proc_category_string(c); }
int32_t char_lower(int32_t c) { return utf8proc_tolower(c); }
int char_put(int32_t c, char text[4]) { return utf8proc_encode_char(c, (utf8proc_uint8_t *)text); }
