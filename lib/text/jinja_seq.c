/* SPDX-License-Identifier: MIT */
/* jinja_seq.c - filters of many values: map and select, sort, join, first ...
 *
 * As in Jinja, those that may be read item by item are generators: nothing is computed, and
 * nothing can fail, before someone asks for an item.
 */
#include "jinja_in.h"

static const struct jvalue none; /* T_MISSING */

/* Python's sorted() takes an integer, and a truth value is one. */
static int reversed(struct jrun *r, struct jvalue v)
{
	return v.type != T_MISSING && jindex(r, v, "sort") != 0;
}

/* What a generator does with each item. */
struct jstep {
	struct jvalue path, otherwise; /* an attribute, and what stands for an undefined one */
	const struct jfilter *filter;
	const struct jtest *test;
	struct jargs args;
	int reject, cased;
	long size; /* of a batch */
	struct jvalue fill;
	struct jlist *seen;
	struct jvalue source; /* read only when the first item is asked for */
};

static struct jvalue generator(struct jrun *r, struct jvalue source, const struct jstep *how,
                               int (*next)(struct jrun *, struct jiter *, struct jvalue *))
{
	struct jiter *i = jalloc(r, sizeof *i);
	struct jstep *copy = jalloc(r, sizeof *copy);

	*copy = *how;
	copy->source = source;
	*i = (struct jiter){.next = next, .name = "generator", .how = copy};
	return (struct jvalue){T_ITER, .iter = i};
}

/* The next item of a generator's source.  skip_false: Jinja's `if value:` before it begins. */
static int pull(struct jrun *r, struct jiter *i, struct jvalue *v, int skip_false)
{
	if (!i->from && skip_false && !jtruth(r, i->how->source))
		i->from = jiter_of(r, jlisted(jlist_new(r)));
	if (!i->from)
		i->from = jiter_of(r, i->how->source);
	return jiter_next(r, i->from, v);
}

static int next_mapped(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jstep *s = i->how;

	if (!pull(r, i, v, 1))
		return 0;
	if (s->filter) {
		*v = jfilter_apply(r, s->filter, *v, &s->args);
		return 1;
	}
	*v = jget_path(r, *v, s->path, jgiven(s->otherwise) ? s->otherwise : none);
	return 1;
}

static struct jvalue f_map(struct jrun *r, struct jvalue v, const struct jargs *a)
{
	struct jstep s = {.args = *a};
	struct jvalue arg[ARGS_MOST];

	if (!a->n && a->named) {
		jbind(r, "map", "attribute default?", a, arg);
		s.path = arg[0];
		s.otherwise = arg[1];
	} else {
		if (!a->n || a->v->type != T_TEXT)
			jfail(r, "map requires a filter argument");
		s.filter = jfilter_find(a->v->text->p, a->v->text->n);
		if (!s.filter)
			jfail(r, "the filter '%.*s' is not known", (int)a->v->text->n,
			      a->v->text->p);
		s.args.n--;
		s.args.v++;
	}
	return generator(r, v, &s, next_mapped);
}

static int next_selected(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jstep *s = i->how;

	while (pull(r, i, v, 1)) {
		struct jvalue of = jget_path(r, *v, s->path, none);

		if ((s->test ? jtest_apply(r, s->test, of, &s->args) : jtruth(r, of)) != s->reject)
			return 1;
	}
	return 0;
}

static struct jvalue select_from(struct jrun *r, struct jvalue v, const struct jargs *a,
                                 int by_attr, int reject)
{
	struct jstep s = {.args = *a, .reject = reject};

	if (by_attr && !a->n)
		jfail(r, "Missing parameter for attribute name");
	if (by_attr) {
		s.path = *a->v;
		s.args.n--;
		s.args.v++;
	}
	if (s.args.n) {
		if (s.args.v->type != T_TEXT ||
		    !(s.test = jtest_find(s.args.v->text->p, s.args.v->text->n)))
			jfail(r, "the test '%.*s' is not known",
			      s.args.v->type == T_TEXT ? (int)s.args.v->text->n : 1,
			      s.args.v->type == T_TEXT ? s.args.v->text->p : "?");
		s.args.n--;
		s.args.v++;
	}
	return generator(r, v, &s, next_selected);
}

static struct jvalue f_select(struct jrun *r, struct jvalue v, const struct jargs *a)
{
	return select_from(r, v, a, 0, 0);
}

static struct jvalue f_reject(struct jrun *r, struct jvalue v, const struct jargs *a)
{
	return select_from(r, v, a, 0, 1);
}

static struct jvalue f_selectattr(struct jrun *r, struct jvalue v, const struct jargs *a)
{
	return select_from(r, v, a, 1, 0);
}

static struct jvalue f_rejectattr(struct jrun *r, struct jvalue v, const struct jargs *a)
{
	return select_from(r, v, a, 1, 1);
}

static int next_pair(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	struct jvalue of = i->how->source;

	if (!i->from && of.type != T_UNDEFINED && of.type != T_DICT)
		jfail(r, "Can only get item pairs from a mapping.");
	if (!i->from && of.type == T_DICT) {
		struct jview *view = jalloc(r, sizeof *view);

		*view = (struct jview){VIEW_ITEMS, of.dict};
		i->from = jiter_of(r, (struct jvalue){T_VIEW, .view = view});
	}
	return i->from ? jiter_next(r, i->from, v) : 0;
}

static struct jvalue f_items(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jstep s = {0};

	(void)a;
	return generator(r, v, &s, next_pair);
}

static struct jvalue folded(struct jrun *r, struct jvalue v, int cased)
{
	return v.type == T_TEXT && !cased ? jtextual(jcased(r, v.text, CASE_LOWER)) : v;
}

static int next_unique(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jstep *s = i->how;

	while (pull(r, i, v, 0)) {
		struct jvalue key = folded(r, jget_path(r, *v, s->path, none), s->cased);
		long k = 0;

		if (key.type == T_LIST || key.type == T_DICT)
			jfail(r, "unhashable type: '%s'", jtype_name(key));
		while (k < s->seen->n && !jequal(r, s->seen->item[k], key))
			k++;
		if (k < s->seen->n)
			continue;
		jlist_add(r, s->seen, key);
		return 1;
	}
	return 0;
}

static struct jvalue f_unique(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jstep s = {.path = a[1], .cased = jon(r, a[0]), .seen = jlist_new(r)};

	return generator(r, v, &s, next_unique);
}

static int next_batch(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jstep *s = i->how;
	struct jlist *l = jlist_new(r);
	struct jvalue item;

	while (l->n < s->size && pull(r, i, &item, 0))
		jlist_add(r, l, item);
	if (!l->n)
		return 0;
	while (jgiven(s->fill) && l->n < s->size)
		jlist_add(r, l, s->fill);
	*v = jlisted(l);
	return 1;
}

static struct jvalue f_batch(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jstep s = {.size = jindex(r, a[0], "batch"), .fill = a[1]};

	if (s.size < 1)
		jfail(r, "batch: a count of %ld is not known", s.size);
	return generator(r, v, &s, next_batch);
}

static struct jvalue f_slice(struct jrun *r, struct jvalue v, args_of a)
{
	struct jlist *all = jlist_of(r, v), *l, *to = jlist_new(r);
	long slices = jindex(r, a[0], "slice"), at = 0, each;

	if (slices < 1)
		jfail(r, "slice: a count of %ld is not known", slices);
	for (long k = 0; k < slices; k++) {
		l = jlist_new(r);
		each = all->n / slices + (k < all->n % slices);
		while (each--)
			jlist_add(r, l, all->item[at++]);
		if (jgiven(a[1]) && k >= all->n % slices)
			jlist_add(r, l, a[1]);
		jlist_add(r, to, jlisted(l));
	}
	return (struct jvalue){T_ITER, .iter = jiter_of(r, jlisted(to))};
}

static struct jvalue f_list(struct jrun *r, struct jvalue v, args_of a)
{
	(void)a;
	return jlisted(jlist_of(r, v));
}

static struct jvalue f_first(struct jrun *r, struct jvalue v, args_of a)
{
	struct jvalue item;

	(void)a;
	return jiter_next(r, jiter_of(r, v), &item)
	               ? item
	               : jundefined_hint(r, "No first item, sequence was empty.");
}

static struct jvalue f_last(struct jrun *r, struct jvalue v, args_of a)
{
	struct jlist *l;

	(void)a;
	if (v.type == T_ITER)
		jfail(r, "'%s' object is not reversible", jtype_name(v));
	if (v.type == T_TEXT)
		return v.text->n ? jget_item(r, v, jint(-1))
		                 : jundefined_hint(r, "No last item, sequence was empty.");
	l = jlist_of(r, v);
	return l->n ? l->item[l->n - 1] : jundefined_hint(r, "No last item, sequence was empty.");
}

static struct jvalue f_reverse(struct jrun *r, struct jvalue v, args_of a)
{
	struct jlist *l;

	(void)a;
	if (v.type == T_TEXT)
		return jslice(r, v, jnone(), jnone(), jint(-1));
	l = jlist_of(r, v);
	jlist_reverse(l);
	if (v.type == T_ITER)
		return jlisted(l);
	return (struct jvalue){T_ITER, .iter = jiter_of(r, jlisted(l))};
}

static int next_attribute(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	if (!pull(r, i, v, 0))
		return 0;
	*v = jget_path(r, *v, i->how->path, none);
	return 1;
}

static struct jvalue f_join(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *by = a[0].type == T_MISSING ? jtext_str(r, "") : jstr(r, a[0]);
	struct jstep s = {.path = a[1]};

	return jtextual(jjoin(r, by, jgiven(a[1]) ? generator(r, v, &s, next_attribute) : v, 1));
}

static struct jvalue f_sum(struct jrun *r, struct jvalue v, args_of a)
{
	struct jiter *i = jiter_of(r, v);
	struct jvalue sum = a[1].type == T_MISSING ? jint(0) : a[1], item;

	if (sum.type == T_TEXT)
		jfail(r, "sum() can't sum strings [use ''.join(seq) instead]");
	while (jiter_next(r, i, &item))
		sum = jbinary(r, '+', sum, jget_path(r, item, a[0], none));
	return sum;
}

/* Merges the sorted halves [from, mid) and [mid, to) by way of `spare`, two lists. */
static void merge(struct jrun *r, struct jlist *l[2], struct jvalue *spare[2], long from, long mid,
                  long to)
{
	long i = from, k = mid;

	for (long at = from; at < to; at++) {
		int right = i == mid || (k < to && jorder(r, OP_LT, l[1]->item[k], l[1]->item[i]));
		long take = right ? k++ : i++;

		spare[0][at] = l[0]->item[take];
		spare[1][at] = l[1]->item[take];
	}
	for (int j = 0; j < 2; j++)
		memcpy(l[j]->item + from, spare[j] + from, (to - from) * sizeof **spare);
}

/* Equal ones stay in their order, also where the order is reversed. */
void jsort(struct jrun *r, struct jlist *items, struct jlist *keys, int reverse)
{
	struct jlist *l[2] = {items, keys};
	struct jvalue *spare[2];
	long n = items->n;

	for (int j = 0; j < 2; j++) {
		spare[j] = jalloc(r, (n + 1) * sizeof **spare);
		if (reverse)
			jlist_reverse(l[j]);
	}
	for (long width = 1; width < n; width *= 2)
		for (long from = 0; from + width < n; from += 2 * width)
			merge(r, l, spare, from, from + width,
			      from + 2 * width < n ? from + 2 * width : n);
	for (int j = 0; j < 2 && reverse; j++)
		jlist_reverse(l[j]);
}

/* "a,b.c": the values of several attributes. */
static struct jvalue sort_key(struct jrun *r, struct jvalue v, struct jvalue paths, int cased)
{
	struct jlist *l = jlist_new(r), *split;

	if (paths.type != T_TEXT) {
		jlist_add(r, l, folded(r, jget_path(r, v, paths, none), cased));
		return jlisted(l);
	}
	split = jsplit(r, paths.text, jtext_str(r, ","), -1);
	for (long i = 0; i < split->n; i++)
		jlist_add(r, l, folded(r, jget_path(r, v, split->item[i], none), cased));
	return jlisted(l);
}

/* sort(reverse=False, case_sensitive=False, attribute=None) */
static struct jvalue f_sort(struct jrun *r, struct jvalue v, args_of a)
{
	struct jlist *l = jlist_of(r, v), *keys = jlist_new(r);

	for (long i = 0; i < l->n; i++)
		jlist_add(r, keys, sort_key(r, l->item[i], a[2], jon(r, a[1])));
	jsort(r, l, keys, reversed(r, a[0]));
	return jlisted(l);
}

/* dictsort(case_sensitive=False, by='key', reverse=False) */
static struct jvalue f_dictsort(struct jrun *r, struct jvalue v, args_of a)
{
	struct jlist *l = jlist_new(r), *keys = jlist_new(r);
	int by_value = a[1].type == T_TEXT && jtext_is(a[1].text, "value");

	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (a[1].type != T_MISSING && !by_value &&
	    !(a[1].type == T_TEXT && jtext_is(a[1].text, "key")))
		jfail(r, "You can only sort by either \"key\" or \"value\"");
	if (v.type != T_DICT)
		jfail(r, "'%s' object has no attribute 'items'", jtype_name(v));
	for (long i = 0; i < v.dict->n; i++) {
		const struct jpair *p = &v.dict->pair[i];

		jlist_add(r, l, jtuple2(r, p->key, p->value));
		jlist_add(r, keys, folded(r, by_value ? p->value : p->key, jon(r, a[0])));
	}
	jsort(r, l, keys, reversed(r, a[2]));
	return jlisted(l);
}

static struct jvalue extreme(struct jrun *r, struct jvalue v, args_of a, int op)
{
	struct jiter *i = jiter_of(r, v);
	struct jvalue best, key, item, k;
	int cased = jon(r, a[0]);

	if (!jiter_next(r, i, &best))
		return jundefined_hint(r, "No aggregated item, sequence was empty.");
	key = folded(r, jget_path(r, best, a[1], none), cased);
	while (jiter_next(r, i, &item)) {
		k = folded(r, jget_path(r, item, a[1], none), cased);
		if (jorder(r, op, k, key)) {
			best = item;
			key = k;
		}
	}
	return best;
}

static struct jvalue f_min(struct jrun *r, struct jvalue v, args_of a)
{
	return extreme(r, v, a, OP_LT);
}
static struct jvalue f_max(struct jrun *r, struct jvalue v, args_of a)
{
	return extreme(r, v, a, OP_GT);
}

const struct jfilter jseq_filters[] = {
	{"batch", "linecount fill_with?", f_batch, NULL},
	{"dictsort", "case_sensitive? by? reverse?", f_dictsort, NULL},
	{"first", "", f_first, NULL},
	{"items", "", f_items, NULL},
	{"join", "d? attribute?", f_join, NULL},
	{"last", "", f_last, NULL},
	{"list", "", f_list, NULL},
	{"map", NULL, NULL, f_map},
	{"max", "case_sensitive? attribute?", f_max, NULL},
	{"min", "case_sensitive? attribute?", f_min, NULL},
	{"reject", NULL, NULL, f_reject},
	{"rejectattr", NULL, NULL, f_rejectattr},
	{"reverse", "", f_reverse, NULL},
	{"select", NULL, NULL, f_select},
	{"selectattr", NULL, NULL, f_selectattr},
	{"slice", "slices fill_with?", f_slice, NULL},
	{"sort", "reverse? case_sensitive? attribute?", f_sort, NULL},
	{"sum", "attribute? start?", f_sum, NULL},
	{"unique", "case_sensitive? attribute?", f_unique, NULL},
	{0},
};
