/* SPDX-License-Identifier: MIT */
/* jinja_look.c - attributes, items and slices, by Python's rules and the sandbox's.
 *
 * x.name is Python's attribute if the type of x has one, else the item; x['name'] the other way
 * round.  Methods that change a list or dict, and names that begin with an underscore, are
 * undefined values that fault when they are used.
 */
#include "jinja_in.h"

static struct jvalue unsafe(struct jrun *r, struct jvalue of, const struct jtext *name)
{
	struct jbuild b = jbuild(r);

	jput_str(&b, "access to attribute '", 0);
	jput_text(&b, name);
	jput_str(&b, "' of '", 0);
	jput_str(&b, jtype_name(of), 0);
	jput(&b, "' object is unsafe.", sizeof "' object is unsafe.", 0);
	return jundefined_hint(r, jbuilt(&b)->p);
}

static int changes(struct jvalue of, const struct jtext *name)
{
	static const char *const list[] = {"append", "clear", "pop",    "reverse",
	                                   "insert", "sort",  "extend", "remove"};
	static const char *const dict[] = {"clear", "pop", "popitem", "setdefault", "update"};

	for (size_t i = 0; of.type == T_LIST && i < sizeof list / sizeof *list; i++)
		if (jtext_is(name, list[i]))
			return 1;
	for (size_t i = 0; of.type == T_DICT && i < sizeof dict / sizeof *dict; i++)
		if (jtext_is(name, dict[i]))
			return 1;
	return 0;
}

/* Every object of Python has some __names__, of which we have no list. */
static void refuse_inner(struct jrun *r, const struct jtext *name)
{
	if (name->n > 4 && !memcmp(name->p, "__", 2) && !memcmp(name->p + name->n - 2, "__", 2))
		jfail(r, "the attribute '%.*s' is not known", (int)name->n, name->p);
}

/* Python's getattr(), where the type has such an attribute. */
static int attribute(struct jrun *r, struct jvalue of, const struct jtext *name, struct jvalue *v)
{
	const struct jmethod_kind *kind;
	struct jmethod *m;
	int found = 0;

	if (of.type == T_SPACE) {
		const struct jvalue *got = jdict_text(r, of.dict, name->p, name->n);

		if (got)
			*v = *got;
		return got != NULL;
	}
	refuse_inner(r, name);
	if (changes(of, name)) {
		*v = unsafe(r, of, name);
		return 1;
	}
	if (of.type == T_LOOP) {
		*v = jloop_attr(r, of.loop, name, &found);
		if (found)
			return 1;
	}
	if (of.type == T_CYCLER && jtext_is(name, "current")) {
		*v = of.cycler->items->item[of.cycler->at];
		return 1;
	}
	kind = jmethod_find(of, name);
	if (!kind)
		return 0;
	m = jalloc(r, sizeof *m);
	*m = (struct jmethod){of, kind};
	*v = (struct jvalue){T_METHOD, .method = m};
	return 1;
}

static const struct jlist *sequence(struct jvalue v)
{
	return v.type == T_LIST || v.type == T_TUPLE ? v.list : NULL;
}

/* Python's of[index], where that is there. */
static int item(struct jrun *r, struct jvalue of, struct jvalue index, struct jvalue *v)
{
	const struct jlist *l = sequence(of);
	long i, n;

	if (of.type == T_DICT) {
		const struct jvalue *got;

		if (index.type == T_LIST || index.type == T_DICT)
			return 0;
		got = jdict_get(r, of.dict, index);
		if (got)
			*v = *got;
		return got != NULL;
	}
	if (!l && of.type != T_TEXT && of.type != T_RANGE)
		return 0;
	if (index.type != T_INT && index.type != T_BOOL)
		return 0;
	n = jlength(of, r);
	i = index.whole < 0 ? index.whole + n : index.whole;
	if (i < 0 || i >= n)
		return 0;
	if (l) {
		*v = l->item[i];
	} else if (of.type == T_RANGE) {
		*v = jint(of.range->start + i * of.range->step);
	} else {
		size_t from = jbyte_of(r, of.text, i), to = from + 1;

		while (to < of.text->n && (of.text->p[to] & 0xc0) == 0x80)
			to++;
		*v = jtextual(jtext_part(r, of.text, from, to));
	}
	return 1;
}

struct jvalue jget_attr(struct jrun *r, struct jvalue of, struct jvalue name)
{
	struct jvalue v;

	if (of.type == T_UNDEFINED) {
		refuse_inner(r, name.text);
		jundefined_fail(r, of);
	}
	if (attribute(r, of, name.text, &v) || item(r, of, name, &v))
		return v;
	return jundefined_attr(r, of, name);
}

struct jvalue jget_item(struct jrun *r, struct jvalue of, struct jvalue index)
{
	struct jvalue v;

	if (of.type == T_UNDEFINED)
		jundefined_fail(r, of);
	if (item(r, of, index, &v) || (index.type == T_TEXT && attribute(r, of, index.text, &v)))
		return v;
	return jundefined_attr(r, of, index);
}

/* An attribute of a filter: "a.b.0" goes through items; numbers are indices.  otherwise: stands
 * for what is undefined on the way, unless it is T_MISSING. */
struct jvalue jget_path(struct jrun *r, struct jvalue of, struct jvalue path,
                        struct jvalue otherwise)
{
	struct jlist *parts;
	long number;

	if (path.type == T_NONE || path.type == T_MISSING)
		return of;
	parts = path.type == T_TEXT ? jsplit(r, path.text, jtext_str(r, "."), -1) : jlist_new(r);
	if (path.type != T_TEXT)
		jlist_add(r, parts, path);
	for (long i = 0; i < parts->n; i++) {
		const struct jtext *t = path.type == T_TEXT ? parts->item[i].text : NULL;
		int digits = t && t->n > 0;

		for (size_t k = 0; digits && k < t->n; k++)
			digits &= t->p[k] >= '0' && t->p[k] <= '9';
		if (digits && jparse_int(r, t->p, t->n, 10, &number))
			of = jget_item(r, of, jint(number));
		else
			of = jget_item(r, of, parts->item[i]);
		if (of.type == T_UNDEFINED && otherwise.type != T_MISSING)
			of = otherwise;
	}
	return of;
}

static long bound(struct jrun *r, struct jvalue v, long n, long step, long otherwise)
{
	long i;

	if (v.type == T_NONE)
		return otherwise;
	if (v.type != T_INT && v.type != T_BOOL)
		jfail(r, "slice indices must be integers or None or have an __index__ method");
	i = v.whole;
	if (i < 0)
		i = i < -n ? (step < 0 ? -1 : 0) : i + n;
	else if (i >= n)
		i = step < 0 ? n - 1 : n;
	return i;
}

static struct jvalue text_slice(struct jrun *r, const struct jtext *t, long from, long to,
                                long step)
{
	struct jbuild b = jbuild(r);

	if (step == 1) {
		size_t begin = jbyte_of(r, t, from < to ? from : 0);

		return jtextual(jtext_part(r, t, begin, from < to ? jbyte_of(r, t, to) : begin));
	}
	b.safe = t->safe;
	if (step == -1 && jchars(r, t) != (long)t->n && from > to) { /* backwards, in one go */
		size_t end = from + 1 < jchars(r, t) ? jbyte_of(r, t, from + 1) : t->n, at;

		for (long i = from; i > to; i--, end = at) {
			for (at = end - 1; (t->p[at] & 0xc0) == 0x80; at--)
				;
			jput_part(&b, t, at, end);
		}
		return jtextual(jbuilt(&b));
	}
	for (long i = from; step > 0 ? i < to : i > to; i += step) {
		size_t at = jbyte_of(r, t, i), end = at + 1;

		jspend(r, 1);
		while (end < t->n && (t->p[end] & 0xc0) == 0x80)
			end++;
		jput_part(&b, t, at, end);
	}
	return jtextual(jbuilt(&b));
}

static struct jvalue range_slice(struct jrun *r, const struct jrange *g, long first, long last,
                                 long by)
{
	struct jrange *part = jalloc(r, sizeof *part);
	long size = by > 0 ? by : -by, span = by > 0 ? last - first : first - last;

	*part = (struct jrange){jadd(r, g->start, jmul(r, first, g->step)),
	                        jadd(r, g->start, jmul(r, last, g->step)), jmul(r, g->step, by), 0};
	if (span > 0 && size > 0)
		part->n = (span - 1) / size + 1;
	return (struct jvalue){T_RANGE, .range = part};
}

struct jvalue jslice(struct jrun *r, struct jvalue of, struct jvalue start, struct jvalue stop,
                     struct jvalue step)
{
	const struct jlist *l = sequence(of);
	struct jlist *to;
	long n, by, first, last;

	if (of.type == T_UNDEFINED)
		jundefined_fail(r, of);
	if (!l && of.type != T_TEXT && of.type != T_RANGE)
		jfail(r, "a slice of '%s' is not known", jtype_name(of));
	bound(r, step, 0, 1, 0); /* for its type */
	by = step.type == T_NONE ? 1 : step.whole;
	if (!by)
		jfail(r, "slice step cannot be zero");
	n = jlength(of, r);
	by = by > n + 1 ? n + 1 : by < -n - 1 ? -n - 1 : by; /* which is as far */
	first = bound(r, start, n, by, by < 0 ? n - 1 : 0);
	last = bound(r, stop, n, by, by < 0 ? -1 : n);
	if (of.type == T_TEXT)
		return text_slice(r, of.text, first, last, by);
	if (of.type == T_RANGE)
		return range_slice(r, of.range, first, last, by);
	to = jlist_new(r);
	for (long i = first; by > 0 ? i < last : i > last; i += by)
		jlist_add(r, to, l->item[i]);
	return (struct jvalue){of.type, .list = to};
}
