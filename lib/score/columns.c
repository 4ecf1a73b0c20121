/* SPDX-License-Identifier: MIT */
/* columns.c - formulas over columns: parsed, and evaluated for a row; see columns.h.
 *
 * A formula is parsed once, by recursive descent, a function for each rule of the grammar, into
 * operations on a stack.  Operands stand before their operator there, so that evaluating needs
 * neither precedence nor parentheses.
 */
#include "columns.h"

#include <assert.h>
#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The scores that have a name.  All are of the kind "higher: rather keep the row". */
static const struct {
	const char *name, *formula;
} named[] = {
	{"weight", "weight"},                 /* what the bilevel method learnt */
	{"loss", "-loss"},                    /* -l(theta) */
	{"gain", "loss_base - loss"},         /* l(theta_0) - l(theta): what training brought */
	{"gap", "loss_hat - loss"},           /* l(theta-hat) - l(theta), of Algorithm 1 */
	{"tempered", "loss_base / 2 - loss"}, /* half of the gain and half of -loss */
	{0},
};

/* How deep parentheses and signs may stand in each other: a limit to the recursion. */
enum { DEEPEST = 32 };

struct parser {
	struct formula *to;
	const char *at;
	int depth;
	struct fault *fault;
};

static int sum(struct parser *);

static char peek(struct parser *p)
{
	p->at += strspn(p->at, " \t");
	return *p->at;
}

static int emit(struct parser *p, char what, int at, double number)
{
	if (p->to->ops == FORMULA_OPS)
		return fault(p->fault, "more than %d numbers and operators", FORMULA_OPS);
	p->to->op[p->to->ops++] = (struct formula_op){what, at, number};
	return 0;
}

/* Digits, a fraction, an exponent: less than strtod takes, which also knows "0x1p3". */
static int number(struct parser *p)
{
	const char *from = p->at, *c = from;
	char text[64];
	double x;

	c += strspn(c, "0123456789.");
	if ((*c == 'e' || *c == 'E') && isdigit((unsigned char)c[1 + (c[1] == '-' || c[1] == '+')]))
		c += 2 + strspn(c + 2, "0123456789");
	if ((size_t)(c - from) >= sizeof text)
		return fault(p->fault, "column %ld: a number of %ld digits",
		             (long)(from - p->to->text) + 1, (long)(c - from));
	memcpy(text, from, c - from);
	text[c - from] = 0;
	x = strtod(text, (char **)&p->at);
	if (*p->at || !isfinite(x))
		return fault(p->fault, "'%s' is not a number", text);
	p->at = c;
	return emit(p, '#', 0, x);
}

static int column(struct parser *p)
{
	struct formula *f = p->to;
	size_t n = 1;
	int k = 0;

	while (isalnum((unsigned char)p->at[n]) || p->at[n] == '_')
		n++;
	if (n > COLUMN_NAME)
		return fault(p->fault, "a column's name has at most %d letters", COLUMN_NAME);
	while (k < f->columns && (strncmp(f->column[k], p->at, n) || f->column[k][n]))
		k++;
	if (k == FORMULA_COLUMNS)
		return fault(p->fault, "more than %d columns", FORMULA_COLUMNS);
	if (k == f->columns)
		memcpy(f->column[f->columns++], p->at, n);
	p->at += n;
	return emit(p, '@', k, 0);
}

static int factor(struct parser *p)
{
	char c = peek(p);
	int bad;

	if (isdigit((unsigned char)c) || c == '.')
		return number(p);
	if (isalpha((unsigned char)c) || c == '_')
		return column(p);
	if (c != '-' && c != '(')
		return fault(p->fault, "column %ld: a number, a column's name, - or ( is missing",
		             (long)(p->at - p->to->text) + 1);
	if (++p->depth > DEEPEST)
		return fault(p->fault, "more than %d parentheses or signs in each other", DEEPEST);
	p->at++;
	bad = c == '-' ? factor(p) || emit(p, '~', 0, 0) : sum(p);
	if (!bad && c == '(') {
		if (peek(p) != ')')
			return fault(p->fault, "column %ld: a ) is missing",
			             (long)(p->at - p->to->text) + 1);
		p->at++;
	}
	p->depth--;
	return bad ? -1 : 0;
}

/* A chain of parts, which `part` parses, between either of two operators. */
static int chain(struct parser *p, int (*part)(struct parser *), char one, char other)
{
	char what;

	if (part(p))
		return -1;
	while ((what = peek(p)) == one || what == other) {
		p->at++;
		if (part(p) || emit(p, what, 0, 0))
			return -1;
	}
	return 0;
}

static int product(struct parser *p) { return chain(p, factor, '*', '/'); }

static int sum(struct parser *p) { return chain(p, product, '+', '-'); }

int formula_parse(struct formula *f, const char *text, struct fault *fault_)
{
	struct parser p = {f, f->text, 0, fault_};

	*f = (struct formula){.ops = 0};
	for (int k = 0; named[k].name; k++)
		if (!strcmp(text, named[k].name)) {
			text = named[k].formula;
			break;
		}
	if (strlen(text) >= sizeof f->text)
		return fault(fault_, "longer than %d bytes", FORMULA_TEXT - 1);
	strcpy(f->text, text);
	if (sum(&p))
		return -1;
	if (peek(&p))
		return fault(fault_, "column %ld: an operator is missing",
		             (long)(p.at - f->text) + 1);
	return 0;
}

struct formula formula_option(const char *option, const char *text)
{
	struct formula f;
	struct fault wrong;

	if (formula_parse(&f, text, &wrong))
		die_usage("%s: '%s': %s", option, text, wrong.text);
	return f;
}

double formula_value(const struct formula *f, const double column[])
{
	double stack[FORMULA_OPS] = {0};
	int n = 0;

	for (int k = 0; k < f->ops; k++) {
		const struct formula_op *op = &f->op[k];

		switch (op->what) {
		case '#': stack[n++] = op->number; continue;
		case '@': stack[n++] = column[op->at]; continue;
		case '~': stack[n - 1] = -stack[n - 1]; continue;
		}
		n--;
		switch (op->what) {
		case '+': stack[n - 1] += stack[n]; break;
		case '-': stack[n - 1] -= stack[n]; break;
		case '*': stack[n - 1] *= stack[n]; break;
		case '/': stack[n - 1] /= stack[n]; break;
		}
	}
	assert(n == 1); /* formula_parse leaves one value on the stack */
	return isfinite(stack[0]) ? stack[0] : NAN;
}
