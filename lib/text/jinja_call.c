/* SPDX-License-Identifier: MIT */
/* jinja_call.c - arguments, macros, and the functions that a template finds. */
#include <limits.h>

#include "jinja_tree_in.h"

static void add_named(struct jrun *r, struct jargs *a, const struct jtext *name, struct jvalue v)
{
	for (long i = 0; i < a->named; i++)
		if (jtext_same(a->by_name[i].name, name))
			jfail(r, "two arguments are called '%.*s'", (int)name->n, name->p);
	jspend(r, 1 + a->named / 8);
	a->by_name = jgrow(r, a->by_name, a->named * sizeof *a->by_name,
	                   (a->named + 1) * sizeof *a->by_name);
	a->by_name[a->named++] = (struct jnamed){name, v};
}

static void add_stars(struct jrun *r, struct jargs *a, struct jlist *l, int stars, struct jvalue v)
{
	struct jiter *i;
	struct jvalue item;

	if (stars == 1) {
		for (i = jiter_of(r, v); jiter_next(r, i, &item);)
			jlist_add(r, l, item);
		return;
	}
	if (v.type != T_DICT)
		jfail(r, "argument after ** must be a mapping, not %s", jtype_name(v));
	for (long k = 0; k < v.dict->n; k++) {
		if (v.dict->pair[k].key.type != T_TEXT)
			jfail(r, "keywords must be strings");
		add_named(r, a, v.dict->pair[k].key.text, v.dict->pair[k].value);
	}
}

struct jargs jarguments(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jargs a = {0};
	struct jlist *l;

	if (!n)
		return a;
	l = jlist_new(r);
	for (; n; n = n->next) {
		struct jvalue v = jeval(r, n->kind == J_KEYWORD || n->kind == J_STAR ? n->a : n, f);

		if (n->kind == J_KEYWORD)
			add_named(r, &a, n->value.text, v);
		else if (n->kind == J_STAR)
			add_stars(r, &a, l, n->op, v);
		else
			jlist_add(r, l, v);
	}
	a.n = l->n;
	a.v = l->item;
	return a;
}

/* The place of a parameter by name; -1. */
static int place_of(const char *params, const struct jtext *name)
{
	int k = 0;

	for (const char *p = params; *p; k++) {
		size_t n = strcspn(p, " ?");

		if (*p != '/' && n == name->n && !memcmp(p, name->p, n))
			return k;
		p += strcspn(p, " ");
		p += strspn(p, " ");
	}
	return -1;
}

void jbind(struct jrun *r, const char *what, const char *params, const struct jargs *a,
           struct jvalue arg[ARGS_MOST])
{
	long k = 0;

	memset(arg, 0, ARGS_MOST * sizeof *arg);
	for (long i = 0; i < a->named; i++) {
		const struct jtext *name = a->by_name[i].name;
		int at = place_of(params, name);

		if (at < 0)
			jfail(r, "%s: no argument is called '%.*s'", what, (int)name->n, name->p);
		if (at < a->n)
			jfail(r, "%s: the argument '%.*s' is given twice", what, (int)name->n,
			      name->p);
		arg[at] = a->by_name[i].v;
	}
	for (const char *p = params; *p; k++) {
		size_t n = strcspn(p, " ");

		if (k < a->n)
			arg[k] = a->v[k];
		if (arg[k].type == T_MISSING && p[n - 1] != '?')
			jfail(r, "%s: the argument '%.*s' is missing", what, (int)(n - (*p == '/')),
			      p + (*p == '/'));
		p += n;
		p += strspn(p, " ");
	}
	if (a->n > k)
		jfail(r, "%s: %ld arguments, where at most %ld are taken", what, a->n, k);
}

/* Takes an argument by its name out of the list; T_MISSING. */
static struct jvalue take_named(struct jrun *r, struct jargs *a, const struct jname *name)
{
	jspend(r, 1 + a->named / 8);
	for (long i = 0; i < a->named; i++) {
		const struct jtext *given = a->by_name[i].name;
		struct jvalue v = a->by_name[i].v;

		if (given->n != name->n || memcmp(given->p, name->p, name->n) != 0)
			continue;
		memmove(a->by_name + i, a->by_name + i + 1, (--a->named - i) * sizeof *a->by_name);
		return v;
	}
	return (struct jvalue){T_MISSING};
}

/* What is left of the arguments goes to caller, kwargs and varargs. */
static void take_rest(struct jrun *r, const struct jnode *n, struct jframe *f, struct jargs *a,
                      long count)
{
	static const struct jname caller = {.p = "caller", .n = 6};
	struct jvalue v;

	if (n->caller >= 0) {
		v = take_named(r, a, &caller);
		if (v.type == T_MISSING || v.type == T_NONE)
			v = jundefined_hint(r, "No caller defined");
		f->slot[n->caller] = v;
	}
	if (n->kwargs >= 0) {
		struct jdict *d = jdict_new(r);

		for (long i = 0; i < a->named; i++)
			jdict_put(r, d, jtextual(a->by_name[i].name), a->by_name[i].v);
		f->slot[n->kwargs] = (struct jvalue){T_DICT, .dict = d};
	} else if (a->named) {
		jfail(r, "the macro takes no argument '%.*s'", (int)a->by_name->name->n,
		      a->by_name->name->p);
	}
	if (n->varargs >= 0) {
		struct jlist *l = jlist_new(r);

		for (long i = count; i < a->n; i++)
			jlist_add(r, l, a->v[i]);
		f->slot[n->varargs] = (struct jvalue){T_TUPLE, .list = l};
	} else if (a->n > count) {
		jfail(r, "the macro takes not more than %ld arguments", count);
	}
}

static void defaults(struct jrun *r, const struct jnode *n, struct jframe *f, long without)
{
	const struct jnode *value = n->b;

	for (const struct jnode *p = n->a; p; p = p->next, without--) {
		struct jvalue *slot = &f->slot[p->slot];
		const struct jname *name = &r->t->name[p->name];

		if (slot->type == T_MISSING && without > 0) {
			struct jbuild b = jbuild(r);

			jput_str(&b, "parameter '", 0);
			jput(&b, name->p, name->n, 0);
			jput(&b, "' was not provided", sizeof "' was not provided", 0);
			*slot = jundefined_hint(r, jbuilt(&b)->p);
		} else if (slot->type == T_MISSING) {
			*slot = jeval(r, value, f);
		}
		if (without <= 0)
			value = value->next;
	}
}

struct jvalue jcall_macro(struct jrun *r, const struct jmacro *m, const struct jargs *given)
{
	const struct jnode *n = m->node;
	struct jframe *f = jalloc(r, sizeof *f + n->slots * sizeof *f->slot);
	struct jargs a = *given;
	long count = 0, with = 0;
	const struct jtext *text;

	jdeeper(r);
	a.by_name = jalloc(r, (a.named + 1) * sizeof *a.by_name);
	if (a.named)
		memcpy(a.by_name, given->by_name, a.named * sizeof *a.by_name);
	f->up = m->closure;
	for (const struct jnode *p = n->a; p; p = p->next, count++)
		f->slot[p->slot] =
			count < a.n ? a.v[count] : take_named(r, &a, &r->t->name[p->name]);
	for (const struct jnode *d = n->b; d; d = d->next)
		with++;
	take_rest(r, n, f, &a, count);
	jenter(r, n->scope, f);
	defaults(r, n, f, count - with);
	jcapture(r, n->c, f, &text);
	r->depth--;
	return jtextual(text);
}

struct jvalue jcall(struct jrun *r, struct jvalue f, const struct jargs *a)
{
	struct jvalue arg[ARGS_MOST];

	switch (f.type) {
	case T_MACRO: return jcall_macro(r, f.macro, a);
	case T_FUNC:
		if (f.func->raw)
			return f.func->raw(r, a);
		jbind(r, f.func->name, f.func->params, a, arg);
		return f.func->call(r, arg);
	case T_METHOD:
		if (f.method->kind->raw)
			return f.method->kind->raw(r, f.method->self, a);
		if (!f.method->kind->call)
			jfail(r, "the method '%s' of %s is not known", f.method->kind->name,
			      jtype_name(f.method->self));
		jbind(r, f.method->kind->name, f.method->kind->params, a, arg);
		return f.method->kind->call(r, f.method->self, arg);
	case T_JOINER:
		jbind(r, "joiner", "", a, arg);
		return f.cycler->at++ ? f.cycler->items->item[0] : jtextual(jtext_str(r, ""));
	case T_LOOP: jfail(r, "the loop must have the 'recursive' marker to be called recursively");
	case T_UNDEFINED: jundefined_fail(r, f);
	default: jfail(r, "'%s' object is not callable", jtype_name(f));
	}
}

static struct jvalue fn_range(struct jrun *r, args_of arg)
{
	struct jrange *g = jalloc(r, sizeof *g);
	long a[3] = {0, 0, 1}, span;
	int n = 0;

	for (; n < 3 && arg[n].type != T_MISSING; n++)
		a[n] = jindex(r, arg[n], "range");
	if (n == 1) {
		a[1] = a[0];
		a[0] = 0;
	}
	if (!a[2])
		jfail(r, "range() arg 3 must not be zero");
	*g = (struct jrange){a[0], a[1], a[2], 0};
	if (__builtin_sub_overflow(a[2] > 0 ? a[1] : a[0], a[2] > 0 ? a[0] : a[1], &span) ||
	    a[2] == LONG_MIN)
		jfail(r, "a range is too big");
	if (span > 0)
		g->n = (span - 1) / (a[2] > 0 ? a[2] : -a[2]) + 1;
	if (g->n > 100000)
		jfail(r,
		      "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
	return (struct jvalue){T_RANGE, .range = g};
}

/* What dict() makes of its arguments. */
static struct jdict *dict_of(struct jrun *r, const char *what, const struct jargs *a)
{
	struct jdict *d = jdict_new(r);
	struct jvalue item, pair[2];
	struct jiter *i, *k;

	if (a->n > 1)
		jfail(r, "%s expected at most 1 argument, got %ld", what, a->n);
	if (a->n && a->v->type == T_DICT) {
		for (long j = 0; j < a->v->dict->n; j++)
			jdict_put(r, d, a->v->dict->pair[j].key, a->v->dict->pair[j].value);
	} else if (a->n) {
		for (i = jiter_of(r, *a->v); jiter_next(r, i, &item);
		     jdict_put(r, d, pair[0], pair[1])) {
			k = jiter_of(r, item);
			if (!jiter_next(r, k, pair) || !jiter_next(r, k, pair + 1) ||
			    jiter_next(r, k, &item))
				jfail(r, "%s: an element has not two parts", what);
		}
	}
	for (long j = 0; j < a->named; j++)
		jdict_put(r, d, jtextual(a->by_name[j].name), a->by_name[j].v);
	return d;
}

static struct jvalue fn_dict(struct jrun *r, const struct jargs *a)
{
	return (struct jvalue){T_DICT, .dict = dict_of(r, "dict", a)};
}

static struct jvalue fn_namespace(struct jrun *r, const struct jargs *a)
{
	struct jdict *d = dict_of(r, "namespace", a);

	for (long i = 0; i < d->n; i++)
		if (d->pair[i].key.type == T_TEXT && d->pair[i].key.text->n &&
		    *d->pair[i].key.text->p == '_')
			jfail(r, "a namespace keeps no attribute that begins with '_'");
	return (struct jvalue){T_SPACE, .dict = d};
}

static struct jvalue fn_cycler(struct jrun *r, const struct jargs *a)
{
	struct jcycler *c = jalloc(r, sizeof *c);
	struct jlist *l = jlist_new(r);

	for (long i = 0; i < a->n; i++)
		jlist_add(r, l, a->v[i]);
	if (!l->n || a->named)
		jfail(r, "cycler: at least one item has to be provided");
	c->items = l;
	return (struct jvalue){T_CYCLER, .cycler = c};
}

static struct jvalue fn_joiner(struct jrun *r, args_of arg)
{
	struct jcycler *c = jalloc(r, sizeof *c);
	struct jlist *l = jlist_new(r);

	jlist_add(r, l, arg[0].type == T_MISSING ? jtextual(jtext_str(r, ", ")) : arg[0]);
	c->items = l;
	return (struct jvalue){T_JOINER, .cycler = c};
}

static struct jvalue fn_raise(struct jrun *r, args_of arg)
{
	const struct jtext *text = jstr(r, arg[0]);

	r->line = 0; /* the message stands alone */
	jfail(r, "%.*s", (int)(text->n < 1000 ? text->n : 1000), text->p);
}

static struct jvalue fn_lipsum(struct jrun *r, const struct jargs *a)
{
	(void)a;
	jfail(r, "lipsum writes random text, which is not known here");
}

const struct jfunc *jfunc_find(const struct jname *name)
{
	static const struct jfunc functions[] = {
		{"range", "/start /stop? /step?", fn_range, NULL},
		{"dict", NULL, NULL, fn_dict},
		{"namespace", NULL, NULL, fn_namespace},
		{"cycler", NULL, NULL, fn_cycler},
		{"joiner", "sep?", fn_joiner, NULL},
		{"lipsum", NULL, NULL, fn_lipsum},
		{"raise_exception", "message", fn_raise, NULL},
		{"strftime_now", "format", jstrftime, NULL},
	};

	for (size_t i = 0; i < sizeof functions / sizeof *functions; i++)
		if (strlen(functions[i].name) == name->n &&
		    !memcmp(functions[i].name, name->p, name->n))
			return &functions[i];
	return NULL;
}
