/* SPDX-License-Identifier: MIT */
/* jinja_expr.c - tokens to expressions, by precedence.
 *
 * From the loosest: if-else, or, and, not, comparisons, + and -, ~, * / // %, **, unary signs, and
 * the postfixes: attributes, items, calls, filters, tests.  As in Jinja, and not as in Python, ~
 * binds closer than +, ** goes from the left, and a filter behind a signed number takes the
 * whole: -1|abs is 1.
 */
#include "jinja_in.h"

static const struct jtoken *look(const struct jparser *p)
{
	return p->at + (p->at->kind != TOK_END);
}

int jis(const struct jparser *p, const char *name)
{
	return p->at->kind == TOK_NAME && p->at->n == strlen(name) &&
	       !memcmp(p->at->p, name, p->at->n);
}

int jis_op(const struct jparser *p, int op) { return p->at->kind == TOK_OP && p->at->op == op; }

static void next(struct jparser *p)
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
	next(p);
	return 1;
}

int jskip_op(struct jparser *p, int op)
{
	if (!jis_op(p, op))
		return 0;
	next(p);
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
	next(p);
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
	int line = p->at->line;

	for (; p->at->kind == TOK_STRING; next(p))
		jput_text(&b, p->at->value.text);
	{
		const struct jtext *text = jbuilt(&b);

		jchars(p->run, text); /* counted now, since threads share it */
		return constant(p, line, jtextual(text));
	}
}

static struct jnode *bracketed(struct jparser *p, enum jkind kind, int close)
{
	struct jnode *items = NULL, **tail = &items;
	int line = p->at->line;

	next(p);
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

static struct jnode *primary(struct jparser *p, int spaces)
{
	const struct jtoken *t = p->at;
	struct jnode *n;

	p->run->line = t->line;
	if (t->kind == TOK_NAME)
		return name(p, spaces);
	if (t->kind == TOK_STRING)
		return strings(p);
	if (t->kind == TOK_NUMBER) {
		next(p);
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
	struct jnode *parts = maybe(p), **tail = &parts->next;
	int line = p->at->line;

	if (!jis_op(p, ':'))
		return parts;
	next(p);
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
			next(p);
			return jnode(p, J_ITEM, line, of, constant(p, line, t->value), NULL);
		}
		n = jnode(p, J_ATTR, line, of, NULL, NULL);
		n->value = text_of(p, expect_name(p));
		return n;
	}
	next(p);
	while (!jis_op(p, ']')) {
		if (items)
			jexpect_op(p, ',');
		if (jis_op(p, ']') || jis_op(p, ','))
			jfail(p->run, "unexpected %s", jshow(p->run, p->at));
		jlist_end(&tail, subscribed(p));
	}
	next(p);
	if (items && !items->next && items->kind == J_SLICE)
		return jnode(p, J_SLICE, line, of, items->b, NULL);
	for (n = items; n; n = n->next)
		if (n->kind == J_SLICE)
			jfail(p->run, "a slice among several items is not known");
	if (!items || items->next)
		items = jnode(p, J_TUPLE, line, items, NULL, NULL);
	return jnode(p, J_ITEM, line, of, items, NULL);
}

static struct jnode *argument(struct jparser *p, const struct jnode *before)
{
	int line = p->at->line, stars = jis_op(p, '*') ? 1 : jis_op(p, OP_POW) ? 2 : 0;
	const struct jtoken *t = p->at, *after = look(p);
	int keyword = t->kind == TOK_NAME && after->kind == TOK_OP && after->op == '=';
	struct jnode *n;

	for (; before; before = before->next) /* what may not stand behind which */
		if ((before->kind == J_STAR &&
		     (before->op == 2 || stars == 1 || !(stars || keyword))) ||
		    (before->kind == J_KEYWORD && !stars && !keyword))
			jfail(p->run, "the arguments of a call are in a wrong order");
	if (stars)
		next(p);
	if (keyword) {
		next(p);
		next(p);
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

static struct jnode *call(struct jparser *p, struct jnode *of)
{
	int line = p->at->line;

	return jnode(p, J_CALL, line, of, arguments(p), NULL);
}

static struct jnode *postfix(struct jparser *p, struct jnode *n)
{
	for (;;) {
		if (jis_op(p, '.') || jis_op(p, '['))
			n = subscript(p, n);
		else if (jis_op(p, '('))
			n = call(p, n);
		else
			return n;
	}
}

/* The filters from a | on; begun: from a name on. */
struct jnode *jparse_filters(struct jparser *p, struct jnode *of, int begun)
{
	while (begun || jis_op(p, '|')) {
		const struct jtoken *t;
		struct jnode *n;

		if (!begun)
			next(p);
		begun = 0;
		t = expect_name(p);
		n = jnode(p, J_FILTER, t->line, of, jis_op(p, '(') ? arguments(p) : NULL, NULL);
		n->filter = jfilter_find(t->p, t->n);
		p->run->line = t->line;
		if (!n->filter)
			jfail(p->run, "no filter is called '%.*s'", (int)t->n, t->p);
		of = n;
	}
	return of;
}

static struct jnode *test(struct jparser *p, struct jnode *of)
{
	const struct jtoken *t;
	struct jnode *n, *args = NULL;
	int not ;

	next(p);
	not = jskip(p, "not");
	t = expect_name(p);
	if (jis_op(p, '(')) {
		args = arguments(p);
	} else if ((p->at->kind == TOK_NAME && !jis(p, "else") && !jis(p, "or") &&
	            !jis(p, "and")) ||
	           p->at->kind == TOK_STRING || p->at->kind == TOK_NUMBER || jis_op(p, '[') ||
	           jis_op(p, '{')) {
		if (jis(p, "is"))
			jfail(p->run, "tests with 'is' cannot be chained");
		args = postfix(p, primary(p, 0));
	}
	n = jnode(p, J_TEST, t->line, of, args, NULL);
	n->test = jtest_find(t->p, t->n);
	p->run->line = t->line;
	if (!n->test)
		jfail(p->run, "no test is called '%.*s'", (int)t->n, t->p);
	return not ? jnode(p, J_NOT, t->line, n, NULL, NULL) : n;
}

static struct jnode *unary(struct jparser *p, int filters)
{
	int line = p->at->line, op = p->at->op;
	struct jnode *n;

	jdeeper(p->run);
	if (jskip_op(p, '-') || jskip_op(p, '+')) {
		n = jnode(p, J_UNARY, line, unary(p, 0), NULL, NULL);
		n->op = op;
	} else {
		n = primary(p, 0);
	}
	n = postfix(p, n);
	while (filters && (jis_op(p, '|') || jis(p, "is") || jis_op(p, '(')))
		n = jis_op(p, '|')   ? jparse_filters(p, n, 0)
		    : jis_op(p, '(') ? call(p, n)
		                     : test(p, n);
	p->run->depth--;
	return n;
}

static struct jnode *power(struct jparser *p)
{
	int line = p->at->line;
	struct jnode *left = unary(p, 1);

	while (jskip_op(p, OP_POW)) {
		left = jnode(p, J_BINARY, line, left, unary(p, 1), NULL);
		left->op = OP_POW;
	}
	return left;
}

static struct jnode *product(struct jparser *p)
{
	int line = p->at->line, op;
	struct jnode *left = power(p);

	while (jis_op(p, '*') || jis_op(p, '/') || jis_op(p, OP_FLOOR) || jis_op(p, '%')) {
		op = p->at->op;
		next(p);
		left = jnode(p, J_BINARY, line, left, power(p), NULL);
		left->op = op;
	}
	return left;
}

static struct jnode *concat(struct jparser *p)
{
	int line = p->at->line;
	struct jnode *items = product(p), **tail = &items->next;

	if (!jis_op(p, '~'))
		return items;
	while (jskip_op(p, '~'))
		jlist_end(&tail, product(p));
	return jnode(p, J_CONCAT, line, items, NULL, NULL);
}

static struct jnode *sum(struct jparser *p)
{
	int line = p->at->line, op;
	struct jnode *left = concat(p);

	while (jis_op(p, '+') || jis_op(p, '-')) {
		op = p->at->op;
		next(p);
		left = jnode(p, J_BINARY, line, left, concat(p), NULL);
		left->op = op;
	}
	return left;
}

static int comparison(struct jparser *p)
{
	const struct jtoken *t = p->at, *after = look(p);
	int op = 0;

	if (t->kind == TOK_OP && t->op >= OP_EQ && t->op <= OP_GE)
		op = t->op;
	else if (jis(p, "in"))
		op = OP_IN;
	else if (jis(p, "not") && after->kind == TOK_NAME && after->n == 2 &&
	         !memcmp(after->p, "in", 2))
		op = OP_NOT_IN;
	if (op)
		next(p);
	if (op == OP_NOT_IN)
		next(p);
	return op;
}

static struct jnode *compare(struct jparser *p)
{
	int line = p->at->line, op;
	struct jnode *first = sum(p), *operands = NULL, **tail = &operands, *n;

	while ((op = comparison(p))) {
		n = jnode(p, J_OPERAND, p->at->line, sum(p), NULL, NULL);
		n->op = op;
		jlist_end(&tail, n);
	}
	return operands ? jnode(p, J_COMPARE, line, first, operands, NULL) : first;
}

static struct jnode *negation(struct jparser *p)
{
	int line = p->at->line;
	struct jnode *n;

	if (!jis(p, "not"))
		return compare(p);
	next(p);
	jdeeper(p->run);
	n = jnode(p, J_NOT, line, negation(p), NULL, NULL);
	p->run->depth--;
	return n;
}

static struct jnode *logical(struct jparser *p, int or)
{
	int line = p->at->line;
	struct jnode *left = or ? logical(p, 0) : negation(p);

	while (jskip(p, or ? "or" : "and"))
		left = jnode(p, or ? J_OR : J_AND, line, left, or ? logical(p, 0) : negation(p),
		             NULL);
	return left;
}

struct jnode *jparse_expression(struct jparser *p, int conditional)
{
	int line = p->at->line;
	struct jnode *n, *test, *other;

	jdeeper(p->run);
	n = logical(p, 1);
	while (conditional && jskip(p, "if")) {
		test = logical(p, 1);
		other = jskip(p, "else") ? jparse_expression(p, 1) : NULL;
		n = jnode(p, J_COND, line, test, n, other);
	}
	p->run->depth--;
	return n;
}

struct jnode *jparse_tuple(struct jparser *p, int how, const char *end)
{
	struct jnode *items = NULL, **tail = &items;
	int line = p->at->line, tuple = 0;

	for (;;) {
		if (items)
			jexpect_op(p, ',');
		if (p->at->kind == TOK_PRINT_END || p->at->kind == TOK_BLOCK_END ||
		    jis_op(p, ')') || (end && jis(p, end)))
			break;
		jlist_end(&tail, how & TUPLE_NAMES
		                         ? primary(p, !!(how & TUPLE_SPACES))
		                         : jparse_expression(p, !(how & TUPLE_BARE_TEST)));
		if (!jis_op(p, ','))
			break;
		tuple = 1;
	}
	if (!tuple && items)
		return items;
	if (!tuple && !(how & TUPLE_PARENS))
		jfail(p->run, "expected an expression, got %s", jshow(p->run, p->at));
	return jnode(p, J_TUPLE, line, items, NULL, NULL);
}
