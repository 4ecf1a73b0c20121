/* SPDX-License-Identifier: MIT */
/* jinja_scope.c - which variable a name means, decided before anything is rendered.
 *
 * Jinja's compiler makes Python of a template, and variables of Python's of its names.  The body
 * of a loop, a macro, a call, a generation, filter or set block and of `with` is a scope, an if is
 * none.  A scope's own names are those that it sets.  When it is entered (a loop's body: for each
 * item) such a name begins as the value that the name has outside (LOAD_ALIAS), as the variable
 * that was given (LOAD_RESOLVE), or unset (LOAD_UNDEFINED); what is set ends with the scope.
 * Therefore a loop cannot count by {% set n = n + 1 %}, which needs a namespace.
 *
 * The surprise is in "unset": a name that is set, at the top of a scope, before it is read
 * anywhere in it, is not looked for among the given variables, not even by a macro that is called
 * before.  A name that is only set in branches of an if is.  This follows idtracking.py of
 * Jinja 3.1 word by word, since templates live by it.
 *
 * A macro and the like have frames of their own, and see those around them: (up, slot).
 */
#include "jinja_tree_in.h"

struct jresolver {
	struct jrun *run;
	struct jinja *t;
};

static struct jsymbol *own(struct jresolver *v, struct jscope *s, int name)
{
	jspend(v->run, 1 + s->n / 16);
	for (long i = 0; i < s->n; i++)
		if (s->symbol[i].name == name)
			return &s->symbol[i];
	return NULL;
}

/* A symbol of this scope or one around it; *up: how many frames out. */
static struct jsymbol *find(struct jresolver *v, struct jscope *s, int name, int *up)
{
	int level = s->function->level;

	for (; s; s = s->parent) {
		struct jsymbol *y = own(v, s, name);

		if (y) {
			*up = level - s->function->level;
			return y;
		}
	}
	return NULL;
}

/* Several copies of a scope (the branches of an if) give one name one slot. */
static struct jsymbol *define(struct jresolver *v, struct jscope *s, int name, enum jload load)
{
	struct jsymbol *y = own(v, s, name);

	if (!y) {
		if (s->n == s->room) {
			long room = s->room * 2 + 8;

			s->symbol = jgrow(v->run, s->symbol, s->room * sizeof *y, room * sizeof *y);
			s->room = room;
		}
		y = &s->symbol[s->n++];
		*y = (struct jsymbol){.name = name, .slot = s->function->slots++};
	}
	y->load = load;
	if (load == LOAD_RESOLVE)
		v->t->name[name].used = 1;
	return y;
}

/* As the name of the scope around: its alias, or else `otherwise`. */
static struct jsymbol *define_as_outside(struct jresolver *v, struct jscope *s, int name,
                                         enum jload otherwise)
{
	int up = 0;
	struct jsymbol *outer = s->parent ? find(v, s->parent, name, &up) : NULL, *y;
	int from = outer ? outer->slot : 0;

	y = define(v, s, name, outer ? LOAD_ALIAS : otherwise);
	y->up = up + (s->parent ? s->function->level - s->parent->function->level : 0);
	y->from = from;
	return y;
}

static void store(struct jresolver *v, struct jscope *s, int name)
{
	struct jsymbol *y = own(v, s, name);

	if (!y)
		y = define_as_outside(v, s, name, LOAD_UNDEFINED);
	y->stored = 1;
}

static int parameter(struct jresolver *v, struct jscope *s, int name)
{
	struct jsymbol *y = define(v, s, name, LOAD_NOT);

	y->stored = 1;
	return y->slot;
}

static void read_name(struct jresolver *v, struct jscope *s, int name)
{
	int up;

	if (!find(v, s, name, &up))
		define(v, s, name, LOAD_RESOLVE);
}

static void target(struct jresolver *v, struct jscope *s, const struct jnode *n, int as_parameter)
{
	if (n->kind == J_TUPLE)
		for (n = n->a; n; n = n->next)
			target(v, s, n, as_parameter);
	else if (n->kind == J_NSREF)
		read_name(v, s, n->name);
	else if (as_parameter)
		parameter(v, s, n->name);
	else
		store(v, s, n->name);
}

static void expressions(struct jresolver *v, struct jscope *s, const struct jnode *n)
{
	for (; n; n = n->next) {
		if (n->kind == J_NAME)
			read_name(v, s, n->name);
		expressions(v, s, n->a);
		expressions(v, s, n->b);
		expressions(v, s, n->c);
	}
}

static void statements(struct jresolver *v, struct jscope *s, const struct jnode *n);

/* What an if does to the scope it stands in: each branch begins as the scope is before the if. */
static void branches(struct jresolver *v, struct jscope *s, const struct jnode *n)
{
	struct jscope before = *s;
	const struct jnode *branch[] = {n->b, n->c, n->d};

	expressions(v, s, n->a);
	before.n = s->n;
	before.symbol = jalloc(v->run, (s->n + 1) * sizeof *s->symbol);
	if (s->n)
		memcpy(before.symbol, s->symbol, s->n * sizeof *s->symbol);
	for (int i = 0; i < 3; i++) {
		/* what the branches before have added has a slot, but is not known in this one */
		struct jscope copy = before;

		copy.symbol = jalloc(v->run, (before.n + 1) * sizeof *s->symbol);
		copy.room = before.n + 1;
		if (before.n)
			memcpy(copy.symbol, before.symbol, before.n * sizeof *s->symbol);
		statements(v, &copy, branch[i]);
		for (long k = 0; k < copy.n; k++) {
			struct jsymbol *from = &copy.symbol[k], *to = own(v, s, from->name);

			if (!to) {
				to = define(v, s, from->name, from->load);
				s->function->slots--; /* the copy has counted it */
				*to = *from;
			} else {
				int stored = to->stored, slot = to->slot;

				*to = *from;
				to->slot = slot;
				to->stored |= stored;
			}
		}
	}
	for (long k = 0; k < s->n; k++) {
		const struct jsymbol *old = own(v, &before, s->symbol[k].name);

		if (s->symbol[k].stored && !(old && old->stored))
			define_as_outside(v, s, s->symbol[k].name, LOAD_RESOLVE);
	}
}

/* The names that a scope has, without those of the scopes in it. */
static void statements(struct jresolver *v, struct jscope *s, const struct jnode *n)
{
	for (; n; n = n->next) {
		jdeeper(v->run);
		switch (n->kind) {
		case J_IF: branches(v, s, n); break;
		case J_SET:
			expressions(v, s, n->b);
			target(v, s, n->a, 0);
			break;
		case J_SETBLOCK: target(v, s, n->a, 0); break;
		case J_MACRO: store(v, s, n->name); break;
		case J_FOR: expressions(v, s, n->b); break;
		case J_CALLING: expressions(v, s, n->d); break;
		case J_FILTERING:
		case J_WITH: expressions(v, s, n->b); break;
		case J_PRINT: expressions(v, s, n->a); break;
		default: break;
		}
		v->run->depth--;
	}
}

static struct jscope *scope_new(struct jresolver *v, struct jscope *parent, struct jfunction *f)
{
	struct jscope *s = jalloc(v->run, sizeof *s);

	s->parent = parent;
	s->function = f;
	return s;
}

/* ---- the second pass: every name gets its place ---- */

static void place(struct jresolver *v, struct jscope *s, struct jnode *n)
{
	struct jsymbol *y = find(v, s, n->name, &n->up);

	if (!y) { /* only in what the first pass does not see: arguments of a set block's filter */
		y = define(v, s, n->name, LOAD_RESOLVE);
		n->up = 0;
	}
	n->slot = y->slot;
}

static void place_all(struct jresolver *v, struct jscope *s, struct jnode *n)
{
	for (; n; n = n->next) {
		if (n->kind == J_NAME || n->kind == J_NSREF)
			place(v, s, n);
		place_all(v, s, n->a);
		place_all(v, s, n->b);
		place_all(v, s, n->c);
	}
}

static void place_statements(struct jresolver *v, struct jscope *s, struct jnode *n);

static struct jnode *copied(struct jresolver *v, const struct jnode *n)
{
	struct jnode *list = NULL, **tail = &list, *copy;

	for (; n; n = n->next) {
		copy = jalloc(v->run, sizeof *copy);
		*copy = *n;
		copy->next = NULL;
		copy->a = copied(v, n->a);
		jlist_end(&tail, copy);
	}
	return list;
}

static void place_for(struct jresolver *v, struct jscope *s, struct jnode *n)
{
	struct jscope *body = scope_new(v, s, s->function), *other = scope_new(v, s, s->function),
		      *test = scope_new(v, s, s->function);
	static const char loop[] = "loop";
	struct jparser p = {.run = v->run, .t = v->t};

	n->slot = parameter(v, body, jname(&p, loop, 4));
	target(v, body, n->a, 1);
	statements(v, body, n->c);
	statements(v, other, n->d);
	place_all(v, s, n->b);
	if (n->e) {
		target(v, test, n->a, 1);
		expressions(v, test, n->e);
		n->again = copied(v, n->a);
		place_all(v, test, n->again);
		place_all(v, test, n->e);
	}
	n->scope = body;
	n->else_scope = other;
	n->test_scope = test;
	place_all(v, body, n->a);
	place_statements(v, body, n->c);
	place_statements(v, other, n->d);
}

/* A macro, or the body of a call or a generation. */
static void place_function(struct jresolver *v, struct jscope *s, struct jnode *n)
{
	struct jfunction *f = jalloc(v->run, sizeof *f);
	struct jscope *body;
	struct jparser p = {.run = v->run, .t = v->t};
	static const char *const special[] = {"caller", "kwargs", "varargs"};
	int *kept[] = {&n->caller, &n->kwargs, &n->varargs}, explicit = 0, name;

	f->level = s->function->level + 1;
	body = scope_new(v, s, f);
	for (const struct jnode *a = n->a; a; a = a->next)
		parameter(v, body, a->name);
	for (int i = 0; i < 3; i++) {
		*kept[i] = -1;
		if (!(n->specials & 1 << i))
			continue;
		name = jname(&p, special[i], strlen(special[i]));
		explicit = 0;
		for (const struct jnode *a = n->a; a; a = a->next)
			explicit |= a->name == name;
		if (!explicit)
			*kept[i] = parameter(v, body, name);
	}
	expressions(v, body, n->b);
	statements(v, body, n->c);
	place_all(v, body, n->a);
	place_all(v, body, n->b);
	place_statements(v, body, n->c);
	n->scope = body;
	n->slots = f->slots;
}

/* A block with a scope, but no frame: set, filter, with. */
static void place_block(struct jresolver *v, struct jscope *s, struct jnode *n)
{
	struct jscope *body = scope_new(v, s, s->function);

	if (n->kind == J_WITH)
		for (const struct jnode *a = n->a; a; a = a->next)
			target(v, body, a, 1);
	statements(v, body, n->c);
	if (n->kind != J_WITH)
		expressions(v, body, n->b);
	place_all(v, n->kind == J_WITH ? body : s, n->a);
	place_all(v, n->kind == J_WITH ? s : body, n->b);
	place_statements(v, body, n->c);
	n->scope = body;
}

static void place_statements(struct jresolver *v, struct jscope *s, struct jnode *n)
{
	for (; n; n = n->next) {
		jdeeper(v->run);
		switch (n->kind) {
		case J_IF:
			place_all(v, s, n->a);
			place_statements(v, s, n->b);
			place_statements(v, s, n->c);
			place_statements(v, s, n->d);
			break;
		case J_FOR: place_for(v, s, n); break;
		case J_MACRO:
			place(v, s, n);
			place_function(v, s, n);
			break;
		case J_CALLING:
			place_all(v, s, n->d);
			place_function(v, s, n);
			break;
		case J_GENERATE: place_function(v, s, n); break;
		case J_SETBLOCK:
		case J_FILTERING:
		case J_WITH: place_block(v, s, n); break;
		default: place_all(v, s, n->a); place_all(v, s, n->b);
		}
		v->run->depth--;
	}
}

void jscope_template(struct jrun *r, struct jinja *t)
{
	struct jresolver v = {.run = r, .t = t};
	struct jfunction *f = jalloc(r, sizeof *f);
	struct jscope *root = scope_new(&v, NULL, f);

	statements(&v, root, t->body);
	place_statements(&v, root, t->body);
	t->scope = root;
	t->slots = f->slots;
}
