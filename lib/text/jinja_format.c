/* SPDX-License-Identifier: MIT */
/* jinja_format.c - text % values, text.format(), strftime_now(), and texts to numbers. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_in.h"
#include "unicode.h"

/* A text without the white space around it and the underscores between its digits, in `into`;
 * 0: it is too long, or has what no number has. */
static int number_text(struct jrun *r, const struct jtext *t, char *into, size_t room)
{
	size_t from = 0, to = t->n, k = 0;
	int32_t c;

	jspend(r, (long)(t->n / 64));
	while (from < to) {
		int bytes = utf8_first(t->p + from, to - from, &c);

		if (!python_is_space(c))
			break;
		from += bytes;
	}
	while (to > from) {
		int bytes = utf8_last(t->p + from, to - from, &c);

		if (!python_is_space(c))
			break;
		to -= bytes;
	}
	for (size_t i = from; i < to; i++) {
		char s = t->p[i];

		if (s & 0x80 && utf8_first(t->p + i, to - i, &c) > 1 &&
		    !strcmp(unicode_category(c), "Nd"))
			jfail(r, "the digit U+%04X in a number is not known", (unsigned)c);

		if (s == '_' && i > from && i + 1 < to && t->p[i - 1] >= '0' &&
		    t->p[i - 1] <= '9' && t->p[i + 1] >= '0' && t->p[i + 1] <= '9')
			continue;
		if (k + 1 == room || s <= ' ' || s == '_' || s & 0x80)
			return 0;
		into[k++] = s;
	}
	into[k] = 0;
	return k > 0;
}

/* Python's float(). */
int jparse_real(struct jrun *r, const struct jtext *t, double *v)
{
	static const char *const words[] = {"inf", "infinity", "nan"};
	char text[512], *end;
	const char *p;

	if (!number_text(r, t, text, sizeof text))
		return 0;
	p = text + (*text == '+' || *text == '-');
	for (int i = 0; i < 3; i++)
		if (!strcasecmp(p, words[i])) {
			*v = strtod(text, NULL);
			return 1;
		}
	if (p[strspn(p, "0123456789.eE+-")] || !strpbrk(p, "0123456789") || strchr("+-eE", *p))
		return 0;
	*v = strtod(text, &end);
	return !*end;
}

/* Python's int(); beyond 64 bits it is a fault. */
int jparse_int(struct jrun *r, const char *s, size_t n, int base, long *v)
{
	const struct jtext t = {.p = s, .n = n};
	char text[512], *end, *p;
	int prefix, kind;

	if (!number_text(r, &t, text, sizeof text))
		return 0;
	p = text + (*text == '+' || *text == '-');
	kind = *p == '0' ? p[1] | 32 : 0;
	prefix = kind == 'x' ? 16 : kind == 'o' ? 8 : kind == 'b' ? 2 : 0;
	if (base == 0 && !prefix && *p == '0' && strspn(p, "0") != strlen(p))
		return 0;
	if (prefix && (base == 0 || base == prefix)) {
		memmove(p, p + 2, strlen(p + 2) + 1);
		base = prefix;
	}
	if (base == 0)
		base = 10;
	if (strchr("+-", *p) || (base == 16 && (p[1] | 32) == 'x')) /* also the empty text */
		return 0;
	errno = 0;
	*v = strtol(text, &end, base);
	if (*end)
		return 0;
	if (errno)
		jfail(r, "%s is beyond 64 bits", text);
	return 1;
}

/* A conversion of text % values: %-5.2f */
struct jconversion {
	char flags[8], kind;
	int width, precision; /* precision: -1 */
};

static int small_number(struct jrun *r, const struct jtext *t, size_t *at)
{
	int n = 0;

	for (; *at < t->n && t->p[*at] >= '0' && t->p[*at] <= '9'; ++*at)
		if ((n = n * 10 + t->p[*at] - '0') > 100000)
			jfail(r, "a width in a format is too large");
	return n;
}

static struct jvalue next_value(struct jrun *r, struct jvalue args, long *used)
{
	if (args.type == T_TUPLE) {
		if (*used >= args.list->n)
			jfail(r, "not enough arguments for format string");
		return args.list->item[(*used)++];
	}
	if ((*used)++)
		jfail(r, "not enough arguments for format string");
	return args;
}

static void put_padded(struct jbuild *b, const struct jconversion *c, const struct jtext *t)
{
	long n = jchars(b->run, t);

	if (c->precision >= 0 && n > c->precision)
		t = jtext_part(b->run, t, 0, jbyte_of(b->run, t, n = c->precision));
	if (strchr(c->flags, '-'))
		jput_text(b, t);
	jput_text(b, jrepeat(b->run, jtext_str(b->run, " "), c->width - n));
	if (!strchr(c->flags, '-'))
		jput_text(b, t);
}

static void put_converted(struct jbuild *b, const struct jconversion *c, struct jvalue v)
{
	struct jrun *r = b->run;
	char format[32], *text;
	size_t room;
	struct jbuild repr = jbuild(r);

	if (c->kind == 's' || c->kind == 'r') {
		if (c->kind == 'r')
			jput_repr(&repr, v);
		put_padded(b, c, c->kind == 's' ? jstr(r, v) : jbuilt(&repr));
		return;
	}
	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (!jis_number(v))
		jfail(r, "%%%c format: a number is required, not %s", c->kind, jtype_name(v));
	if (strchr("di", c->kind)) {
		if (v.type == T_REAL && !(fabs(v.real) < 9e18))
			jfail(r, "%%d of a number beyond 64 bits");
		v = jint(v.type == T_REAL ? (long)v.real : v.whole);
	} else if (v.type == T_REAL || strchr("fFeEgG", c->kind)) {
		if (!strchr("fFeEgG", c->kind))
			jfail(r, "%%%c format: an integer is required, not float", c->kind);
		v = jreal(jto_real(v));
	} else if (v.whole < 0) {
		jfail(r, "%%%c of a negative number is not known", c->kind);
	}
	room = (size_t)c->width + (size_t)(c->precision > 0 ? c->precision : 0) + 400;
	text = jalloc(r, room);
	snprintf(format, sizeof format, "%%%s*.*%s%c", c->flags, v.type == T_REAL ? "" : "l",
	         c->kind);
	if (v.type == T_REAL)
		snprintf(text, room, format, c->width, c->precision, v.real);
	else
		snprintf(text, room, format, c->width, c->precision, v.whole);
	jput_str(b, text, 0);
}

/* Reads a conversion behind its %; *name: "%(name)s". */
static struct jconversion conversion(struct jrun *r, const struct jtext *t, size_t *at,
                                     const struct jtext **name)
{
	struct jconversion c = {.precision = -1};
	size_t k = 0, from;

	*name = NULL;
	if (*at < t->n && t->p[*at] == '(') {
		from = ++*at;
		while (*at < t->n && t->p[*at] != ')' && t->p[*at] != '(')
			++*at;
		if (*at == t->n || t->p[*at] == '(')
			jfail(r, "incomplete format key");
		*name = jtext_part(r, t, from, (*at)++);
	}
	for (; *at < t->n && t->p[*at] && strchr("-+ 0#", t->p[*at]); ++*at)
		if (!strchr(c.flags, t->p[*at]) && k < sizeof c.flags - 1)
			c.flags[k++] = t->p[*at];
	c.width = small_number(r, t, at);
	if (*at < t->n && t->p[*at] == '.') {
		++*at;
		c.precision = small_number(r, t, at);
	}
	if (*at == t->n)
		jfail(r, "incomplete format");
	c.kind = t->p[(*at)++];
	if (!c.kind || !strchr("sdirfFeEgGxXo%", c.kind) || (c.flags[0] && strchr("xXo", c.kind)))
		jfail(r, "the conversion '%%%c' is not known", c.kind);
	return c;
}

/* Python's text % args. */
const struct jtext *jpercent(struct jrun *r, const struct jtext *t, struct jvalue args)
{
	struct jbuild b = jbuild(r);
	size_t at = 0, plain = 0;
	long used = 0;
	int named = 0;
	const struct jtext *name;

	if (t->safe)
		jfail(r, "%% of a text that is marked safe is not known");
	while (at < t->n) {
		struct jconversion c;

		if (t->p[at] != '%') {
			at++;
			continue;
		}
		jput_part(&b, t, plain, at++);
		c = conversion(r, t, &at, &name);
		plain = at;
		if (c.kind == '%') {
			jput_part(&b, t, at - 1, at);
			continue;
		}
		if (name) {
			const struct jvalue *v;

			if (args.type != T_DICT)
				jfail(r, "format requires a mapping");
			if (!(v = jdict_text(r, args.dict, name->p, name->n)))
				jfail(r, "the format's key '%.*s' is missing", (int)name->n,
				      name->p);
			named = 1;
			put_converted(&b, &c, *v);
		} else {
			put_converted(&b, &c, next_value(r, args, &used));
		}
	}
	jput_part(&b, t, plain, t->n);
	if (args.type == T_TUPLE ? used < args.list->n
	                         : !used && !named && args.type != T_DICT && args.type != T_LIST &&
	                                   args.type != T_RANGE && args.type != T_UNDEFINED)
		jfail(r, "not all arguments converted during string formatting");
	return jbuilt(&b);
}

static struct jvalue field(struct jrun *r, const struct jtext *t, const struct jargs *a, long *next)
{
	long number = 0;

	if (!t->n || (*t->p >= '0' && *t->p <= '9')) {
		if (t->n && (*next > 0 || !jparse_int(r, t->p, t->n, 10, &number)))
			jfail(r, "the field '{%.*s}' of a format is not known here", (int)t->n,
			      t->p);
		if (!t->n && *next < 0)
			jfail(r, "cannot switch from manual field specification to automatic field "
			         "numbering");
		if (!t->n)
			number = (*next)++;
		else
			*next = -1;
		if (number >= a->n)
			jfail(r, "Replacement index %ld out of range for positional args tuple",
			      number);
		return a->v[number];
	}
	for (long i = 0; i < a->named; i++)
		if (jtext_same(a->by_name[i].name, t))
			return a->by_name[i].v;
	jfail(r, "the field '{%.*s}' of a format is not known", (int)t->n, t->p);
}

/* text.format(): of {}, {0} and {name}; what follows a ':', '!', '.' or '[' is not known. */
struct jvalue jformat(struct jrun *r, struct jvalue self, const struct jargs *a)
{
	const struct jtext *t = self.text;
	struct jbuild b = jbuild(r);
	size_t at = 0, end;
	long next = 0;

	if (t->safe)
		jfail(r, "format of a text that is marked safe is not known");
	while (at < t->n) {
		char c = t->p[at];

		if (c != '{' && c != '}') {
			for (end = at; end < t->n && t->p[end] != '{' && t->p[end] != '}'; end++)
				;
			jput_part(&b, t, at, end);
			at = end;
		} else if (at + 1 < t->n && t->p[at + 1] == c) {
			jput_part(&b, t, at, at + 1);
			at += 2;
		} else {
			for (end = at + 1; c == '{' && end < t->n && t->p[end] != '}'; end++)
				if (strchr("{:!.[", t->p[end]))
					jfail(r, "'%c' in a field of a format is not known",
					      t->p[end]);
			if (c == '}' || end == t->n)
				jfail(r, "Single '%c' encountered in format string", c);
			jput_str_of(&b, field(r, jtext_part(r, t, at + 1, end), a, &next));
			at = end + 1;
		}
	}
	return jtextual(jbuilt(&b));
}

/* What C's strftime and Python's write alike. */
struct jvalue jstrftime(struct jrun *r, args_of arg)
{
	const char *known = "aAbBcdDeFgGhHIjklmMnprRStTuUVwWxXyYP%C";
	struct jbuild b = jbuild(r);
	char text[128], format[3] = "%";
	const struct jtext *t;

	if (arg[0].type != T_TEXT)
		jfail(r, "strftime_now() takes a text");
	t = arg[0].text;
	for (size_t at = 0; at < t->n; at++) {
		if (t->p[at] != '%') {
			jput_part(&b, t, at, at + 1);
			continue;
		}
		if (++at == t->n || !t->p[at] || !strchr(known, t->p[at])) {
			if (at < t->n && (t->p[at] == 'z' || t->p[at] == 'Z'))
				continue; /* a time without a zone writes none */
			jfail(r, "strftime_now: '%%%c' is not known", at < t->n ? t->p[at] : ' ');
		}
		format[1] = t->p[at];
		jput(&b, text, strftime(text, sizeof text, format, r->now), 0);
	}
	return jtextual(jbuilt(&b));
}
