/* SPDX-License-Identifier: MIT */
/* answer.c - numbers, letters and texts of answers; see answer.h. */
#include "answer.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "../base/buf.h"
#include "../text/unicode.h"

static int is_digit(char c) { return c >= '0' && c <= '9'; }

/* Whether a letter or digit begins at p. */
static int is_word(const char *p)
{
	int32_t code;

	if (!*p)
		return 0;
	utf8_first(p, strlen(p), &code);
	return unicode_is_word(code);
}

/* The length of what may stand before a number and be its sign, and whether it is minus. */
static int sign_at(const char *p, int *minus)
{
	*minus = *p == '-' || !strncmp(p, "\xe2\x88\x92", 3); /* U+2212 */
	return *p == '-' || *p == '+' ? 1 : *minus ? 3 : 0;
}

static int currency_at(const char *p)
{
	static const char *const signs[] = {"$", "\xc2\xa3", "\xc2\xa5", "\xe2\x82\xac"};

	for (size_t i = 0; i < sizeof signs / sizeof *signs; i++)
		if (!strncmp(p, signs[i], strlen(signs[i])))
			return (int)strlen(signs[i]);
	return 0;
}

/* p, or where what ends at p and is that begins. */
static const char *before(const char *text, const char *p, int (*what)(const char *))
{
	for (int n = 1; n <= 3 && p - n >= text; n++)
		if (what(p - n) == n)
			return p - n;
	return p;
}

static int any_sign(const char *p)
{
	int minus;

	return sign_at(p, &minus);
}

/* Whether the number whose first digit is at p has a minus. */
static int is_negative(const char *text, const char *p)
{
	const char *number = before(text, p, currency_at), *sign = before(text, number, any_sign);
	int32_t code;
	int minus;

	if (sign == number)
		return 0;
	sign_at(sign, &minus);
	if (sign == text)
		return minus;
	utf8_last(text, sign - text, &code);
	return minus && !unicode_is_word(code) &&
	       !(code > 0 && code < 128 && strchr(")]}%-+", code));
}

/* Reads digits with their commas, and decimals, from p; returns the end. */
static const char *read_decimal(const char *p, struct buf *b)
{
	size_t n = strspn(p, "0123456789");

	buf_add(b, p, n);
	p += n;
	while (n >= 1 && n <= 3 && *p == ',' && strspn(p + 1, "0123456789") == 3) {
		buf_add(b, p + 1, 3);
		p += 4;
	}
	if (*p != '.' || !is_digit(p[1]))
		return p;
	n = 1 + strspn(p + 1, "0123456789");
	buf_add(b, p, n);
	return p + n;
}

static const char *read_exponent(const char *p, struct buf *b)
{
	const char *digits = p + 1;
	size_t n;

	if (*p != 'e' && *p != 'E')
		return p;
	digits += *digits == '-' || *digits == '+';
	n = strspn(digits, "0123456789");
	if (!n || is_word(digits + n))
		return p;
	buf_add(b, p, digits + n - p);
	return digits + n;
}

static const char *read_number(const char *p, double *value)
{
	struct buf b = {0};
	const char *end = read_exponent(read_decimal(p, &b), &b);

	*value = strtod(b.p, NULL);
	buf_free(&b);
	return end;
}

/* The end of the number whose digits begin at p, with its value, which may be infinite; NULL where
 * none begins. */
static const char *number_at(const char *text, const char *p, double *value)
{
	int behind_digit = p > text && is_digit(p[-1]);
	int in_chain = p - text >= 2 && p[-1] == '/' && is_digit(p[-2]);
	const char *end, *last;
	double by;

	if (!is_digit(*p) && (*p != '.' || !is_digit(p[1]) || behind_digit))
		return NULL;
	end = read_number(p, value);
	if (*end == '/' && is_digit(end[1]) && !in_chain) {
		last = read_number(end + 1, &by);
		if (by != 0 && !(*last == '/' && is_digit(last[1]))) { /* 3/4, but not 3/4/2021 */
			*value /= by;
			end = last;
		}
	}
	if (is_negative(text, p))
		*value = -*value;
	*value += 0.0; /* there is no -0 */
	return end;
}

/* The number right behind a #### of the text. */
static int marked_number(const char *text, double *value)
{
	for (const char *p = text; (p = strstr(p, "####")); p++) {
		const char *q = p + 4;
		int minus;

		q += strspn(q, " \t");
		for (int i = 0; i < 2; i++) {
			q += sign_at(q, &minus);
			q += currency_at(q);
		}
		if (number_at(text, q, value) && isfinite(*value))
			return 1;
	}
	return 0;
}

json_t *answer_number(const char *text)
{
	double value, last = NAN;

	if (marked_number(text, &value))
		return json_real(value);
	for (const char *p = text; *p;) {
		const char *end = number_at(text, p, &value);

		if (end && isfinite(value))
			last = value;
		p = end ? end : p + 1;
	}
	return isnan(last) ? NULL : json_real(last);
}

/* What follows a letter that stands alone. */
static int is_alone(const char *next) { return !is_word(next) && *next != '\''; }

/* The same where the answer ends there, or its text begins. */
static int is_label(const char *next)
{
	if (*next && strchr(".):,*", *next))
		return 1;
	next += strspn(next, " \t\r");
	return !*next || *next == '\n';
}

static int is_choice(char c, const char *choices) { return c && strchr(choices, c) != NULL; }

static char behind_answer(const char *text, const char *choices)
{
	for (const char *p = text; *p; p++) {
		if (strncasecmp(p, "answer is", 9) && strncasecmp(p, "answer:", 7))
			continue;
		const char *q = p + (p[6] == ':' ? 7 : 9);

		q += strspn(q, " \t\r\n:*(\"`");
		if (is_choice(*q, choices) && is_alone(q + 1))
			return *q;
	}
	return 0;
}

static char in_parentheses(const char *text, const char *choices)
{
	for (const char *p = text; (p = strchr(p, '(')); p++)
		if (is_choice(p[1], choices) && p[2] == ')')
			return p[1];
	return 0;
}

static char at_beginning(const char *text, const char *choices)
{
	const char *p = text + strspn(text, " \t\r\n*");
	char upper = (char)(*p >= 'a' && *p <= 'z' ? *p - 'a' + 'A' : *p);

	if (is_choice(*p, choices) && is_label(p + 1))
		return *p;
	if (is_choice(upper, choices) && !p[1 + strspn(p + 1, " \t\r\n*.)")])
		return upper;
	return 0;
}

static char behind_colon(const char *text, const char *choices)
{
	for (const char *p = text; (p = strchr(p, ':')); p++) {
		const char *q = p + 1 + strspn(p + 1, " \t\r\n*");

		if (is_choice(*q, choices) && is_label(q + 1))
			return *q;
	}
	return 0;
}

json_t *answer_choice(const char *text, const char *choices)
{
	char found = behind_answer(text, choices);

	if (!found)
		found = in_parentheses(text, choices);
	if (!found)
		found = at_beginning(text, choices);
	if (!found)
		found = behind_colon(text, choices);
	return found ? json_stringn(&found, 1) : NULL;
}

json_t *answer_text(const char *text)
{
	struct buf b = {0};
	json_t *j;
	char c[4];

	for (size_t n = strlen(text); n;) {
		int32_t code;
		int bytes = utf8_first(text, n, &code);

		if (!unicode_is_space(code))
			buf_add(&b, c, code < 0 ? 0 : utf8_put(unicode_lower(code), c));
		else if (b.n && b.p[b.n - 1] != ' ')
			buf_str(&b, " ");
		text += bytes;
		n -= bytes;
	}
	b.n -= b.n && b.p[b.n - 1] == ' ';
	j = b.n ? json_stringn(b.p, b.n) : NULL;
	buf_free(&b);
	return j;
}
