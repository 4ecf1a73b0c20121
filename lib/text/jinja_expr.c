/* SPDX-License-Identifier: MIT */
/* jinja_expr.c - tokens to expressions, by precedence.
 *
 * From the loosest: if-else, or, and, not, comparisons, + and -, ~, * / // %, **, unary signs, and
 * the postfixes: attributes, items, calls, filters, tests.  As in Jinja, and not as in Python, ~
 * binds closer than +, ** goes from the left, and a filter behind a signed number takes the
 * whole: -1|abs is 1.
 */
#include "jinja_tree_in.h"

static struct jnode *unary(struct jparser *p, int filters)
{
	int line = p->at->line, op = p->at->op;
	struct jnode *n;

	jdeeper(p->run);
	if (jskip_op(p, '-') || jskip_op(p, '+')) {
		n = jnode(p, J_UNARY, line, unary(p, 0), NULL, NULL);
		n->op = op;
	} else {
		n = jparse_primary(p, 0);
	}
	n = jparse_postfix(p, n);
	while (filters && (jis_op(p, '|') || jis(p, "is") || jis_op(p, '(')))
		n = jis_op(p, '|')   ? jparse_filters(p, n, 0)
		    : jis_op(p, '(') ? jparse_call(p, n)
		                     : jparse_test(p, n);
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
		jnext(p);
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
		jnext(p);
		left = jnode(p, J_BINARY, line, left, concat(p), NULL);
		left->op = op;
	}
	return left;
}

static int comparison(struct jparser *p)
{
	const struct jtoken *t = p->at, *after = jlook(p);
	int op = 0;

	if (t->kind == TOK_OP && t->op >= OP_EQ && t->op <= OP_GE)
		op = t->op;
	else if (jis(p, "in"))
		op = OP_IN;
	else if (jis(p, "not") && after->kind == TOK_NAME && after->n == 2 &&
	         !memcmp(after->p, "in", 2))
		op = OP_NOT_IN;
	if (op)
		jnext(p);
	if (op == OP_NOT_IN)
		jnext(p);
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
	jnext(p);
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
		                         ? jparse_primary(p, !!(how & TUPLE_SPACES))
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
