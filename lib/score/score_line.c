/* SPDX-License-Identifier: MIT */
/* score_line.c - a row of scores in the one form that scores_write gives it:
 *
 *   {"id":"r1","hash":"00000000000000ff","line":1,"score":-0.5,"weight":null, ... }
 *
 * Keys in that order, no spaces, an id of plain ASCII, integers of at most 18
 * digits.  Of any other line nothing is said but that it is not of this form.
 */
#include "scores.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

struct cursor {
	const char *at, *end;
};

static inline int literal(struct cursor *c, const char *text)
{
	size_t n = strlen(text);

	if ((size_t)(c->end - c->at) < n || memcmp(c->at, text, n))
		return -1;
	c->at += n;
	return 0;
}

/* c stands on a digit: past all digits, -1 unless that is before the end. */
static int digits(struct cursor *c)
{
	const char *from = c->at;

	while (c->at < c->end && isdigit((unsigned char)*c->at))
		c->at++;
	return c->at > from && c->at < c->end ? 0 : -1;
}

/* JSON's grammar of numbers; *whole: no fraction, no exponent.  Some byte that is
 * not the number's follows, within the line. */
static int number(struct cursor *c, int *whole)
{
	const char *first;

	*whole = 1;
	c->at += c->at < c->end && *c->at == '-';
	first = c->at;
	if (digits(c) || (*first == '0' && c->at > first + 1))
		return -1;
	if (*c->at == '.') {
		*whole = 0;
		c->at++;
		if (digits(c))
			return -1;
	}
	if (*c->at == 'e' || *c->at == 'E') {
		*whole = 0;
		c->at++;
		c->at += c->at < c->end && (*c->at == '-' || *c->at == '+');
		if (digits(c))
			return -1;
	}
	return 0;
}

/* A number as strtod reads it.  Nearly all have at most 19 digits: m / 10^k is divided
 * with more bits than a double has, the lowest of which tells that a rest remained,
 * and rounded once. */
static double decimal(const char *p, const char *end)
{
	static const uint64_t power[] = {
		1,
		10,
		100,
		1000,
		10000,
		100000,
		1000000,
		10000000,
		100000000,
		1000000000,
		10000000000,
		100000000000,
		1000000000000,
		10000000000000,
		100000000000000,
		1000000000000000,
		10000000000000000,
		100000000000000000,
		1000000000000000000,
		10000000000000000000u,
	};
	const char *from = p + (*p == '-'), *point = NULL;
	unsigned __int128 wide, q;
	uint64_t m = 0;
	int shift;

	for (const char *c = from; c < end; c++)
		if (*c == '.')
			point = c;
		else if (*c >= '0' && *c <= '9' && end - from <= 20)
			m = 10 * m + (*c - '0');
		else
			return strtod(p, NULL);
	if (!m)
		return *p == '-' && point ? -0.0 : 0;
	shift = __builtin_clzll(m);
	wide = (unsigned __int128)(m << shift) << 64;
	q = wide / power[point ? end - point - 1 : 0];
	q |= q * power[point ? end - point - 1 : 0] != wide;
	return ldexp(*p == '-' ? -(double)q : (double)q, -64 - shift);
}

/* x NULL: reads over it, if it is clear that it is finite. */
static int real(struct cursor *c, const char *key, double *x)
{
	const char *from;
	double own;
	int whole;

	if (literal(c, key))
		return -1;
	if (x)
		*x = NAN;
	if (!literal(c, "null"))
		return 0;
	from = c->at;
	if (number(c, &whole) || (whole && c->at - from > 18))
		return -1;
	if (!x && c->at - from < 24 && !memchr(from, 'e', c->at - from) &&
	    !memchr(from, 'E', c->at - from))
		return 0;
	own = decimal(from, c->at);
	if (x)
		*x = own;
	return isfinite(own) ? 0 : -1;
}

static int count(struct cursor *c, const char *key, long *x)
{
	const char *from;
	int whole;

	if (literal(c, key))
		return -1;
	*x = -1;
	if (!literal(c, "null"))
		return 0;
	from = c->at;
	if (number(c, &whole) || !whole || *from == '-' || c->at - from > 18)
		return -1;
	*x = strtol(from, NULL, 10);
	return 0;
}

static int id(struct cursor *c, const char **p, size_t *n)
{
	if (literal(c, "{\"id\":\""))
		return -1;
	*p = c->at;
	while (c->at < c->end && *c->at != '"' && *c->at != '\\' &&
	       (unsigned char)(*c->at - ' ') < 0x60)
		c->at++;
	*n = c->at - *p;
	return literal(c, "\"");
}

static int hash(struct cursor *c, uint64_t *h)
{
	char hex[17] = "";

	if (literal(c, ",\"hash\":\"") || c->end - c->at < 16)
		return -1;
	memcpy(hex, c->at, 16);
	c->at += 16;
	return hash_parse(hex, h) || literal(c, "\"") ? -1 : 0;
}

int score_line(const char *text, size_t n, struct score *s)
{
	struct cursor c = {text, text + n};
	const char *name;
	size_t name_n;

	if (id(&c, &name, &name_n) || hash(&c, &s->hash) || count(&c, ",\"line\":", &s->line) ||
	    real(&c, ",\"score\":", &s->score) || real(&c, ",\"weight\":", &s->weight) ||
	    count(&c, ",\"visits\":", &s->visits) || count(&c, ",\"last\":", &s->last) ||
	    real(&c, ",\"loss_base\":", &s->loss_base) || real(&c, ",\"loss\":", &s->loss) ||
	    real(&c, ",\"loss_hat\":", &s->loss_hat) || literal(&c, "}") || c.at != c.end)
		return -1;
	s->id = xstrndup(name, name_n);
	return 0;
}

int score_glance(const char *text, size_t n, struct glance *g, double *weight)
{
	struct cursor c = {text, text + n};
	long ignored;

	return id(&c, &g->id, &g->id_n) || hash(&c, &g->hash) ||
	                       count(&c, ",\"line\":", &ignored) ||
	                       real(&c, ",\"score\":", &g->score) ||
	                       real(&c, ",\"weight\":", weight) ||
	                       count(&c, ",\"visits\":", &ignored) ||
	                       count(&c, ",\"last\":", &ignored) ||
	                       real(&c, ",\"loss_base\":", NULL) || real(&c, ",\"loss\":", NULL) ||
	                       real(&c, ",\"loss_hat\":", NULL) || literal(&c, "}") || c.at != c.end
	               ? -1
	               : 0;
}
