/* SPDX-License-Identifier: MIT */
/* values.c - see values.h.
 *
 * White space between the parts of a value is left out, so that a row has the bytes, and the hash,
 * that it has as a line of `jq -c`, however it was printed.  One space is kept where leaving it out
 * would join what is apart: 1 2 is no JSON, and 12 is.
 *
 * A text in quotes cannot go on in the next line; so a quote that is missing is noticed at the end
 * of its line, and not where the next one is.
 */
#include "values.h"

#include <string.h>

#include "../base/utf8.h"

/* Where in the text. */
enum {
	AT_TOP,     /* outside all values; in an array: before its first element */
	AT_ELEMENT, /* behind a comma, before an element */
	AT_COMMA,   /* behind an element */
	IN_VALUE,   /* in an object or array that is, or is in, a value */
	IN_STRING,
	IN_WORD, /* in an element that is a number, true, false, null, or no JSON */
};

static const char bom[] = "\xef\xbb\xbf";

static int is_space(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

/* What ends a word. */
static int is_mark(char c) { return is_space(c) || memchr("{}[],:\"", c, 7); }

static int bad(struct values *v, struct fault *f, const char *what)
{
	v->line = v->lines + 1;
	return fault(f, "%s", what);
}

static int begin(struct values *v, char c)
{
	v->text.n = v->open.n = 0;
	v->line = v->lines + 1;
	v->element = v->in_array ? ++v->elements : 0;
	v->blank = v->escaped = 0;
	buf_add(&v->text, &c, 1);
	if (c == '{' || c == '[')
		buf_add(&v->open, &c, 1);
	v->at = c == '"' ? IN_STRING : v->open.n ? IN_VALUE : IN_WORD;
	return 0;
}

/* A byte between values; not white space. */
static int between(struct values *v, char c, struct fault *f)
{
	if (!v->in_array && c == bom[v->bom]) {
		v->bom = (v->bom + 1) % 3;
		return 0;
	}
	if (v->bom || (!v->in_array && c != '{' && c != '['))
		return bad(v, f, "what stands here is neither an object nor an array");
	if (!v->in_array && c == '[') {
		v->in_array = 1;
		v->elements = 0;
		v->array_line = v->lines + 1;
		return 0;
	}
	if (c == ']' && v->at != AT_ELEMENT) {
		v->in_array = 0;
		v->at = AT_TOP;
		return 0;
	}
	if (c == ',' && v->at == AT_COMMA) {
		v->at = AT_ELEMENT;
		return 0;
	}
	if (v->at == AT_COMMA)
		return bad(v, f, "an element of the array has no comma behind it");
	if (memchr("]},:", c, 4))
		return bad(v, f, "an element of the array is missing");
	return begin(v, c);
}

/* The value is complete. */
static int end(struct values *v)
{
	v->at = v->in_array ? AT_COMMA : AT_TOP;
	return 1;
}

/* A byte within brackets, outside quotes: 1 when the value is complete. */
static int inside(struct values *v, char c, struct fault *f)
{
	if (v->blank && !is_mark(c) && !is_mark(v->text.p[v->text.n - 1]))
		buf_str(&v->text, " ");
	v->blank = 0;
	buf_add(&v->text, &c, 1);
	if (c == '"')
		v->at = IN_STRING;
	if (c == '{' || c == '[')
		buf_add(&v->open, &c, 1);
	if (c != '}' && c != ']')
		return 0;
	if (v->open.p[v->open.n - 1] != (c == '}' ? '{' : '['))
		return bad(v, f,
		           c == '}' ? "a } closes what [ has opened"
		                    : "a ] closes what { has opened");
	return --v->open.n ? 0 : end(v);
}

/* Bytes of a text in quotes, of which there is one at least; returns how many. */
static size_t string(struct values *v, const char *p, size_t n)
{
	size_t i = 0;

	for (; i < n && p[i] != '\n'; i++) {
		if (v->escaped)
			v->escaped = 0;
		else if (p[i] == '\\')
			v->escaped = 1;
		else if (p[i] == '"')
			break;
	}
	buf_add(&v->text, p, i);
	return i;
}

/* One byte, or several of a kind; sets *took, and returns 1 when the value is complete. */
static int take(struct values *v, const char *p, size_t n, size_t *took, struct fault *f)
{
	*took = 1;
	if (v->at == IN_STRING) {
		*took = string(v, p, n);
		if (*took)
			return 0;
		if (*p == '\n')
			return bad(v, f, "a text is not closed in its line");
		buf_add(&v->text, p, 1);
		*took = 1;
		v->at = IN_VALUE;
		return v->open.n ? 0 : end(v);
	}
	if (v->at == IN_WORD) {
		*took = 0;
		while (*took < n && !is_mark(p[*took]))
			++*took;
		buf_add(&v->text, p, *took);
		if (*took)
			return 0;
		return *p == ',' || *p == ']' || is_space(*p)
		               ? end(v)
		               : bad(v, f, "a value begins within another");
	}
	if (is_space(*p)) {
		v->lines += *p == '\n';
		v->blank = 1;
		return 0;
	}
	return v->at == IN_VALUE ? inside(v, *p, f) : between(v, *p, f);
}

long values_take(struct values *v, const char *p, size_t n, int *whole, struct fault *f)
{
	size_t at = 0, took;

	*whole = 0;
	while (at < n && !*whole) {
		*whole = take(v, p + at, n - at, &took, f);
		if (*whole < 0)
			return -1;
		at += took;
	}
	return (long)at;
}

int values_end(struct values *v, struct fault *f)
{
	if (v->at > AT_COMMA)
		return fault(f, "the value that begins here is cut short");
	if (v->bom)
		return bad(v, f, "a byte order mark is cut short");
	if (!v->in_array)
		return 0;
	v->line = v->array_line;
	return fault(f, "the array that begins here is cut short");
}

int values_next(struct values *v, struct zin *z, struct hash *read, struct fault *f)
{
	const char *p;
	int whole = 0;
	long took;
	size_t n;

	while (!whole) {
		p = zin_peek(z, 1, &n);
		if (!n)
			return values_end(v, f);
		took = values_take(v, p, n, &whole, f);
		if (took < 0)
			return -1;
		if (read)
			hash_add(read, p, took);
		zin_skip(z, took);
	}
	return 1;
}

void values_free(struct values *v)
{
	buf_free(&v->text);
	buf_free(&v->open);
}

/* The byte that waits behind n of white space, or 0 at the end. */
static char next_byte(struct zin *z, size_t *n)
{
	const char *p;
	size_t have;

	for (;; ++*n) {
		p = zin_peek(z, *n + 1, &have);
		if (have <= *n)
			return 0;
		if (!is_space(p[*n]))
			return p[*n];
	}
}

/* Whether the object that begins behind `at` bytes goes on in the next line.  Where an object is
 * not closed and the next line begins another, it is a broken line of JSONL. */
static int spans_lines(struct zin *z, size_t at)
{
	struct values v = {0};
	struct fault f;
	const char *p, *lf = NULL;
	size_t have;
	int whole = 0;
	long took = 0;
	char next;

	while (!lf && !whole && took >= 0) {
		p = zin_peek(z, at + 1, &have);
		if (have <= at)
			break;
		lf = memchr(p + at, '\n', have - at);
		took = values_take(&v, p + at, (lf ? (size_t)(lf + 1 - p) : have) - at, &whole, &f);
		at += took > 0 ? took : 0;
	}
	values_free(&v);
	if (!lf || whole || took < 0)
		return 0;
	next = next_byte(z, &at);
	return next && next != '{';
}

enum values_form values_form(struct zin *z)
{
	const char *p;
	size_t n, at;
	char c;

	p = zin_peek(z, 3, &n);
	at = utf8_bom(p, n);
	c = next_byte(z, &at);
	if (c == '[')
		return VALUES_TEXT;
	if (c != '{')
		return VALUES_NONE;
	return spans_lines(z, at) ? VALUES_TEXT : VALUES_LINES;
}
