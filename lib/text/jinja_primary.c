/* SPDX-License-Identifier: MIT */
/* jinja_primary.c - names, literals, and what stands behind an expression: attributes, items,
 * calls, filters and tests. */
#include <assert.h>

#include "jinja_tree_in.h"

const struct jtoken *jlook(const struct jparser *p) { return p->at + (p->at->kind != TOK_END); }

int jis(const struct jparser *p, const char *name)
{
	return p->at->kind == TOK_NAME && p->at->n == strlen(name) &&
	       !memcmp(p->at->p, name, p->at->n);
}

int jis_op(const struct jparser *p, int op) { return p->at->kind == TOK_OP && p->at->op == op; }

void jnext(struct jparser *p)
{
	p->run->line = p->at->line;
	jspend(p->run, 1);
	if (p->at->kind != TOK_END)
		p->at++;
}

int jskip(struct jparser *p, const char *name)
{
	if (!jis(p, name))
		return 0;
	jnext(p);
	return 1;
}

int jskip_op(struct jparser *p, int op)
{
	if (!jis_op(p, op))
		return 0;
	jnext(p);
	return 1;
}

const char *jshow(struct jrun *r, const struct jtoken *t)
{
	struct jbuild b = jbuild(r);

	if (t->kind == TOK_END)
		return "the end of the template";
	jput(&b, "'", 1, 0);
	jput(&b, t->p, t->n > 40 ? 40 : t->n, 0);
	jput(&b, "'", 2, 0); /* with its NUL */
	return jbuilt(&b)->p;
}

void jexpect_op(struct jparser *p, int op)
{
	if (jskip_op(p, op))
		return;
	p->run->line = p->at->line;
	jfail(p->run, "expected '%c', got %s", op, jshow(p->run, p->at));
}

static const struct jtoken *expect_name(struct jparser *p)
{
	const struct jtoken *t = p->at;

	p->run->line = t->line;
	if (t->kind != TOK_NAME)
		jfail(p->run, "expected a name, got %s", jshow(p->run, t));
	jnext(p);
	return t;
}

static struct jvalue text_of(struct jparser *p, const struct jtoken *t)
{
	struct jtext *text = (struct jtext *)jtext_new(p->run, t->p, t->n, 0);

	text->chars = (long)t->n; /* names are ASCII */
	return jtextual(text);
}

static int tallest(const struct jnode *n)
{
	int tall = 0;

	for (; n; n = n->next)
		tall = n->height > tall ? n->height : tall;
	return tall;
}

/* Trees are walked by recursion, so their height is bounded. */
struct jnode *jnode(struct jparser *p, enum jkind kind, int line, struct jnode *a, struct jnode *b,
                    struct jnode *c)
{
	struct jnode *n = jalloc(p->run, sizeof *n);
	int ta = tallest(a), tb = tallest(b), tc = tallest(c);

	*n = (struct jnode){.kind = kind, .line = line, .a = a, .b = b, .c = c};
	n->height = 1 + (ta > tb ? ta > tc ? ta : tc : tb > tc ? tb : tc);
	if (n->height > p->run->depth_most)
		jfail(p->run, "an expression is nested more than %d deep", p->run->depth_most);
	return n;
}

void jlist_end(struct jnode ***tail, struct jnode *n)
{
	assert(n);
	**tail = n;
	*tail = &n->next;
}

static struct jnode *constant(struct jparser *p, int line, struct jvalue v)
{
	struct jnode *n = jnode(p, J_CONST, line, NULL, NULL, NULL);

	n->value = v;
	return n;
}

static int is_word(const struct jtoken *t, const char *a, const char *b)
{
	return (t->n == strlen(a) && !memcmp(t->p, a, t->n)) ||
	       (t->n == strlen(b) && !memcmp(t->p, b, t->n));
}

static struct jnode *name(struct jparser *p, int spaces)
{
	const struct jtoken *t = expect_name(p);
	struct jnode *n;

	if (is_word(t, "true", "True") || is_word(t, "false", "False"))
		return constant(p, t->line, jbool((*t->p | 32) == 't'));
	if (is_word(t, "none", "None"))
		return constant(p, t->line, jnone());
	n = jnode(p, J_NAME, t->line, NULL, NULL, NULL);
	n->name = jname(p, t->p, t->n);
	if (spaces && jskip_op(p, '.')) {
		n->kind = J_NSREF;
		n->value = text_of(p, expect_name(p));
	}
	jmention(p, t->p, t->n, 1);
	return n;
}

static struct jnode *strings(struct jparser *p)
{
	struct jbuild b = jbuild(p->run);
	const struct jtext *text;
	int line = p->at->line;

	for (; p->at->kind == TOK_STRING; jnext(p))
		jput_text(&b, p->at->value.text);
	text = jbuilt(&b);
	jchars(p->run, text); /* counted now, since threads share it */
	return constant(p, line, jtextual(text));
}

static struct jnode *bracketed(struct jparser *p, enum jkind kind, int close)
{
	struct jnode *items = NULL, **tail = &items;
	int line = p->at->line;

	jnext(p);
	while (!jis_op(p, close)) {
		if (items)
			jexpect_op(p, ',');
		if (jis_op(p, close))
			break;
		jlist_end(&tail, jparse_expression(p, 1));
		if (kind == J_DICT) {
			jexpect_op(p, ':');
			jlist_end(&tail, jparse_expression(p, 1));
		}
	}
	jexpect_op(p, close);
	return jnode(p, kind, line, items, NULL, NULL);
}

struct jnode *jparse_primary(struct jparser *p, int spaces)
{
	const struct jtoken *t = p->at;
	struct jnode *n;

	p->run->line = t->line;
	if (t->kind == TOK_NAME)
		return name(p, spaces);
	if (t->kind == TOK_STRING)
		return strings(p);
	if (t->kind == TOK_NUMBER) {
		jnext(p);
		return constant(p, t->line, t->value);
	}
	if (jis_op(p, '['))
		return bracketed(p, J_LIST, ']');
	if (jis_op(p, '{'))
		return bracketed(p, J_DICT, '}');
	if (!jskip_op(p, '('))
		jfail(p->run, "unexpected %s", jshow(p->run, t));
	n = jparse_tuple(p, TUPLE_PARENS, NULL);
	jexpect_op(p, ')');
	return n;
}

static struct jnode *maybe(struct jparser *p)
{
	if (jis_op(p, ':') || jis_op(p, ']') || jis_op(p, ','))
		return constant(p, p->at->line, jnone());
	return jparse_expression(p, 1);
}

static struct jnode *subscribed(struct jparser *p)
{
	struct jnode *parts = NULL, **tail = &parts;
	int line = p->at->line;

	jlist_end(&tail, maybe(p));
	if (!jskip_op(p, ':'))
		return parts;
	jlist_end(&tail, maybe(p));
	jlist_end(&tail, jskip_op(p, ':') ? maybe(p) : constant(p, line, jnone()));
	return jnode(p, J_SLICE, line, NULL, parts, NULL);
}

static struct jnode *subscript(struct jparser *p, struct jnode *of)
{
	int line = p->at->line;
	struct jnode *n, *items = NULL, **tail = &items;
	const struct jtoken *t;

	if (jskip_op(p, '.')) {
		t = p->at;
		if (t->kind == TOK_NUMBER && t->value.type == T_INT) {
			jnext(p);
			return jnode(p, J_ITEM, line, of, constant(p, line, t->value), NULL);
		}
		n = jnode(p, J_ATTR, line, of, NULL, NULL);
		n->value = text_of(p, expect_name(p));
		return n;
	}
	jnext(p);
	while (!jis_op(p, ']')) {
		if (items)
			jexpect_op(p, ',');
		if (jis_op(p, ']') || jis_op(p, ','))
			jfail(p->run, "unexpected %s", jshow(p->run, p->at));
		jlist_end(&tail, subscribed(p));
	}
	jnext(p);
	if (items && !items->next && items->kind == J_SLICE && !items->a)
		return jnode(p, J_SLICE, line, of, items->b, NULL);
	for (n = items; n; n = n->next)
		if (n->kind == J_SLICE && !n->a)
			jfail(p->run, "a slice among several items is not known");
	if (!items || items->next)
		items = jnode(p, J_TUPLE, line, items, NULL, NULL);
	return jnode(p, J_ITEM, line, of, items, NULL);
}

static struct jnode *argument(struct jparser *p, const struct jnode *before)
{
	int line = p->at->line, stars = jis_op(p, '*') ? 1 : jis_op(p, OP_POW) ? 2 : 0;
	const struct jtoken *t = p->at, *after = jlook(p);
	int keyword = t->kind == TOK_NAME && after->kind == TOK_OP && after->op == '=';
	struct jnode *n;

	for (; before; before = before->next) { /* what may not stand behind which */
		jspend(p->run, 1);
		if ((before->kind == J_STAR &&
		     (before->op == 2 || stars == 1 || !(stars || keyword))) ||
		    (before->kind == J_KEYWORD && !stars && !keyword))
			jfail(p->run, "the arguments of a call are in a wrong order");
	}
	if (stars)
		jnext(p);
	if (keyword) {
		jnext(p);
		jnext(p);
	}
	n = jparse_expression(p, 1);
	if (!stars && !keyword)
		return n;
	n = jnode(p, stars ? J_STAR : J_KEYWORD, line, n, NULL, NULL);
	n->op = stars;
	if (keyword)
		n->value = text_of(p, t);
	return n;
}

static struct jnode *arguments(struct jparser *p)
{
	struct jnode *list = NULL, **tail = &list;

	jexpect_op(p, '(');
	while (!jis_op(p, ')')) {
		if (list)
			jexpect_op(p, ',');
		if (list && jis_op(p, ')'))
			break;
		jlist_end(&tail, argument(p, list));
	}
	jexpect_op(p, ')');
	return list;
}

struct jnode *jparse_call(struct jparser *p, struct jnode *of)
{
	int line = p->at->line;

	return jnode(p, J_CALL, line, of, arguments(p), NULL);
}

struct jnode *jparse_postfix(struct jparser *p, struct jnode *n)
{
	for (;;) {
		if (jis_op(p, '.') || jis_op(p, '['))
			n = subscript(p, n);
		else if (jis_op(p, '('))
			n = jparse_call(p, n);
		else
			return n;
	}
}

/* Jinja lets names of filters and tests have dots; we know none that does. */
static struct jtoken dotted(struct jparser *p)
{
	struct jtoken t = *expect_name(p);

	while (jskip_op(p, '.'))
		t.n = (size_t)(expect_name(p)->p - t.p) + p->at[-1].n;
	p->run->line = t.line;
	return t;
}

/* The filters from a | on; begun: from a name on. */
struct jnode *jparse_filters(struct jparser *p, struct jnode *of, int begun)
{
	while (begun || jis_op(p, '|')) {
		struct jtoken t;
		struct jnode *n;

		if (!begun)
			jnext(p);
		begun = 0;
		t = dotted(p);
		n = jnode(p, J_FILTER, t.line, of, jis_op(p, '(') ? arguments(p) : NULL, NULL);
		n->filter = jfilter_find(t.p, t.n);
		p->run->line = t.line;
		if (!n->filter)
			jfail(p->run, "the filter '%.*s' is not known", (int)t.n, t.p);
		of = n;
	}
	return of;
}

struct jnode *jparse_test(struct jparser *p, struct jnode *of)
{
	struct jtoken t;
	struct jnode *n, *args = NULL;
	int negated;

	jnext(p);
	negated = jskip(p, "not");
	t = dotted(p);
	if (jis_op(p, '(')) {
		args = arguments(p);
	} else if ((p->at->kind == TOK_NAME && !jis(p, "else") && !jis(p, "or") &&
	            !jis(p, "and")) ||
	           p->at->kind == TOK_STRING || p->at->kind == TOK_NUMBER || jis_op(p, '[') ||
	           jis_op(p, '{')) {
		if (jis(p, "is"))
			jfail(p->run, "tests with 'is' cannot be chained");
		args = jparse_postfix(p, jparse_primary(p, 0));
	}
	n = jnode(p, J_TEST, t.line, of, args, NULL);
	n->test = jtest_find(t.p, t.n);
	p->run->line = t.line;
	if (!n->test)
		jfail(p->run, "the test '%.*s' is not known", (int)t.n, t.p);
	return negated ? jnode(p, J_NOT, t.line, n, NULL, NULL) : n;
}
