/* SPDX-License-Identifier: MIT */
/* jinja_eval.c - walks the tree of a template: what it writes for a row.
 *
 * To the reader a template is text with holes: {{ expression }} writes a value, {% if %},
 * {% for %} and {% set %} steer.  Values are Python's, and so is what is written of them: True,
 * None, ['a', 1.0].  What surprises who knows other languages:
 *
 *   - x.items asks Python for the attribute first, and then for the item: a key "items" of a dict
 *     hides behind its method.  x['items'] asks for the item first.
 *   - What is not there is an undefined value.  It is written as nothing, is false, equal to
 *     another undefined and empty as a list; but its attributes, calls and sums are faults.
 *   - and, or give one of their sides, not a truth value; an if-else without else gives
 *     undefined.
 *   - What a loop sets is forgotten with each item (jinja_scope.c); only a namespace keeps it.
 *     A loop's else runs when no item has come to the end of the body: also when the first
 *     breaks, or all continue.
 *   - a|safe makes what is added to it with + escaped as HTML (but not with ~).
 *   - A generator (map, select ...) can be read once.
 */
#include <stdlib.h>

#include "jinja_tree_in.h"

enum { STEPS = 20000000, BYTES = 64 << 20, MEMORY = 512 << 20, DEPTH = 500 };

static struct jframe *around(struct jframe *f, int up)
{
	while (up--)
		f = f->up;
	return f;
}

/* The names of a scope begin as jinja_scope.c has it. */
void jenter(struct jrun *r, const struct jscope *s, struct jframe *f)
{
	jspend(r, 1 + s->n / 4);
	for (long i = 0; i < s->n; i++) {
		const struct jsymbol *y = &s->symbol[i];

		if (y->load == LOAD_RESOLVE)
			f->slot[y->slot] = r->global[y->name];
		else if (y->load == LOAD_ALIAS)
			f->slot[y->slot] = around(f, y->up)->slot[y->from];
		else if (y->load == LOAD_UNDEFINED)
			f->slot[y->slot] = (struct jvalue){T_MISSING};
	}
}

static struct jvalue eval_name(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue v = around(f, n->up)->slot[n->slot];
	const struct jname *name = &r->t->name[n->name];

	return v.type == T_MISSING ? jundefined_name(r, name->p, name->n) : v;
}

static struct jvalue eval_list(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jlist *l = jlist_new(r);

	for (const struct jnode *i = n->a; i; i = i->next)
		jlist_add(r, l, jeval(r, i, f));
	return (struct jvalue){n->kind == J_TUPLE ? T_TUPLE : T_LIST, .list = l};
}

static struct jvalue eval_dict(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jdict *d = jdict_new(r);

	for (const struct jnode *i = n->a; i; i = i->next->next) {
		struct jvalue key = jeval(r, i, f);

		jdict_put(r, d, key, jeval(r, i->next, f));
	}
	return (struct jvalue){T_DICT, .dict = d};
}

static struct jvalue eval_compare(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue left = jeval(r, n->a, f), right;

	for (const struct jnode *i = n->b; i; i = i->next) {
		right = jeval(r, i->a, f);
		r->line = n->line;
		if (!jcompare(r, i->op, left, right))
			return jbool(0);
		left = right;
	}
	return jbool(1);
}

static struct jvalue eval_concat(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jbuild b = jbuild(r);

	for (const struct jnode *i = n->a; i; i = i->next)
		jput_str_of(&b, jeval(r, i, f));
	return jtextual(jbuilt(&b));
}

static struct jvalue eval_slice(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue of = jeval(r, n->a, f), v[3] = {0};
	int k = 0;

	for (const struct jnode *i = n->b; i; i = i->next)
		v[k++] = jeval(r, i, f);
	r->line = n->line;
	return jslice(r, of, v[0], v[1], v[2]);
}

static struct jvalue eval_call(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue function = jeval(r, n->a, f);
	struct jargs args = jarguments(r, n->b, f);

	r->line = n->line;
	return jcall(r, function, &args);
}

static struct jvalue eval_filter(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue of = n->a ? jeval(r, n->a, f) : r->block;
	struct jargs args = jarguments(r, n->b, f);

	r->line = n->line;
	return jfilter_apply(r, n->filter, of, &args);
}

static struct jvalue eval_test(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue of = jeval(r, n->a, f);
	struct jargs args = jarguments(r, n->b, f);

	r->line = n->line;
	return jbool(jtest_apply(r, n->test, of, &args));
}

static struct jvalue eval_choice(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue v = jeval(r, n->a, f);

	if (n->kind == J_COND) {
		if (jtruth(r, v))
			return jeval(r, n->b, f);
		if (n->c)
			return jeval(r, n->c, f);
		return jundefined_hint(r, "the inline if-expression evaluated to false and no else "
		                          "section was defined.");
	}
	return jtruth(r, v) == (n->kind == J_AND) ? jeval(r, n->b, f) : v;
}

static struct jvalue eval_binary(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue left = jeval(r, n->a, f), right = jeval(r, n->b, f);

	r->line = n->line;
	return jbinary(r, n->op, left, right);
}

static struct jvalue eval_looked_up(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue of = jeval(r, n->a, f), index;

	if (n->kind == J_ATTR) {
		r->line = n->line;
		return jget_attr(r, of, n->value);
	}
	index = jeval(r, n->b, f);
	r->line = n->line;
	return jget_item(r, of, index);
}

static struct jvalue eval_one(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue v;

	switch (n->kind) {
	case J_CONST: return n->value;
	case J_NAME: return eval_name(r, n, f);
	case J_TUPLE:
	case J_LIST: return eval_list(r, n, f);
	case J_DICT: return eval_dict(r, n, f);
	case J_ATTR:
	case J_ITEM: return eval_looked_up(r, n, f);
	case J_SLICE: return eval_slice(r, n, f);
	case J_CALL: return eval_call(r, n, f);
	case J_FILTER: return eval_filter(r, n, f);
	case J_TEST: return eval_test(r, n, f);
	case J_COND:
	case J_AND:
	case J_OR: return eval_choice(r, n, f);
	case J_NOT: return jbool(!jtruth(r, jeval(r, n->a, f)));
	case J_UNARY:
		v = jeval(r, n->a, f);
		r->line = n->line;
		return junary(r, n->op, v);
	case J_BINARY: return eval_binary(r, n, f);
	case J_CONCAT: return eval_concat(r, n, f);
	case J_COMPARE: return eval_compare(r, n, f);
	default: jfail(r, "an expression of an unknown kind");
	}
}

struct jvalue jeval(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue v;

	jdeeper(r);
	r->line = n->line;
	v = eval_one(r, n, f);
	r->depth--;
	return v;
}

static void unpack(struct jrun *r, const struct jnode *n, struct jframe *f, struct jvalue v)
{
	struct jiter *i = jiter_of(r, v);
	struct jvalue item;
	long want = 0, got = 0;
	struct jlist *l = jlist_new(r);

	for (const struct jnode *t = n->a; t; t = t->next)
		want++;
	for (; got <= want && jiter_next(r, i, &item); got++)
		jlist_add(r, l, item);
	if (got > want)
		jfail(r, "too many values to unpack (expected %ld)", want);
	if (got < want)
		jfail(r, "not enough values to unpack (expected %ld, got %ld)", want, got);
	got = 0;
	for (const struct jnode *t = n->a; t; t = t->next)
		jassign(r, t, f, l->item[got++]);
}

void jassign(struct jrun *r, const struct jnode *n, struct jframe *f, struct jvalue v)
{
	struct jvalue *slot = &around(f, n->up)->slot[n->slot];

	if (n->kind == J_TUPLE) {
		unpack(r, n, f, v);
	} else if (n->kind == J_NAME) {
		*slot = v;
	} else {
		if (slot->type != T_SPACE)
			jfail(r, "cannot assign attribute on non-namespace object");
		if (n->value.text->p[0] == '_')
			jfail(r, "a namespace keeps no attribute that begins with '_'");
		jdict_put(r, slot->dict, n->value, v);
	}
}

enum jflow jcapture(struct jrun *r, const struct jnode *body, struct jframe *f,
                    const struct jtext **text)
{
	struct jbuild b = jbuild(r), *to = r->to;
	enum jflow flow;

	r->to = &b;
	flow = jexec(r, body, f);
	r->to = to;
	*text = jbuilt(&b);
	return flow;
}

static enum jflow exec_if(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	if (jtruth(r, jeval(r, n->a, f)))
		return jexec(r, n->b, f);
	for (const struct jnode *other = n->c; other; other = other->next)
		if (jtruth(r, jeval(r, other->a, f)))
			return jexec(r, other->b, f);
	return jexec(r, n->d, f);
}

/* {% set %}...{% endset %}, {% filter %}: the body's text, filtered. */
static enum jflow exec_block(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	const struct jtext *text;
	enum jflow flow;
	struct jvalue v;

	jenter(r, n->scope, f);
	flow = jcapture(r, n->c, f, &text);
	if (flow != FLOW_ON)
		return flow;
	r->block = v = jtextual(text);
	if (n->b)
		v = jeval(r, n->b, f);
	r->line = n->line;
	if (n->kind == J_SETBLOCK)
		jassign(r, n->a, f, v);
	else if (v.type == T_TEXT)
		jput_text(r->to, v.text);
	else
		jfail(r, "a filter block gives no text");
	return FLOW_ON;
}

static struct jvalue closure(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jmacro *m = jalloc(r, sizeof *m);

	*m = (struct jmacro){n, f};
	return (struct jvalue){T_MACRO, .macro = m};
}

static void exec_call(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jvalue function = jeval(r, n->d->a, f), v;
	struct jargs args = jarguments(r, n->d->b, f);
	struct jnamed *named = jalloc(r, (args.named + 1) * sizeof *named);

	if (args.named)
		memcpy(named, args.by_name, args.named * sizeof *named);
	named[args.named++] = (struct jnamed){jtext_str(r, "caller"), closure(r, n, f)};
	args.by_name = named;
	r->line = n->line;
	v = jcall(r, function, &args);
	if (v.type != T_TEXT)
		jfail(r, "{%% call %%} calls what gives no text");
	jput_text(r->to, v.text);
}

static void exec_generation(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	struct jmacro m = {n, f};
	const struct jargs none = {0};
	struct jvalue v = jcall_macro(r, &m, &none);

	jput_text(r->to, jtext_with(r, v.text, JINJA_GENERATED));
}

static enum jflow exec_with(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	const struct jnode *value = n->b;

	jenter(r, n->scope, f);
	for (const struct jnode *t = n->a; t; t = t->next, value = value->next)
		jassign(r, t, f, jeval(r, value, f));
	return jexec(r, n->c, f);
}

static void exec_print(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	for (const struct jnode *i = n->a; i; i = i->next) {
		struct jvalue v = jeval(r, i, f);

		jput_str_of(r->to, v);
	}
}

static enum jflow exec_one(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	switch (n->kind) {
	case J_TEXT: jput_text(r->to, n->value.text); break;
	case J_PRINT: exec_print(r, n, f); break;
	case J_SET: {
		struct jvalue v = jeval(r, n->b, f);

		r->line = n->line;
		jassign(r, n->a, f, v);
		break;
	}
	case J_IF: return exec_if(r, n, f);
	case J_FOR: return jfor(r, n, f);
	case J_SETBLOCK:
	case J_FILTERING: return exec_block(r, n, f);
	case J_MACRO: around(f, n->up)->slot[n->slot] = closure(r, n, f); break;
	case J_CALLING: exec_call(r, n, f); break;
	case J_GENERATE: exec_generation(r, n, f); break;
	case J_WITH: return exec_with(r, n, f);
	case J_BREAK: return FLOW_BREAK;
	case J_CONTINUE: return FLOW_CONTINUE;
	default: jfail(r, "a statement of an unknown kind");
	}
	return FLOW_ON;
}

enum jflow jexec(struct jrun *r, const struct jnode *n, struct jframe *f)
{
	enum jflow flow = FLOW_ON;

	jdeeper(r);
	for (; n && flow == FLOW_ON; n = n->next) {
		r->line = n->line;
		jspend(r, 1);
		flow = exec_one(r, n, f);
		if (r->root->n > r->bytes_most)
			jfail(r, "the template writes more than %zu MB", r->bytes_most >> 20);
	}
	r->depth--;
	return flow;
}

/* The variables that the template looks for: the row's, its own, Jinja's. */
static void globals(struct jrun *r, const json_t *trusted, const json_t *data)
{
	r->global = jalloc(r, (r->t->names + 1) * sizeof *r->global);
	for (long i = 0; i < r->t->names; i++) {
		const struct jname *name = &r->t->name[i];
		const struct jfunc *f = name->used ? jfunc_find(name) : NULL;
		json_t *j;

		if (!name->used)
			continue;
		if ((j = json_object_getn(data, name->p, name->n)))
			r->global[i] = jfrom_json(r, j, JINJA_DATA, 0);
		else if ((j = json_object_getn(trusted, name->p, name->n)))
			r->global[i] = jfrom_json(r, j, 0, 0);
		else if (f && (r->now || strcmp(f->name, "strftime_now") != 0))
			r->global[i] = (struct jvalue){T_FUNC, .func = f};
		else if (f)
			r->global[i] = jundefined_hint(r, "strftime_now: the template asks for the "
			                                  "day, and a date is needed");
	}
}

static void give(const struct jbuild *b, struct jinja_text *out)
{
	buf_add(&out->text, b->p, b->n);
	buf_need(&out->mark, b->n);
	if (b->n && b->mark)
		buf_add(&out->mark, b->mark, b->n);
	else if (b->n)
		memset(out->mark.p, b->all, out->mark.n = b->n);
	out->mark.p[out->mark.n] = 0;
}

int jinja_render(const struct jinja *t, const json_t *trusted, const json_t *data,
                 const struct tm *now, const struct jinja_limits *limits, struct jinja_text *out,
                 struct fault *f)
{
	static const struct jinja_limits none;
	const struct jinja_limits *l = limits ? limits : &none;
	struct jarena arena = {.most = l->memory ? (size_t)l->memory : MEMORY};
	struct jbuild root;
	struct jframe *frame;
	struct jrun r = {.f = f,
	                 .arena = &arena,
	                 .t = t,
	                 .now = now,
	                 .root = &root,
	                 .to = &root,
	                 .depth_most = l->depth ? l->depth : DEPTH,
	                 .steps_most = l->steps ? l->steps : STEPS,
	                 .bytes_most = l->bytes ? (size_t)l->bytes : BYTES};

	out->text.n = out->mark.n = 0;
	root = jbuild(&r);
	if (setjmp(r.out)) {
		jarena_free(&arena);
		return -1;
	}
	globals(&r, trusted, data);
	frame = jalloc(&r, sizeof *frame + t->slots * sizeof *frame->slot);
	jenter(&r, t->scope, frame);
	jexec(&r, t->body, frame);
	give(&root, out);
	jarena_free(&arena);
	return 0;
}

void jinja_text_free(struct jinja_text *t)
{
	buf_free(&t->text);
	buf_free(&t->mark);
}
