/* SPDX-License-Identifier: MIT */
/* jinja_methods.c - the methods of texts, lists and dicts, as Python's.
 *
 * The table has all attributes that Python's types have, since an attribute goes before an item;
 * those without a function are known by name and refused when they are called.
 */
#include <stdio.h>

#include "jinja_in.h"

static const struct jtext *text(struct jrun *r, struct jvalue v, const char *what)
{
	if (v.type != T_TEXT)
		jfail(r, "%s: a text is needed, not '%s'", what, jtype_name(v));
	return v.text;
}

static struct jvalue strip(struct jrun *r, struct jvalue v, args_of a, int sides)
{
	return jtextual(jstrip(r, v.text, jgiven(a[0]) ? text(r, a[0], "strip") : NULL, sides));
}

static struct jvalue m_strip(struct jrun *r, struct jvalue v, args_of a)
{
	return strip(r, v, a, 3);
}
static struct jvalue m_lstrip(struct jrun *r, struct jvalue v, args_of a)
{
	return strip(r, v, a, 1);
}
static struct jvalue m_rstrip(struct jrun *r, struct jvalue v, args_of a)
{
	return strip(r, v, a, 2);
}

static struct jvalue m_split(struct jrun *r, struct jvalue v, args_of a)
{
	long most = a[1].type == T_MISSING ? -1 : jindex(r, a[1], "split");

	return jlisted(jsplit(r, v.text, jgiven(a[0]) ? text(r, a[0], "split") : NULL, most));
}

static struct jvalue m_rsplit(struct jrun *r, struct jvalue v, args_of a)
{
	long most = a[1].type == T_MISSING ? -1 : jindex(r, a[1], "rsplit");

	return jlisted(jsplit_last(r, v.text, jgiven(a[0]) ? text(r, a[0], "rsplit") : NULL, most));
}

static struct jvalue m_splitlines(struct jrun *r, struct jvalue v, args_of a)
{
	return jlisted(jsplit_lines(r, v.text, jon(r, a[0])));
}

static struct jvalue partition(struct jrun *r, struct jvalue v, args_of a, int last)
{
	const struct jtext *by = text(r, a[0], "partition"), *t = v.text;
	long at = last ? jfind_last(r, t, 0, t->n, by) : jfind(r, t, 0, t->n, by);
	struct jlist *l = jlist_new(r);
	size_t from = at >= 0 ? (size_t)at : last ? 0 : t->n, to = at >= 0 ? from + by->n : from;

	if (!by->n)
		jfail(r, "empty separator");
	jlist_add(r, l, jtextual(jtext_part(r, t, 0, from)));
	jlist_add(r, l, jtextual(jtext_part(r, t, from, to)));
	jlist_add(r, l, jtextual(jtext_part(r, t, to, t->n)));
	return (struct jvalue){T_TUPLE, .list = l};
}

static struct jvalue m_partition(struct jrun *r, struct jvalue v, args_of a)
{
	return partition(r, v, a, 0);
}
static struct jvalue m_rpartition(struct jrun *r, struct jvalue v, args_of a)
{
	return partition(r, v, a, 1);
}

/* The bytes of text[start:end], as find() and its like take them; 0: start is behind the end. */
static int part(struct jrun *r, const struct jtext *t, struct jvalue start, struct jvalue end,
                size_t *from, size_t *to)
{
	long n = jchars(r, t), i = jgiven(start) ? jindex(r, start, "start") : 0;
	long k = jgiven(end) ? jindex(r, end, "end") : n;

	k = k > n ? n : k < 0 ? (k + n < 0 ? 0 : k + n) : k;
	i = i < 0 ? (i + n < 0 ? 0 : i + n) : i;
	if (i > k)
		return 0;
	*from = jbyte_of(r, t, i);
	*to = jbyte_of(r, t, k);
	return 1;
}

static struct jvalue affix(struct jrun *r, struct jvalue v, args_of a, int end)
{
	size_t from, to;
	const struct jvalue *one = a;
	long n = 1;

	if (a[0].type == T_TUPLE) {
		one = a[0].list->item;
		n = a[0].list->n;
	}
	for (long i = 0; i < n; i++) {
		const struct jtext *t = text(r, one[i], end ? "endswith" : "startswith");

		jspend(r, 1 + (long)(t->n / 64));
		if (part(r, v.text, a[1], a[2], &from, &to) && t->n <= to - from &&
		    (!t->n || !memcmp(v.text->p + (end ? to - t->n : from), t->p, t->n)))
			return jbool(1);
	}
	return jbool(0);
}

static struct jvalue m_startswith(struct jrun *r, struct jvalue v, args_of a)
{
	return affix(r, v, a, 0);
}
static struct jvalue m_endswith(struct jrun *r, struct jvalue v, args_of a)
{
	return affix(r, v, a, 1);
}

static struct jvalue find(struct jrun *r, struct jvalue v, args_of a, int last, int must)
{
	const struct jtext *what = text(r, a[0], "find");
	size_t from, to;
	long at = -1;

	if (part(r, v.text, a[1], a[2], &from, &to))
		at = last ? jfind_last(r, v.text, from, to, what)
		          : jfind(r, v.text, from, to, what);
	if (at < 0 && must)
		jfail(r, "substring not found");
	return jint(at < 0 ? at : jchar_of(r, v.text, (size_t)at));
}

static struct jvalue m_find(struct jrun *r, struct jvalue v, args_of a)
{
	return find(r, v, a, 0, 0);
}
static struct jvalue m_rfind(struct jrun *r, struct jvalue v, args_of a)
{
	return find(r, v, a, 1, 0);
}
static struct jvalue m_index(struct jrun *r, struct jvalue v, args_of a)
{
	return find(r, v, a, 0, 1);
}
static struct jvalue m_rindex(struct jrun *r, struct jvalue v, args_of a)
{
	return find(r, v, a, 1, 1);
}

static struct jvalue m_count(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *what = text(r, a[0], "count");
	size_t from, to;
	long at, n = 0;

	if (!part(r, v.text, a[1], a[2], &from, &to))
		return jint(0);
	if (!what->n)
		return jint(jchar_of(r, v.text, to) - jchar_of(r, v.text, from) + 1);
	for (; (at = jfind(r, v.text, from, to, what)) >= 0; n++)
		from = (size_t)at + what->n;
	return jint(n);
}

static struct jvalue m_replace(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *from = text(r, a[0], "replace"), *to = text(r, a[1], "replace");

	if (v.text->safe)
		to = jescape(r, to);
	return jtextual(jreplace(r, v.text, from, to,
	                         a[2].type == T_MISSING ? -1 : jindex(r, a[2], "replace")));
}

static struct jvalue without(struct jrun *r, struct jvalue v, struct jvalue affixed, int end)
{
	const struct jtext *t = text(r, affixed, end ? "removesuffix" : "removeprefix"),
			   *of = v.text;
	size_t from = 0, to = of->n;

	jspend(r, (long)(t->n / 64));
	if (t->n && t->n <= of->n && !memcmp(of->p + (end ? of->n - t->n : 0), t->p, t->n)) {
		from = end ? 0 : t->n;
		to = end ? of->n - t->n : of->n;
	}
	return jtextual(jtext_part(r, of, from, to));
}

static struct jvalue m_removeprefix(struct jrun *r, struct jvalue v, args_of a)
{
	return without(r, v, a[0], 0);
}

static struct jvalue m_removesuffix(struct jrun *r, struct jvalue v, args_of a)
{
	return without(r, v, a[0], 1);
}

static struct jvalue m_join(struct jrun *r, struct jvalue v, args_of a)
{
	return jtextual(jjoin(r, v.text, a[0], 0));
}

static struct jvalue padded(struct jrun *r, struct jvalue v, args_of a, int how)
{
	long n = jchars(r, v.text), width = jindex(r, a[0], "width"),
	     more = width > n ? width - n : 0;
	const struct jtext *fill = jgiven(a[1]) ? text(r, a[1], "fill") : jtext_str(r, " ");
	long left = how == 'l' ? 0 : how == 'r' ? more : more / 2 + (more & width & 1);
	struct jbuild b = jbuild(r);

	if (jchars(r, fill) != 1)
		jfail(r, "The fill character must be exactly one character long");
	b.safe = v.text->safe;
	jput_text(&b, jrepeat(r, fill, left));
	jput_text(&b, v.text);
	jput_text(&b, jrepeat(r, fill, more - left));
	return jtextual(jbuilt(&b));
}

static struct jvalue m_ljust(struct jrun *r, struct jvalue v, args_of a)
{
	return padded(r, v, a, 'l');
}
static struct jvalue m_rjust(struct jrun *r, struct jvalue v, args_of a)
{
	return padded(r, v, a, 'r');
}
static struct jvalue m_center(struct jrun *r, struct jvalue v, args_of a)
{
	return padded(r, v, a, 'c');
}

static struct jvalue m_zfill(struct jrun *r, struct jvalue v, args_of a)
{
	long n = jchars(r, v.text), width = jindex(r, a[0], "zfill");
	size_t sign = v.text->n && (*v.text->p == '-' || *v.text->p == '+');
	struct jbuild b = jbuild(r);

	jput_part(&b, v.text, 0, sign);
	jput_text(&b, jrepeat(r, jtext_str(r, "0"), width > n ? width - n : 0));
	jput_part(&b, v.text, sign, v.text->n);
	return jtextual(jbuilt(&b));
}

/* clang-format off */
#define CASED(name, how)                                                       \
	static struct jvalue name(struct jrun *r, struct jvalue v, args_of a)  \
	{                                                                      \
		(void)a;                                                       \
		return jtextual(jcased(r, v.text, how));                       \
	}
#define IS(name)                                                               \
	static struct jvalue m_##name(struct jrun *r, struct jvalue v, args_of a) \
	{                                                                      \
		(void)a;                                                       \
		return jbool(jtext_all(r, v.text, #name));                     \
	}
CASED(m_upper, CASE_UPPER)
CASED(m_lower, CASE_LOWER)
CASED(m_title, CASE_TITLE)
CASED(m_capitalize, CASE_CAPITALIZE)
CASED(m_swapcase, CASE_SWAP)
IS(isdigit) IS(isalpha) IS(isalnum) IS(isspace) IS(isupper) IS(islower) IS(istitle) IS(isnumeric) IS(isdecimal)
IS(isascii)
	/* clang-format on */

	static struct jvalue view(struct jrun *r, struct jvalue v, enum jview_of of)
{
	struct jview *w = jalloc(r, sizeof *w);

	*w = (struct jview){of, v.dict};
	return (struct jvalue){T_VIEW, .view = w};
}

static struct jvalue m_keys(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return view(r, v, VIEW_KEYS);
}

static struct jvalue m_values(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return view(r, v, VIEW_VALUES);
}

static struct jvalue m_items(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return view(r, v, VIEW_ITEMS);
}

static struct jvalue m_get(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jvalue *got = jdict_get(r, v.dict, a[0]);

	return got ? *got : a[1].type == T_MISSING ? jnone() : a[1];
}

static struct jvalue m_copy(struct jrun *r, struct jvalue v, args_of a)
{
	(void)r;
	(void)a;
	return v; /* nothing changes a list or dict */
}

static struct jvalue m_list_index(struct jrun *r, struct jvalue v, args_of a)
{
	long n = v.list->n, i = jgiven(a[1]) ? jindex(r, a[1], "index") : 0;
	long k = jgiven(a[2]) ? jindex(r, a[2], "index") : n;

	i = i < 0 ? (i + n < 0 ? 0 : i + n) : i;
	k = k > n ? n : k < 0 ? k + n : k;
	for (; i < k; i++)
		if (jequal(r, v.list->item[i], a[0]))
			return jint(i);
	jfail(r, "%s.index(x): x not in %s", jtype_name(v), jtype_name(v));
}

static struct jvalue m_list_count(struct jrun *r, struct jvalue v, args_of a)
{
	long n = 0;

	for (long i = 0; i < v.list->n; i++)
		n += jequal(r, v.list->item[i], a[0]);
	return jint(n);
}

static struct jvalue m_next(struct jrun *r, struct jvalue v, args_of a)
{
	struct jcycler *c = v.cycler;
	struct jvalue item = c->items->item[c->at];

	(void)r;
	(void)a;
	c->at = (c->at + 1) % c->items->n;
	return item;
}

static struct jvalue m_reset(struct jrun *r, struct jvalue v, args_of a)
{
	(void)r;
	(void)a;
	v.cycler->at = 0;
	return jnone();
}

static const struct jmethod_kind methods[] = {
	{T_TEXT, "strip", "/chars?", m_strip, NULL},
	{T_TEXT, "lstrip", "/chars?", m_lstrip, NULL},
	{T_TEXT, "rstrip", "/chars?", m_rstrip, NULL},
	{T_TEXT, "split", "sep? maxsplit?", m_split, NULL},
	{T_TEXT, "rsplit", "sep? maxsplit?", m_rsplit, NULL},
	{T_TEXT, "splitlines", "keepends?", m_splitlines, NULL},
	{T_TEXT, "partition", "/sep", m_partition, NULL},
	{T_TEXT, "rpartition", "/sep", m_rpartition, NULL},
	{T_TEXT, "startswith", "/prefix /start? /end?", m_startswith, NULL},
	{T_TEXT, "endswith", "/suffix /start? /end?", m_endswith, NULL},
	{T_TEXT, "find", "/sub /start? /end?", m_find, NULL},
	{T_TEXT, "rfind", "/sub /start? /end?", m_rfind, NULL},
	{T_TEXT, "index", "/sub /start? /end?", m_index, NULL},
	{T_TEXT, "rindex", "/sub /start? /end?", m_rindex, NULL},
	{T_TEXT, "count", "/sub /start? /end?", m_count, NULL},
	{T_TEXT, "replace", "/old /new /count?", m_replace, NULL},
	{T_TEXT, "removeprefix", "/prefix", m_removeprefix, NULL},
	{T_TEXT, "removesuffix", "/suffix", m_removesuffix, NULL},
	{T_TEXT, "join", "/iterable", m_join, NULL},
	{T_TEXT, "format", NULL, NULL, jformat},
	{T_TEXT, "upper", "", m_upper, NULL},
	{T_TEXT, "lower", "", m_lower, NULL},
	{T_TEXT, "title", "", m_title, NULL},
	{T_TEXT, "capitalize", "", m_capitalize, NULL},
	{T_TEXT, "swapcase", "", m_swapcase, NULL},
	{T_TEXT, "ljust", "/width /fill?", m_ljust, NULL},
	{T_TEXT, "rjust", "/width /fill?", m_rjust, NULL},
	{T_TEXT, "center", "/width /fill?", m_center, NULL},
	{T_TEXT, "zfill", "/width", m_zfill, NULL},
	{T_TEXT, "isdigit", "", m_isdigit, NULL},
	{T_TEXT, "isalpha", "", m_isalpha, NULL},
	{T_TEXT, "isalnum", "", m_isalnum, NULL},
	{T_TEXT, "isspace", "", m_isspace, NULL},
	{T_TEXT, "isupper", "", m_isupper, NULL},
	{T_TEXT, "islower", "", m_islower, NULL},
	{T_TEXT, "istitle", "", m_istitle, NULL},
	{T_TEXT, "isnumeric", "", m_isnumeric, NULL},
	{T_TEXT, "isdecimal", "", m_isdecimal, NULL},
	{T_TEXT, "isascii", "", m_isascii, NULL},
	{.of = T_TEXT, .name = "casefold"},
	{.of = T_TEXT, .name = "encode"},
	{.of = T_TEXT, .name = "expandtabs"},
	{.of = T_TEXT, .name = "format_map"},
	{.of = T_TEXT, .name = "isidentifier"},
	{.of = T_TEXT, .name = "isprintable"},
	{.of = T_TEXT, .name = "maketrans"},
	{.of = T_TEXT, .name = "translate"},
	{T_DICT, "get", "/key /default?", m_get, NULL},
	{T_DICT, "items", "", m_items, NULL},
	{T_DICT, "keys", "", m_keys, NULL},
	{T_DICT, "values", "", m_values, NULL},
	{T_DICT, "copy", "", m_copy, NULL},
	{.of = T_DICT, .name = "fromkeys"},
	{T_LIST, "index", "/value /start? /stop?", m_list_index, NULL},
	{T_LIST, "count", "/value", m_list_count, NULL},
	{T_LIST, "copy", "", m_copy, NULL},
	{T_TUPLE, "index", "/value /start? /stop?", m_list_index, NULL},
	{T_TUPLE, "count", "/value", m_list_count, NULL},
	{T_LOOP, "cycle", NULL, NULL, jloop_cycle},
	{T_LOOP, "changed", NULL, NULL, jloop_changed},
	{T_CYCLER, "next", "", m_next, NULL},
	{T_CYCLER, "reset", "", m_reset, NULL},
	{0},
};

/* Attributes that Python has and templates have no use for: "type: names". */
static int is_unknown(struct jvalue v, const struct jtext *name)
{
	static const struct {
		enum jtype of;
		const char *names;
	} others[] = {
		{T_INT, " real imag numerator denominator conjugate bit_length bit_count to_bytes "
	                "from_bytes as_integer_ratio is_integer "},
		{T_BOOL, " real imag numerator denominator conjugate bit_length bit_count to_bytes "
	                 "from_bytes as_integer_ratio is_integer "},
		{T_REAL, " real imag conjugate is_integer hex fromhex as_integer_ratio "},
		{T_RANGE, " start stop step count index "},
		{T_VIEW, " mapping isdisjoint "},
		{T_MACRO, " name arguments catch_kwargs catch_varargs caller explicit_caller "},
		{T_ITER,
	         " send throw close gi_frame gi_code gi_running gi_yieldfrom gi_suspended "},
		{T_CYCLER, " items pos "},
		{T_JOINER, " sep used "},
	};
	char word[32];

	if (name->n > sizeof word - 3 || memchr(name->p, ' ', name->n))
		return 0;
	snprintf(word, sizeof word, " %.*s ", (int)name->n, name->p);
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (others[i].of == v.type && strstr(others[i].names, word))
			return 1;
	return 0;
}

const struct jmethod_kind *jmethod_find(struct jvalue v, const struct jtext *name)
{
	static const struct jmethod_kind unknown = {.name = "?"};

	for (const struct jmethod_kind *m = methods; m->name; m++)
		if (m->of == v.type && jtext_is(name, m->name))
			return m;
	return is_unknown(v, name) ? &unknown : NULL;
}
