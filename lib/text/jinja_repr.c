/* SPDX-License-Identifier: MIT */
/* jinja_repr.c - values as Python writes them: str() and repr(). */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_tree_in.h"
#include "unicode.h"

/* The shortest digits that read back to the same number, as repr(float) writes them: without an
 * exponent where that is from -4 to 15, and always with a point or an exponent. */
void jput_real(struct jbuild *b, double v)
{
	char digits[40], text[40], *exponent;
	int n = 0, e, k;

	if (!isfinite(v)) {
		jput_str(b, isnan(v) ? "nan" : v < 0 ? "-inf" : "inf", 0);
		return;
	}
	for (int precision = 0; precision < 17; precision++) {
		snprintf(text, sizeof text, "%.*e", precision, v);
		if (strtod(text, NULL) == v)
			break;
	}
	exponent = strchr(text, 'e');
	e = atoi(exponent + 1);
	if (e < -4 || e >= 16) {
		*exponent = 0;
		snprintf(digits, sizeof digits, "e%c%02d", e < 0 ? '-' : '+', abs(e));
		jput_str(b, text, 0);
		jput_str(b, digits, 0);
		return;
	}
	for (char *p = text; p < exponent; p++)
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	jput_str(b, signbit(v) ? "-" : "", 0);
	if (e < 0) {
		jput(b, "0.000", (size_t)(1 - e), 0);
		jput(b, digits, (size_t)n, 0);
		return;
	}
	for (k = 0; k < n || k <= e + 1; k++) {
		if (k == e + 1)
			jput_str(b, ".", 0);
		jput(b, k < n ? digits + k : "0", 1, 0);
	}
}

static int is_printable(int32_t c)
{
	const char *k;

	if (c < 0x7f)
		return c >= 0x20;
	k = unicode_category(c);
	return *k != 'C' && *k != 'Z';
}

static void put_escape(struct jbuild *b, int32_t c, int mark)
{
	char text[16];

	if (c == '\n' || c == '\r' || c == '\t')
		snprintf(text, sizeof text, "\\%c", c == '\n' ? 'n' : c == '\r' ? 'r' : 't');
	else
		snprintf(text, sizeof text,
		         c < 0x100     ? "\\x%02x"
		         : c < 0x10000 ? "\\u%04x"
		                       : "\\U%08x",
		         (unsigned)c);
	jput_str(b, text, mark);
}

/* Quoted with ' unless only " is free in it. */
static void repr_text(struct jbuild *b, const struct jtext *t)
{
	int quote = t->n && memchr(t->p, '\'', t->n) && !memchr(t->p, '"', t->n) ? '"' : '\'';
	char mark_quote[2] = {(char)quote, 0};
	size_t plain = 0, at = 0;
	int32_t c;

	if (t->safe)
		jput_str(b, "Markup(", 0);
	jput_str(b, mark_quote, 0);
	while (at < t->n) {
		int bytes = utf8_first(t->p + at, t->n - at, &c);

		if (c != quote && c != '\\' && is_printable(c)) {
			at += bytes;
			continue;
		}
		jput_part(b, t, plain, at);
		if (c == quote || c == '\\') {
			jput_str(b, "\\", jmark(t, at));
			jput_part(b, t, at, at + 1);
		} else {
			put_escape(b, c, jmark(t, at));
		}
		plain = at += bytes;
	}
	jput_part(b, t, plain, at);
	jput_str(b, mark_quote, 0);
	if (t->safe)
		jput_str(b, ")", 0);
}

static void repr_list(struct jbuild *b, const struct jlist *l, const char *open, const char *close)
{
	jput_str(b, open, 0);
	for (long i = 0; i < l->n; i++) {
		if (i)
			jput_str(b, ", ", 0);
		jput_repr(b, l->item[i]);
	}
	jput_str(b, close, 0);
}

static void repr_dict(struct jbuild *b, const struct jdict *d)
{
	jput_str(b, "{", 0);
	for (long i = 0; i < d->n; i++) {
		if (i)
			jput_str(b, ", ", 0);
		jput_repr(b, d->pair[i].key);
		jput_str(b, ": ", 0);
		jput_repr(b, d->pair[i].value);
	}
	jput_str(b, "}", 0);
}

static void repr_range(struct jbuild *b, const struct jrange *g)
{
	char text[80];

	if (g->step == 1)
		snprintf(text, sizeof text, "range(%ld, %ld)", g->start, g->stop);
	else
		snprintf(text, sizeof text, "range(%ld, %ld, %ld)", g->start, g->stop, g->step);
	jput_str(b, text, 0);
}

static void repr_rest(struct jbuild *b, struct jvalue v)
{
	struct jrun *r = b->run;
	const struct jname *name;
	struct jlist *l;

	switch (v.type) {
	case T_VIEW:
		l = jlist_of(r, v);
		jput_str(b, jtype_name(v), 0);
		repr_list(b, l, "([", "])");
		return;
	case T_SPACE:
		jput_str(b, "<Namespace ", 0);
		repr_dict(b, v.dict);
		jput_str(b, ">", 0);
		return;
	case T_RANGE: repr_range(b, v.range); return;
	case T_MACRO:
		if (v.macro->node->kind != J_MACRO) {
			jput_str(b, "<Macro anonymous>", 0);
			return;
		}
		name = &r->t->name[v.macro->node->name];
		jput_str(b, "<Macro '", 0);
		jput(b, name->p, name->n, 0);
		jput_str(b, "'>", 0);
		return;
	default: jfail(r, "the text of a '%s' object is not known", jtype_name(v));
	}
}

void jput_repr(struct jbuild *b, struct jvalue v)
{
	char text[32];

	jdeeper(b->run);
	switch (v.type) {
	case T_UNDEFINED: jput_str(b, "Undefined", 0); break;
	case T_NONE: jput_str(b, "None", 0); break;
	case T_BOOL: jput_str(b, v.whole ? "True" : "False", 0); break;
	case T_INT:
		snprintf(text, sizeof text, "%ld", v.whole);
		jput_str(b, text, 0);
		break;
	case T_REAL: jput_real(b, v.real); break;
	case T_TEXT: repr_text(b, v.text); break;
	case T_LIST: repr_list(b, v.list, "[", "]"); break;
	case T_TUPLE: repr_list(b, v.list, "(", v.list->n == 1 ? ",)" : ")"); break;
	case T_DICT: repr_dict(b, v.dict); break;
	default: repr_rest(b, v);
	}
	b->run->depth--;
}

void jput_str_of(struct jbuild *b, struct jvalue v)
{
	if (v.type == T_TEXT)
		jput_text(b, v.text);
	else if (v.type != T_UNDEFINED)
		jput_repr(b, v);
}

const struct jtext *jstr(struct jrun *r, struct jvalue v)
{
	struct jbuild b = jbuild(r);

	if (v.type == T_TEXT)
		return jtext_safe(r, v.text, 0);
	jput_str_of(&b, v);
	return jbuilt(&b);
}
