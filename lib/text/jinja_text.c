/* SPDX-License-Identifier: MIT */
/* jinja_text.c - texts whose bytes remember where they are from.
 *
 * Most texts are of one origin and keep one mark for all bytes; one that is put together of both
 * has a mark for each.  What is copied keeps its marks, whatever it goes through.
 */
#include "jinja_in.h"
#include "unicode.h"

struct jbuild jbuild(struct jrun *r) { return (struct jbuild){.run = r}; }

static void room_for(struct jbuild *b, size_t more)
{
	size_t room;

	if (b->n + more > b->room) {
		room = (b->n + more) + (b->room ? b->n / 2 : 0) + 15;
		b->p = jgrow(b->run, b->p, b->room, room);
		b->room = room;
	}
}

/* Marks for each byte so far, and room for as many as the text has. */
static void mark_each(struct jbuild *b)
{
	if (!b->mark || b->mark_room < b->room) {
		unsigned char *was = b->mark;

		b->mark = jgrow(b->run, b->mark, b->mark_room, b->room);
		if (!was)
			memset(b->mark, b->all, b->n);
		b->mark_room = b->room;
	}
}

void jput(struct jbuild *b, const char *p, size_t n, int mark)
{
	if (!n)
		return;
	room_for(b, n);
	jspend(b->run, (long)(n / 64));
	if (!b->n)
		b->all = (unsigned char)mark;
	if (b->mark || b->all != mark) {
		mark_each(b);
		memset(b->mark + b->n, mark, n);
	}
	memcpy(b->p + b->n, p, n);
	b->n += n;
}

void jput_str(struct jbuild *b, const char *s, int mark) { jput(b, s, strlen(s), mark); }

void jput_char(struct jbuild *b, int32_t c, int mark)
{
	char text[4];

	jput(b, text, utf8_put(c, text), mark);
}

void jput_part(struct jbuild *b, const struct jtext *t, size_t from, size_t to)
{
	size_t n = to - from;

	if (!t->mark || !n) {
		jput(b, t->p + from, n, t->all);
		return;
	}
	room_for(b, n);
	jspend(b->run, (long)(n / 64));
	mark_each(b);
	memcpy(b->mark + b->n, t->mark + from, n);
	memcpy(b->p + b->n, t->p + from, n);
	b->n += n;
}

void jput_text(struct jbuild *b, const struct jtext *t) { jput_part(b, t, 0, t->n); }

const struct jtext *jbuilt(struct jbuild *b)
{
	struct jtext *t = jalloc(b->run, sizeof *t);

	*t = (struct jtext){b->p ? b->p : "", b->mark, b->n, -1, b->all, b->safe};
	return t;
}

const struct jtext *jtext_new(struct jrun *r, const char *p, size_t n, int mark)
{
	struct jtext *t = jalloc(r, sizeof *t);

	*t = (struct jtext){p, NULL, n, -1, (unsigned char)mark, 0};
	return t;
}

const struct jtext *jtext_str(struct jrun *r, const char *s)
{
	return jtext_new(r, s, strlen(s), 0);
}

const struct jtext *jtext_part(struct jrun *r, const struct jtext *t, size_t from, size_t to)
{
	struct jtext *part = jalloc(r, sizeof *part);

	*part = (struct jtext){t->p + from, t->mark ? t->mark + from : NULL, to - from, -1, t->all,
	                       t->safe};
	if (t->chars == (long)t->n) /* each character is a byte */
		part->chars = (long)part->n;
	return part;
}

/* The text with these marks besides its own. */
const struct jtext *jtext_with(struct jrun *r, const struct jtext *t, int marks)
{
	struct jtext *other = jalloc(r, sizeof *other);
	unsigned char *mark;

	*other = *t;
	other->all |= marks;
	if (t->mark) {
		mark = jalloc(r, t->n);
		for (size_t i = 0; i < t->n; i++)
			mark[i] = t->mark[i] | marks;
		other->mark = mark;
	}
	return other;
}

const struct jtext *jtext_safe(struct jrun *r, const struct jtext *t, int safe)
{
	struct jtext *other;

	if (t->safe == safe)
		return t;
	other = jalloc(r, sizeof *other);
	*other = *t;
	other->safe = (char)safe;
	return other;
}

int jmark(const struct jtext *t, size_t byte) { return t->mark ? t->mark[byte] : t->all; }

/* Python's len(). */
long jchars(struct jrun *r, const struct jtext *t)
{
	long n = 0;

	if (t->chars >= 0)
		return t->chars;
	jspend(r, (long)(t->n / 64));
	for (size_t i = 0; i < t->n; i++)
		n += (t->p[i] & 0xc0) != 0x80;
	/* constants, which threads share, were counted when the template was compiled */
	((struct jtext *)t)->chars = n;
	return n;
}

/* Where a character begins; n for the one behind the last. */
size_t jbyte_of(struct jrun *r, const struct jtext *t, long character)
{
	size_t at = 0;

	if (jchars(r, t) == (long)t->n)
		return (size_t)character;
	jspend(r, character / 64);
	for (; character && at < t->n; character--)
		do
			at++;
		while (at < t->n && (t->p[at] & 0xc0) == 0x80);
	return at;
}

long jchar_of(struct jrun *r, const struct jtext *t, size_t byte)
{
	long n = 0;

	if (jchars(r, t) == (long)t->n)
		return (long)byte;
	jspend(r, (long)(byte / 64));
	for (size_t i = 0; i < byte; i++)
		n += (t->p[i] & 0xc0) != 0x80;
	return n;
}

int jtext_is(const struct jtext *t, const char *s)
{
	return t->n == strlen(s) && !memcmp(t->p, s, t->n);
}

int jtext_same(const struct jtext *a, const struct jtext *b)
{
	return a->n == b->n && (!a->n || !memcmp(a->p, b->p, a->n));
}

/* UTF-8 finds itself only where a character begins. */
long jfind(struct jrun *r, const struct jtext *t, size_t from, size_t to, const struct jtext *what)
{
	const char *p;

	if (from > to || what->n > to - from)
		return -1;
	if (!what->n)
		return (long)from;
	p = memmem(t->p + from, to - from, what->p, what->n);
	jspend(r, (long)(((p ? (size_t)(p - t->p) : to) - from) / 64 + 1));
	return p ? p - t->p : -1;
}

long jfind_last(struct jrun *r, const struct jtext *t, size_t from, size_t to,
                const struct jtext *what)
{
	if (from > to || what->n > to - from)
		return -1;
	for (size_t at = to - what->n;; at--) {
		if (!what->n || !memcmp(t->p + at, what->p, what->n))
			return (long)at;
		if (at == from)
			return -1;
		if (at % 64 == 0)
			jspend(r, 1 + (long)(what->n / 64));
	}
}

const struct jtext *jescape(struct jrun *r, const struct jtext *t)
{
	static const char signs[] = "&<>'\"";
	static const char *const names[] = {"&amp;", "&lt;", "&gt;", "&#39;", "&#34;"};
	struct jbuild b = jbuild(r);
	size_t plain = 0, i;

	if (t->safe)
		return t;
	for (i = 0; i < t->n; i++) {
		const char *sign = t->p[i] ? strchr(signs, t->p[i]) : NULL;

		if (!sign)
			continue;
		jput_part(&b, t, plain, i);
		jput_str(&b, names[sign - signs], jmark(t, i));
		plain = i + 1;
	}
	jput_part(&b, t, plain, i);
	b.safe = 1;
	return jbuilt(&b);
}

static int has_char(struct jrun *r, const struct jtext *chars, const char *p, int bytes, int32_t c)
{
	const struct jtext one = {.p = p, .n = (size_t)bytes};

	return chars ? jfind(r, chars, 0, chars->n, &one) >= 0 : python_is_space(c);
}

const struct jtext *jstrip(struct jrun *r, const struct jtext *t, const struct jtext *chars,
                           int sides)
{
	size_t from = 0, to = t->n;
	int32_t c;

	while (sides & 1 && from < to) {
		int bytes = utf8_first(t->p + from, to - from, &c);

		if (!has_char(r, chars, t->p + from, bytes, c))
			break;
		from += bytes;
	}
	while (sides & 2 && from < to) {
		int bytes = utf8_last(t->p + from, to - from, &c);

		if (!has_char(r, chars, t->p + to - bytes, bytes, c))
			break;
		to -= bytes;
	}
	jspend(r, (long)((from + t->n - to) / 64));
	return jtext_part(r, t, from, to);
}

/* most < 0: all of them.  An empty text is found before each character, and at the end. */
const struct jtext *jreplace(struct jrun *r, const struct jtext *t, const struct jtext *from,
                             const struct jtext *to, long most)
{
	struct jbuild b = jbuild(r);
	size_t at = 0;
	int32_t c;

	b.safe = t->safe;
	while (most) {
		long found = jfind(r, t, at, t->n, from);

		if (found < 0)
			break;
		jspend(r, 1);
		jput_part(&b, t, at, (size_t)found);
		jput_text(&b, to);
		at = (size_t)found + from->n;
		most--;
		if (!from->n && at == t->n)
			break;
		if (!from->n) {
			int bytes = utf8_first(t->p + at, t->n - at, &c);

			jput_part(&b, t, at, at + bytes);
			at += bytes;
		}
	}
	jput_part(&b, t, at, t->n);
	return jbuilt(&b);
}

const struct jtext *jrepeat(struct jrun *r, const struct jtext *t, long times)
{
	struct jbuild b = jbuild(r);
	size_t all;

	b.safe = t->safe;
	if (times <= 0 || !t->n)
		return jbuilt(&b);
	if (__builtin_mul_overflow(t->n, (size_t)times, &all))
		jfail(r, "a text is repeated too often");
	room_for(&b, all);
	while (times--) {
		jspend(r, 1);
		jput_text(&b, t);
	}
	return jbuilt(&b);
}

/* any: what is no text is written as text, as the filter join does; else it is a fault. */
const struct jtext *jjoin(struct jrun *r, const struct jtext *by, struct jvalue v, int any)
{
	struct jiter *i = jiter_of(r, v);
	struct jbuild b = jbuild(r);
	struct jvalue item;

	b.safe = by->safe;
	for (long k = 0; jiter_next(r, i, &item); k++) {
		if (k)
			jput_text(&b, by);
		if (!any && item.type != T_TEXT)
			jfail(r, "sequence item %ld: expected str instance, %s found", k,
			      jtype_name(item));
		if (b.safe && item.type == T_TEXT)
			item.text = jescape(r, item.text);
		jput_str_of(&b, item);
	}
	return jbuilt(&b);
}
