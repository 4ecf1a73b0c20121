/* SPDX-License-Identifier: MIT */
/* jinja_filters.c - filters of one value: texts, numbers, defaults.  Those of many: jinja_seq.c. */
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "jinja_in.h"
#include "unicode.h"

/* As Jinja's soft_str: a text as it is (also one marked safe), else its str(). */
static const struct jtext *soft(struct jrun *r, struct jvalue v)
{
	return v.type == T_TEXT ? v.text : jstr(r, v);
}

static struct jvalue f_upper(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jcased(r, soft(r, v), CASE_UPPER));
}

static struct jvalue f_lower(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jcased(r, soft(r, v), CASE_LOWER));
}

static struct jvalue f_capitalize(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jcased(r, soft(r, v), CASE_CAPITALIZE));
}

static struct jvalue f_title(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jtext_safe(r, jcased(r, soft(r, v), CASE_TITLE_FILTER), 0));
}

static struct jvalue f_trim(struct jrun *r, struct jvalue v, args_of a)
{
	if (jgiven(a[0]) && a[0].type != T_TEXT)
		jfail(r, "strip arg must be None or str, not %s", jtype_name(a[0]));
	return jtextual(jstrip(r, soft(r, v), jgiven(a[0]) ? a[0].text : NULL, 3));
}

static struct jvalue f_string(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(soft(r, v));
}

static struct jvalue f_safe(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jtext_safe(r, jstr(r, v), 1));
}

static struct jvalue f_escape(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jescape(r, soft(r, v)));
}

static struct jvalue f_forceescape(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jtextual(jescape(r, jstr(r, v)));
}

static struct jvalue f_replace(struct jrun *r, struct jvalue v, args_of a)
{
	long most = jgiven(a[2]) ? jindex(r, a[2], "replace") : -1;

	return jtextual(jreplace(r, jstr(r, v), jstr(r, a[0]), jstr(r, a[1]), most));
}

static struct jvalue f_default(struct jrun *r, struct jvalue v, args_of a)
{
	int boolean = jon(r, a[1]);

	if (v.type != T_UNDEFINED && !(boolean && !jtruth(r, v)))
		return v;
	return a[0].type == T_MISSING ? jtextual(jtext_str(r, "")) : a[0];
}

static struct jvalue f_length(struct jrun *r, struct jvalue v, args_of a)
{
	long n = jlength(v, r);

	(void)a;
	if (n < 0)
		jfail(r, "object of type '%s' has no len()", jtype_name(v));
	return jint(n);
}

static struct jvalue f_abs(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (!jis_number(v))
		jfail(r, "bad operand type for abs(): '%s'", jtype_name(v));
	if (v.type == T_REAL)
		return jreal(fabs(v.real));
	return v.whole < 0 ? junary(r, '-', v) : jint(v.whole);
}

static int whole_of(struct jrun *r, double v, long *to)
{
	if (!isfinite(v))
		return 0;
	if (!(fabs(v) < 0x1p63))
		jfail(r, "int: %g is beyond 64 bits", v);
	*to = (long)v;
	return 1;
}

static struct jvalue f_int(struct jrun *r, struct jvalue v, args_of a)
{
	struct jvalue otherwise = a[0].type == T_MISSING ? jint(0) : a[0];
	long base = a[1].type == T_MISSING ? 10 : jindex(r, a[1], "int"), n;
	double real;

	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (base != 0 && (base < 2 || base > 36))
		base = -1;
	if (v.type == T_INT || v.type == T_BOOL)
		return jint(v.whole);
	if (v.type == T_REAL && isinf(v.real))
		jfail(r, "cannot convert float infinity to integer");
	if (v.type == T_REAL)
		return whole_of(r, v.real, &n) ? jint(n) : otherwise;
	if (v.type != T_TEXT)
		return otherwise;
	if (base >= 0 && jparse_int(r, v.text->p, v.text->n, (int)base, &n))
		return jint(n);
	return jparse_real(r, v.text, &real) && whole_of(r, real, &n) ? jint(n) : otherwise;
}

static struct jvalue f_float(struct jrun *r, struct jvalue v, args_of a)
{
	double real;

	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (jis_number(v))
		return jreal(jto_real(v));
	if (v.type == T_TEXT && jparse_real(r, v.text, &real))
		return jreal(real);
	return a[0].type == T_MISSING ? jreal(0) : a[0];
}

static struct jvalue round_whole(struct jrun *r, long v, long digits)
{
	long unit = 1, down;

	if (digits >= 0)
		return jint(v);
	for (; digits < 0; digits++)
		unit = jmul(r, unit, 10);
	down = v / unit * unit - (v % unit < 0 ? unit : 0);
	if (v - down > unit / 2 || (v - down == unit / 2 && (down / unit) % 2))
		down = jadd(r, down, unit);
	return jint(down);
}

/* round(value, precision) as Python's, which rounds the decimal digits half to even. */
static struct jvalue f_round(struct jrun *r, struct jvalue v, args_of a)
{
	long digits = a[0].type == T_MISSING ? 0 : jindex(r, a[0], "round");
	const struct jtext *method = a[1].type == T_TEXT ? a[1].text : jtext_str(r, "common");
	char text[800];
	double unit;

	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (!jis_number(v))
		jfail(r, "type %s doesn't define __round__ method", jtype_name(v));
	if (digits > 300 || digits < -300)
		jfail(r, "round: a precision of %ld is not known", digits);
	if (!jtext_is(method, "common")) {
		if (!jtext_is(method, "ceil") && !jtext_is(method, "floor"))
			jfail(r, "method must be common, ceil or floor");
		unit = pow(10, (double)digits);
		if (digits < 0)
			jfail(r, "round: a negative precision is not known here");
		unit = jtext_is(method, "ceil") ? ceil(jto_real(v) * unit)
		                                : floor(jto_real(v) * unit);
		return jreal((unit ? unit : 0) / pow(10, (double)digits)); /* no -0.0 */
	}
	if (v.type != T_REAL)
		return round_whole(r, v.whole, digits);
	if (!isfinite(v.real))
		return v;
	if (digits < 0)
		jfail(r, "round: a negative precision of a float is not known");
	snprintf(text, sizeof text, "%.*f", (int)digits, v.real);
	return jreal(strtod(text, NULL));
}

static struct jvalue f_indent(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *by, *line = jtext_str(r, "\n");
	struct jbuild b = jbuild(r), whole = jbuild(r);
	int first = jon(r, a[1]);
	int blank = jon(r, a[2]);
	struct jlist *lines;

	if (v.type != T_TEXT)
		jfail(r, "indent takes a text, not '%s'", jtype_name(v));
	by = a[0].type == T_TEXT ? a[0].text
	                         : jrepeat(r, jtext_str(r, " "),
	                                   a[0].type == T_MISSING ? 4 : jindex(r, a[0], "indent"));
	jput_text(&whole, v.text);
	jput_text(&whole, line);
	lines = jsplit_lines(r, jbuilt(&whole), 0);
	b.safe = v.text->safe;
	for (long i = 0; i < lines->n; i++) {
		if (i)
			jput_text(&b, line);
		if (i ? blank || lines->item[i].text->n : first)
			jput_text(&b, by);
		jput_text(&b, lines->item[i].text);
	}
	return jtextual(jbuilt(&b));
}

/* Words are of what a regular expression's \w finds: letters, numbers, underscores. */
static struct jvalue f_wordcount(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *t = soft(r, v);
	int inside = 0, word;
	long n = 0;
	int32_t c;

	(void)a;
	jspend(r, (long)(t->n / 16));
	for (size_t at = 0; at < t->n; inside = word) {
		at += utf8_first(t->p + at, t->n - at, &c);
		word = c == '_' || strchr("LN", *unicode_category(c)) != NULL;
		n += word && !inside;
	}
	return jint(n);
}

static struct jvalue f_truncate(struct jrun *r, struct jvalue v, args_of a)
{
	long length = a[0].type == T_MISSING ? 255 : jindex(r, a[0], "truncate");
	int words = a[1].type == T_MISSING || !jtruth(r, a[1]);
	const struct jtext *end = a[2].type == T_TEXT ? a[2].text : jtext_str(r, "..."), *cut;
	long leeway = jgiven(a[3]) ? jindex(r, a[3], "truncate") : 5, n;
	struct jbuild b = jbuild(r);

	if (length < jchars(r, end) || leeway < 0)
		jfail(r, "expected length >= %ld, got %ld", jchars(r, end), length);
	n = jlength(v, r);
	if (n >= 0 && n - leeway <= length)
		return v;
	if (v.type != T_TEXT || v.text->safe)
		jfail(r, "truncate takes a text, not '%s'", jtype_name(v));
	cut = jtext_part(r, v.text, 0, jbyte_of(r, v.text, length - jchars(r, end)));
	if (words)
		cut = jsplit_last(r, cut, jtext_str(r, " "), 1)->item[0].text;
	jput_text(&b, cut);
	jput_text(&b, end);
	return jtextual(jbuilt(&b));
}

static struct jvalue f_format(struct jrun *r, struct jvalue v, const struct jargs *a)
{
	struct jlist *l = jlist_new(r);
	struct jdict *d = jdict_new(r);

	if (a->n && a->named)
		jfail(r, "can't handle positional and keyword arguments at the same time");
	for (long i = 0; i < a->n; i++)
		jlist_add(r, l, a->v[i]);
	for (long i = 0; i < a->named; i++)
		jdict_put(r, d, jtextual(a->by_name[i].name), a->by_name[i].v);
	return jtextual(jpercent(r, soft(r, v),
	                         a->named ? (struct jvalue){T_DICT, .dict = d}
	                                  : (struct jvalue){T_TUPLE, .list = l}));
}

static struct jvalue f_attr(struct jrun *r, struct jvalue v, args_of a)
{
	if (a[0].type != T_TEXT)
		jfail(r, "attr takes a name");
	if (v.type == T_DICT && !jmethod_find(v, a[0].text)) /* attributes alone, no items */
		return jundefined_attr(r, v, a[0]);
	return jget_attr(r, v, a[0]);
}

static const struct jfilter filters[] = {
	{"abs", "", f_abs, NULL},
	{"attr", "name", f_attr, NULL},
	{"capitalize", "", f_capitalize, NULL},
	{"count", "", f_length, NULL},
	{"d", "default_value? boolean?", f_default, NULL},
	{"default", "default_value? boolean?", f_default, NULL},
	{"e", "", f_escape, NULL},
	{"escape", "", f_escape, NULL},
	{"float", "default?", f_float, NULL},
	{"forceescape", "", f_forceescape, NULL},
	{"format", NULL, NULL, f_format},
	{"indent", "width? first? blank?", f_indent, NULL},
	{"int", "default? base?", f_int, NULL},
	{"length", "", f_length, NULL},
	{"lower", "", f_lower, NULL},
	{"replace", "old new count?", f_replace, NULL},
	{"round", "precision? method?", f_round, NULL},
	{"safe", "", f_safe, NULL},
	{"string", "", f_string, NULL},
	{"title", "", f_title, NULL},
	{"tojson", "ensure_ascii? indent? separators? sort_keys?", jtojson, NULL},
	{"trim", "chars?", f_trim, NULL},
	{"truncate", "length? killwords? end? leeway?", f_truncate, NULL},
	{"upper", "", f_upper, NULL},
	{"wordcount", "", f_wordcount, NULL},
	{0},
};

const struct jfilter *jfilter_find(const char *name, size_t n)
{
	const struct jfilter *both[] = {filters, jseq_filters};

	for (int k = 0; k < 2; k++)
		for (const struct jfilter *f = both[k]; f->name; f++)
			if (strlen(f->name) == n && !memcmp(f->name, name, n))
				return f;
	return NULL;
}

struct jvalue jfilter_apply(struct jrun *r, const struct jfilter *f, struct jvalue v,
                            const struct jargs *a)
{
	struct jvalue arg[ARGS_MOST];

	if (f->raw)
		return f->raw(r, v, a);
	jbind(r, f->name, f->params, a, arg);
	return f->call(r, v, arg);
}
