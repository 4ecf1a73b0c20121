/* SPDX-License-Identifier: MIT */
/* jinja_value.c - values: how they are made, whether they are true, what they go through. */
#include "jinja_in.h"

#include "../base/utf8.h"

struct jvalue jnone(void) { return (struct jvalue){T_NONE, .whole = 0}; }
struct jvalue jbool(int v) { return (struct jvalue){T_BOOL, .whole = v != 0}; }
struct jvalue jint(long v) { return (struct jvalue){T_INT, .whole = v}; }
struct jvalue jreal(double v) { return (struct jvalue){T_REAL, .real = v}; }
struct jvalue jtextual(const struct jtext *t) { return (struct jvalue){T_TEXT, .text = t}; }
struct jvalue jlisted(const struct jlist *l) { return (struct jvalue){T_LIST, .list = l}; }

struct jlist *jlist_new(struct jrun *r) { return jalloc(r, sizeof(struct jlist)); }
struct jdict *jdict_new(struct jrun *r) { return jalloc(r, sizeof(struct jdict)); }

void jlist_add(struct jrun *r, struct jlist *l, struct jvalue v)
{
	if (l->n == l->room) {
		long room = l->room * 2 + 4;

		l->item = jgrow(r, l->item, l->room * sizeof v, room * sizeof v);
		l->room = room;
	}
	jspend(r, 1);
	l->item[l->n++] = v;
}

void jlist_reverse(struct jlist *l)
{
	for (long i = 0, k = l->n - 1; i < k; i++, k--) {
		struct jvalue v = l->item[i];

		l->item[i] = l->item[k];
		l->item[k] = v;
	}
}

struct jvalue jtuple2(struct jrun *r, struct jvalue a, struct jvalue b)
{
	struct jlist *l = jlist_new(r);

	jlist_add(r, l, a);
	jlist_add(r, l, b);
	return (struct jvalue){T_TUPLE, .list = l};
}

static void check_key(struct jrun *r, struct jvalue key)
{
	if (key.type == T_LIST || key.type == T_DICT)
		jfail(r, "unhashable type: '%s'", jtype_name(key));
	for (long i = 0; key.type == T_TUPLE && i < key.list->n; i++) {
		jdeeper(r);
		check_key(r, key.list->item[i]);
		r->depth--;
	}
}

const struct jvalue *jdict_text(struct jrun *r, const struct jdict *d, const char *p, size_t n)
{
	jspend(r, 1 + d->n / 8 + (long)(n / 64));
	for (long i = 0; i < d->n; i++) {
		struct jvalue k = d->pair[i].key;

		if (k.type == T_TEXT && k.text->n == n && !memcmp(k.text->p, p, n))
			return &d->pair[i].value;
	}
	return NULL;
}

const struct jvalue *jdict_get(struct jrun *r, const struct jdict *d, struct jvalue key)
{
	check_key(r, key);
	if (key.type == T_TEXT)
		return jdict_text(r, d, key.text->p, key.text->n);
	for (long i = 0; i < d->n; i++)
		if (jequal(r, d->pair[i].key, key))
			return &d->pair[i].value;
	return NULL;
}

static void append(struct jrun *r, struct jdict *d, struct jvalue key, struct jvalue v)
{
	if (d->n == d->room) {
		long room = d->room * 2 + 4;

		d->pair = jgrow(r, d->pair, d->room * sizeof *d->pair, room * sizeof *d->pair);
		d->room = room;
	}
	d->pair[d->n++] = (struct jpair){key, v};
}

void jdict_put(struct jrun *r, struct jdict *d, struct jvalue key, struct jvalue v)
{
	struct jvalue *there = (struct jvalue *)jdict_get(r, d, key);

	if (there)
		*there = v;
	else
		append(r, d, key, v);
}

/* [a-z_]+, as roles are called */
static int is_role(const char *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (p[i] != '_' && (p[i] < 'a' || p[i] > 'z'))
			return 0;
	return n > 0;
}

/* role: it stands under that key. */
struct jvalue jfrom_json(struct jrun *r, const json_t *j, int mark, int role)
{
	struct jlist *l;
	struct jdict *d;
	const char *key, *p;
	json_t *v;
	size_t i, n;

	jdeeper(r);
	r->depth--;
	if (json_is_string(j)) {
		p = json_string_value(j);
		n = json_string_length(j);
		return jtextual(jtext_new(r, p, n, role && is_role(p, n) ? 0 : mark));
	}
	if (json_is_integer(j))
		return jint(json_integer_value(j));
	if (json_is_real(j) && json_real_value(j) == JSON_NOT_FINITE)
		jfail(r, "a number of the row is not finite");
	if (json_is_real(j))
		return jreal(json_real_value(j));
	if (json_is_null(j))
		return jnone();
	if (json_is_boolean(j))
		return jbool(json_is_true(j));
	r->depth++;
	if (json_is_array(j)) {
		l = jlist_new(r);
		json_array_foreach(j, i, v) jlist_add(r, l, jfrom_json(r, v, mark, 0));
		r->depth--;
		return jlisted(l);
	}
	d = jdict_new(r);
	json_object_foreach((json_t *)j, key, v)
		append(r, d, jtextual(jtext_new(r, key, strlen(key), mark)),
	               jfrom_json(r, v, mark, !strcmp(key, "role")));
	r->depth--;
	return (struct jvalue){T_DICT, .dict = d};
}

static struct jvalue undefined(struct jrun *r, const char *hint, const char *of, struct jvalue name)
{
	struct jundefined *u = jalloc(r, sizeof *u);

	*u = (struct jundefined){hint, of, name};
	return (struct jvalue){T_UNDEFINED, .undefined = u};
}

struct jvalue jundefined_hint(struct jrun *r, const char *hint)
{
	return undefined(r, hint, NULL, jnone());
}

struct jvalue jundefined_name(struct jrun *r, const char *p, size_t n)
{
	return undefined(r, NULL, NULL, jtextual(jtext_new(r, p, n, 0)));
}

struct jvalue jundefined_attr(struct jrun *r, struct jvalue of, struct jvalue name)
{
	return undefined(r, NULL, of.type == T_NONE ? "" : jtype_name(of), name);
}

/* With Jinja's message. */
void jundefined_fail(struct jrun *r, struct jvalue v)
{
	const struct jundefined *u = v.undefined;
	struct jbuild b = jbuild(r);
	const char *name, *of;

	if (u->hint)
		jfail(r, "%s", u->hint);
	jput_repr(&b, u->name);
	jput(&b, "", 1, 0);
	name = jbuilt(&b)->p;
	if (!u->of)
		jfail(r, "%s is undefined", name);
	of = *u->of ? u->of : "None";
	if (u->name.type == T_TEXT)
		jfail(r, "'%s%s' has no attribute %s", of, *u->of ? " object" : "", name);
	jfail(r, "%s%s has no element %s", of, *u->of ? " object" : "", name);
}

const char *jtype_name(struct jvalue v)
{
	static const char *const names[] = {
		[T_MISSING] = "missing", [T_UNDEFINED] = "Undefined",
		[T_NONE] = "NoneType",   [T_BOOL] = "bool",
		[T_INT] = "int",         [T_REAL] = "float",
		[T_TEXT] = "str",        [T_LIST] = "list",
		[T_TUPLE] = "tuple",     [T_DICT] = "dict",
		[T_RANGE] = "range",     [T_MACRO] = "Macro",
		[T_FUNC] = "function",   [T_METHOD] = "builtin_function_or_method",
		[T_SPACE] = "Namespace", [T_LOOP] = "LoopContext",
		[T_CYCLER] = "Cycler",   [T_JOINER] = "Joiner",
	};
	static const char *const views[] = {"dict_keys", "dict_values", "dict_items"};

	if (v.type == T_VIEW)
		return views[v.view->of];
	if (v.type == T_ITER)
		return v.iter->name;
	return v.type == T_TEXT && v.text->safe ? "Markup" : names[v.type];
}

/* -1: it has no length, as a number or a generator. */
long jlength(struct jvalue v, struct jrun *r)
{
	switch (v.type) {
	case T_UNDEFINED: return 0;
	case T_TEXT: return jchars(r, v.text);
	case T_LIST:
	case T_TUPLE: return v.list->n;
	case T_DICT: return v.dict->n;
	case T_VIEW: return v.view->dict->n;
	case T_RANGE: return v.range->n;
	case T_LOOP: {
		int found;

		return jloop_attr(r, v.loop, jtext_str(r, "length"), &found).whole;
	}
	default: return -1;
	}
}

int jtruth(struct jrun *r, struct jvalue v)
{
	switch (v.type) {
	case T_UNDEFINED:
	case T_MISSING:
	case T_NONE: return 0;
	case T_BOOL:
	case T_INT: return v.whole != 0;
	case T_REAL: return v.real != 0;
	case T_TEXT: return v.text->n > 0;
	case T_LIST:
	case T_TUPLE:
	case T_DICT:
	case T_VIEW:
	case T_RANGE:
	case T_LOOP: return jlength(v, r) > 0;
	default: return 1;
	}
}

int jgiven(struct jvalue v) { return v.type != T_MISSING && v.type != T_NONE; }
int jon(struct jrun *r, struct jvalue v) { return v.type != T_MISSING && jtruth(r, v); }

static int next_item(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	(void)r;
	if (i->at >= i->of.list->n)
		return 0;
	*v = i->of.list->item[i->at++];
	return 1;
}

static int next_key(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jdict *d = i->of.type == T_VIEW ? i->of.view->dict : i->of.dict;
	enum jview_of of = i->of.type == T_VIEW ? i->of.view->of : VIEW_KEYS;
	const struct jpair *p;

	if (i->at >= d->n)
		return 0;
	p = &d->pair[i->at++];
	*v = of == VIEW_KEYS ? p->key : of == VIEW_VALUES ? p->value : jtuple2(r, p->key, p->value);
	return 1;
}

static int next_character(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jtext *t = i->of.text;
	int32_t c;
	int bytes;

	if (i->byte >= t->n)
		return 0;
	bytes = utf8_first(t->p + i->byte, t->n - i->byte, &c);
	*v = jtextual(jtext_safe(r, jtext_part(r, t, i->byte, i->byte + bytes), 0));
	i->byte += bytes;
	return 1;
}

static int next_number(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	const struct jrange *g = i->of.range;

	(void)r;
	if (i->at >= g->n)
		return 0;
	*v = jint(g->start + i->at++ * g->step);
	return 1;
}

static int next_none(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	(void)r;
	(void)i;
	(void)v;
	return 0;
}

typedef int next_of(struct jrun *, struct jiter *, struct jvalue *);

static next_of *how(struct jvalue v)
{
	switch (v.type) {
	case T_UNDEFINED: return next_none;
	case T_TEXT: return next_character;
	case T_LIST:
	case T_TUPLE: return next_item;
	case T_DICT:
	case T_VIEW: return next_key;
	case T_RANGE: return next_number;
	default: return NULL;
	}
}

int jiterable(struct jvalue v) { return v.type == T_ITER || v.type == T_LOOP || how(v); }

struct jiter *jiter_of(struct jrun *r, struct jvalue v)
{
	struct jiter *i;

	if (v.type == T_ITER)
		return v.iter;
	if (v.type == T_LOOP)
		jfail(r, "going through 'loop' itself is not known");
	if (!how(v))
		jfail(r, "'%s' object is not iterable", jtype_name(v));
	i = jalloc(r, sizeof *i);
	*i = (struct jiter){.next = how(v), .name = "iterator", .of = v};
	return i;
}

int jiter_next(struct jrun *r, struct jiter *i, struct jvalue *v)
{
	int got;

	jdeeper(r);
	got = i->next(r, i, v);
	r->depth--;
	return got;
}

struct jlist *jlist_of(struct jrun *r, struct jvalue v)
{
	struct jiter *i = jiter_of(r, v);
	struct jlist *l = jlist_new(r);
	struct jvalue item;

	while (jiter_next(r, i, &item))
		jlist_add(r, l, item);
	return l;
}
