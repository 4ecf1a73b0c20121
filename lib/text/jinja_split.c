/* SPDX-License-Identifier: MIT */
/* jinja_split.c - a text to parts: split, rsplit, splitlines. */
#include "jinja_in.h"
#include "unicode.h"

static void add(struct jrun *r, struct jlist *l, const struct jtext *t, size_t from, size_t to)
{
	jlist_add(r, l, jtextual(jtext_part(r, t, from, to)));
}

static size_t skip(const struct jtext *t, size_t at, int spaces)
{
	int32_t c;

	while (at < t->n) {
		int bytes = utf8_first(t->p + at, t->n - at, &c);

		if (python_is_space(c) != spaces)
			break;
		at += bytes;
	}
	return at;
}

static size_t skip_back(const struct jtext *t, size_t to, int spaces)
{
	int32_t c;

	while (to) {
		int bytes = utf8_last(t->p, to, &c);

		if (python_is_space(c) != spaces)
			break;
		to -= bytes;
	}
	return to;
}

static void check(struct jrun *r, const struct jtext *t, const struct jtext *by)
{
	jspend(r, 1 + (long)(t->n / 64));
	if (by && !by->n)
		jfail(r, "empty separator");
}

/* by NULL: by white space, of which there is none in the parts.  most < 0: at all places. */
struct jlist *jsplit(struct jrun *r, const struct jtext *t, const struct jtext *by, long most)
{
	struct jlist *l = jlist_new(r);
	size_t at = 0, end;
	long found;

	check(r, t, by);
	if (by) {
		for (; most && (found = jfind(r, t, at, t->n, by)) >= 0; most--) {
			add(r, l, t, at, (size_t)found);
			at = (size_t)found + by->n;
		}
		add(r, l, t, at, t->n);
		return l;
	}
	for (at = skip(t, 0, 1); at < t->n && most; most--) {
		end = skip(t, at, 0);
		add(r, l, t, at, end);
		at = skip(t, end, 1);
	}
	if (at < t->n) /* its end keeps its white space, as in Python */
		add(r, l, t, at, t->n);
	return l;
}

struct jlist *jsplit_last(struct jrun *r, const struct jtext *t, const struct jtext *by, long most)
{
	struct jlist *l = jlist_new(r);
	size_t to = t->n, from;
	long found;

	check(r, t, by);
	if (by) {
		for (; most && (found = jfind_last(r, t, 0, to, by)) >= 0; most--) {
			add(r, l, t, (size_t)found + by->n, to);
			to = (size_t)found;
		}
		add(r, l, t, 0, to);
	} else {
		for (to = skip_back(t, to, 1); to && most; most--) {
			from = skip_back(t, to, 0);
			add(r, l, t, from, to);
			to = skip_back(t, from, 1);
		}
		if (to)
			add(r, l, t, 0, to);
	}
	jlist_reverse(l);
	return l;
}

static int ends_line(int32_t c)
{
	return (c >= 10 && c <= 13) || (c >= 0x1c && c <= 0x1e) || c == 0x85 || c == 0x2028 ||
	       c == 0x2029;
}

struct jlist *jsplit_lines(struct jrun *r, const struct jtext *t, int keep)
{
	struct jlist *l = jlist_new(r);
	size_t begin = 0, at = 0;
	int32_t c;

	check(r, t, NULL);
	while (at < t->n) {
		int bytes = utf8_first(t->p + at, t->n - at, &c);

		if (c == '\r' && at + 1 < t->n && t->p[at + 1] == '\n')
			bytes = 2;
		if (ends_line(c)) {
			add(r, l, t, begin, keep ? at + bytes : at);
			begin = at + bytes;
		}
		at += bytes;
	}
	if (begin < t->n)
		add(r, l, t, begin, t->n);
	return l;
}
