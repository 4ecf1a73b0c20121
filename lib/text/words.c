/* SPDX-License-Identifier: MIT */
/* words.c - see words.h.
 *
 * Python's \w is str.isalnum() or the underscore: the categories L and N.  Its
 * \s is str.isspace().  Its lower() maps each character by itself, but for
 *   U+0130, which becomes two, and
 *   U+03A3, the capital sigma, which is final (U+03C2) after a cased letter and
 *   before none, case-ignorable characters in between not counted.
 */
#include "words.h"

#include <string.h>

#include "unicode.h"

enum char_kind { SPACE, WORD, OTHER };

static enum char_kind kind_of(int32_t c)
{
	const char *category;

	if (python_is_space(c))
		return SPACE;
	if (c == '_')
		return WORD;
	category = unicode_category(c);
	return *category == 'L' || *category == 'N' ? WORD : OTHER;
}

/* Of the ASCII characters, worked out once. */
static enum char_kind ascii_kind(unsigned char c)
{
	if ((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_')
		return WORD;
	return c == ' ' || (c >= 9 && c <= 13) || (c >= 28 && c <= 31) ? SPACE : OTHER;
}

static enum char_kind first_kind(const char *p, const char *end, int *bytes)
{
	int32_t c;

	*bytes = 1;
	if (!((unsigned char)*p & 0x80))
		return ascii_kind(*p);
	*bytes = utf8_first(p, end - p, &c);
	return kind_of(c);
}

const char *next_word(const char **p, const char *end)
{
	const char *at = *p, *start;
	enum char_kind kind = SPACE;
	int bytes = 0;

	while (at < end && (kind = first_kind(at, end, &bytes)) == SPACE)
		at += bytes;
	*p = at;
	if (at == end)
		return NULL;
	start = at;
	do
		at += bytes;
	while (at < end && first_kind(at, end, &bytes) == kind);
	*p = at;
	return start;
}

static int is_cased(int32_t c)
{
	const char *category = unicode_category(c);

	return (category[0] == 'L' && strchr("ult", category[1])) || c == 0xaa || c == 0xba ||
	       (c >= 0x2160 && c <= 0x217f) || unicode_is_circled(c);
}

/* Marks, formats, modifiers, and the signs that stand inside words. */
static int is_case_ignorable(int32_t c)
{
	static const int32_t sign[] = {'\'',   '.',    ':',    0xb7,   0x387,  0x55f,
	                               0x5f4,  0x2018, 0x2019, 0x2024, 0x2027, 0xfe13,
	                               0xfe52, 0xfe55, 0xff07, 0xff0e, 0xff1a};
	const char *category = unicode_category(c);

	for (size_t i = 0; i < sizeof sign / sizeof *sign; i++)
		if (c == sign[i])
			return 1;
	return strstr("Mn Me Cf Lm Sk", category) != NULL;
}

/* Before the sigma at p, whose text begins at s, and after it. */
static int is_final(const char *s, const char *p, const char *end)
{
	int32_t before = -1, c;
	const char *q = p;

	while (q > s) {
		q -= utf8_last(s, q - s, &before);
		if (!is_case_ignorable(before))
			break;
	}
	if (before < 0 || is_case_ignorable(before) || !is_cased(before))
		return 0;
	for (p += 2; p < end; p += utf8_first(p, end - p, &c)) {
		utf8_first(p, end - p, &c);
		if (!is_case_ignorable(c))
			return !is_cased(c);
	}
	return 1;
}

void text_lower(const char *s, size_t n, struct buf *out)
{
	const char *p = s, *end = s + n;
	char code[4];
	int32_t c;

	buf_need(out, n + 1);
	while (p < end) {
		const char *start = p;
		char *to;

		buf_need(out, end - p + 1);
		for (to = out->p + out->n; p < end && !((unsigned char)*p & 0x80); p++)
			*to++ = *p >= 'A' && *p <= 'Z' ? *p + 32 : *p;
		out->n += p - start;
		if (p == end)
			break;
		start = p;
		p += utf8_first(p, end - p, &c);
		if (c == 0x130)
			buf_str(out, "i\xcc\x87");
		else if (c == 0x3a3)
			buf_str(out, is_final(s, start, end) ? "\xcf\x82" : "\xcf\x83");
		else
			buf_add(out, code, utf8_put(unicode_lower(c), code));
	}
}
