/* SPDX-License-Identifier: MIT */
/* jinja_ops.c - Python's operators: sums and products, comparisons, `in`. */
#include <limits.h>
#include <math.h>

#include "jinja_tree_in.h"

int jis_number(struct jvalue v) { return v.type == T_BOOL || v.type == T_INT || v.type == T_REAL; }
double jto_real(struct jvalue v) { return v.type == T_REAL ? v.real : (double)v.whole; }

long jindex(struct jrun *r, struct jvalue v, const char *what)
{
	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (v.type != T_BOOL && v.type != T_INT)
		jfail(r, "%s: a '%s' object cannot be interpreted as an integer", what,
		      jtype_name(v));
	return v.whole;
}

static const char *op_name(int op)
{
	static const char *const names[] = {"**", "//", "==", "!=", "<",
	                                    "<=", ">",  ">=", "in", "not in"};
	static const char plain[] = "+\0-\0*\0/\0%";

	if (op >= OP_POW)
		return names[op - OP_POW];
	for (size_t i = 0; i < sizeof plain; i += 2)
		if (plain[i] == op)
			return plain + i;
	return "?";
}

static void no_operator(struct jrun *r, int op, struct jvalue a, struct jvalue b)
	__attribute__((noreturn));
static void no_operator(struct jrun *r, int op, struct jvalue a, struct jvalue b)
{
	if (op == '+' && (a.type == T_TEXT || a.type == T_LIST || a.type == T_TUPLE))
		jfail(r, "can only concatenate %s (not \"%s\") to %s", jtype_name(a), jtype_name(b),
		      jtype_name(a));
	jfail(r, "unsupported operand type(s) for %s: '%s' and '%s'", op_name(op), jtype_name(a),
	      jtype_name(b));
}

static long floor_of(struct jrun *r, long a, long b)
{
	if (a == LONG_MIN && b == -1)
		jfail(r, "%ld // -1 is beyond 64 bits", a);
	return a / b - (a % b != 0 && (a % b < 0) != (b < 0));
}

static struct jvalue power(struct jrun *r, long a, long b)
{
	long result = 1;

	if (b < 0) {
		if (!a)
			jfail(r, "0.0 cannot be raised to a negative power");
		return jreal(pow((double)a, (double)b));
	}
	while (b) {
		if (b & 1)
			result = jmul(r, result, a);
		b >>= 1;
		if (b && (a > 1 || a < -1))
			a = jmul(r, a, a);
		else if (b)
			a *= a;
	}
	return jint(result);
}

static struct jvalue whole(struct jrun *r, int op, long a, long b)
{
	const long exact = 1L << 53; /* up to here a double has every integer */

	if (!b && (op == '/' || op == '%' || op == OP_FLOOR))
		jfail(r, "%s",
		      op == '/' ? "division by zero" : "integer division or modulo by zero");
	switch (op) {
	case '+': return jint(jadd(r, a, b));
	case '-':
		if (b == LONG_MIN)
			jfail(r, "%ld - %ld is beyond 64 bits", a, b);
		return jint(jadd(r, a, -b));
	case '*': return jint(jmul(r, a, b));
	case '/':
		if (a > exact || a < -exact || b > exact || b < -exact)
			jfail(r, "%ld / %ld: integers beyond 2**53 are not divided", a, b);
		return jreal((double)a / (double)b);
	case OP_FLOOR: return jint(floor_of(r, a, b));
	case '%': return jint(b == -1 ? 0 : a - floor_of(r, a, b) * b);
	default: return power(r, a, b);
	}
}

/* Python's divmod of floats. */
static double real_mod(double a, double b, double *quotient)
{
	double mod = fmod(a, b), div = (a - mod) / b;

	if (mod) {
		if ((b < 0) != (mod < 0)) {
			mod += b;
			div -= 1;
		}
	} else {
		mod = copysign(0.0, b);
	}
	*quotient = div ? floor(div) + (div - floor(div) > 0.5) : copysign(0.0, a / b);
	return mod;
}

static struct jvalue real(struct jrun *r, int op, double a, double b)
{
	double quotient, mod;

	if (b == 0 && (op == '/' || op == '%' || op == OP_FLOOR))
		jfail(r, "float division by zero");
	switch (op) {
	case '+': return jreal(a + b);
	case '-': return jreal(a - b);
	case '*': return jreal(a * b);
	case '/': return jreal(a / b);
	case OP_FLOOR: real_mod(a, b, &quotient); return jreal(quotient);
	case '%': return jreal(real_mod(a, b, &quotient));
	default:
		if (a == 0 && b < 0)
			jfail(r, "0.0 cannot be raised to a negative power");
		if (a < 0 && isfinite(a) && isfinite(b) && b != floor(b))
			jfail(r, "a complex number is not known");
		mod = pow(a, b);
		if (isinf(mod) && isfinite(a) && isfinite(b))
			jfail(r, "the result of ** is too large");
		return jreal(mod);
	}
}

static struct jvalue joined_lists(struct jrun *r, struct jvalue a, struct jvalue b)
{
	struct jlist *l = jlist_new(r);

	for (long i = 0; i < a.list->n; i++)
		jlist_add(r, l, a.list->item[i]);
	for (long i = 0; i < b.list->n; i++)
		jlist_add(r, l, b.list->item[i]);
	return (struct jvalue){a.type, .list = l};
}

static struct jvalue repeated(struct jrun *r, struct jvalue a, long times)
{
	struct jlist *l;

	if (a.type == T_TEXT)
		return jtextual(jrepeat(r, a.text, times));
	l = jlist_new(r);
	for (long k = 0; a.list->n && k < times; k++)
		for (long i = 0; i < a.list->n; i++)
			jlist_add(r, l, a.list->item[i]);
	return (struct jvalue){a.type, .list = l};
}

static int is_sequence(struct jvalue v)
{
	return v.type == T_TEXT || v.type == T_LIST || v.type == T_TUPLE;
}

static int is_whole(struct jvalue v) { return v.type == T_INT || v.type == T_BOOL; }

static struct jvalue joined_texts(struct jrun *r, const struct jtext *a, const struct jtext *b)
{
	struct jbuild to = jbuild(r);

	if (a->safe != b->safe) { /* Markup escapes what is added to it */
		a = a->safe ? a : jescape(r, a);
		b = b->safe ? b : jescape(r, b);
	}
	to.safe = a->safe;
	jput_text(&to, a);
	jput_text(&to, b);
	return jtextual(jbuilt(&to));
}

struct jvalue jbinary(struct jrun *r, int op, struct jvalue a, struct jvalue b)
{
	if (op == '%' && a.type == T_TEXT)
		return jtextual(jpercent(r, a.text, b));
	if (a.type == T_UNDEFINED)
		jundefined_fail(r, a);
	if (b.type == T_UNDEFINED)
		jundefined_fail(r, b);
	if (is_whole(a) && is_whole(b))
		return whole(r, op, a.whole, b.whole);
	if (jis_number(a) && jis_number(b))
		return real(r, op, jto_real(a), jto_real(b));
	if (op == '+' && a.type == T_TEXT && b.type == T_TEXT)
		return joined_texts(r, a.text, b.text);
	if (op == '+' && a.type == b.type && is_sequence(a))
		return joined_lists(r, a, b);
	if (op == '*' && is_sequence(a) && is_whole(b))
		return repeated(r, a, b.whole);
	if (op == '*' && is_whole(a) && is_sequence(b))
		return repeated(r, b, a.whole);
	if ((op == '-' && a.type == T_VIEW && b.type == T_VIEW))
		jfail(r, "sets are not known");
	no_operator(r, op, a, b);
}

struct jvalue junary(struct jrun *r, int op, struct jvalue v)
{
	if (v.type == T_UNDEFINED)
		jundefined_fail(r, v);
	if (!jis_number(v))
		jfail(r, "bad operand type for unary %s: '%s'", op_name(op), jtype_name(v));
	if (v.type == T_REAL)
		return jreal(op == '-' ? -v.real : v.real);
	if (op == '-' && v.whole == LONG_MIN)
		jfail(r, "-(%ld) is beyond 64 bits", v.whole);
	return jint(op == '-' ? -v.whole : v.whole);
}

/* A long double has every 64-bit integer and every double. */
static long double wide(struct jvalue v)
{
	return v.type == T_REAL ? (long double)v.real : (long double)v.whole;
}

static int equal_dicts(struct jrun *r, const struct jdict *a, const struct jdict *b)
{
	const struct jvalue *v;

	if (a->n != b->n)
		return 0;
	for (long i = 0; i < a->n; i++)
		if (!(v = jdict_get(r, b, a->pair[i].key)) || !jequal(r, a->pair[i].value, *v))
			return 0;
	return 1;
}

static int equal_lists(struct jrun *r, const struct jlist *a, const struct jlist *b)
{
	if (a->n != b->n)
		return 0;
	for (long i = 0; i < a->n; i++)
		if (!jequal(r, a->item[i], b->item[i]))
			return 0;
	return 1;
}

static int equal_values(struct jrun *r, struct jvalue a, struct jvalue b)
{
	if (jis_number(a) && jis_number(b))
		return wide(a) == wide(b);
	if (a.type != b.type)
		return 0;
	switch (a.type) {
	case T_UNDEFINED:
	case T_NONE: return 1;
	case T_TEXT: jspend(r, (long)(a.text->n / 64)); return jtext_same(a.text, b.text);
	case T_LIST:
	case T_TUPLE: return equal_lists(r, a.list, b.list);
	case T_DICT: return equal_dicts(r, a.dict, b.dict);
	case T_RANGE:
		return a.range->n == b.range->n &&
		       (!a.range->n || (a.range->start == b.range->start &&
		                        (a.range->n == 1 || a.range->step == b.range->step)));
	case T_VIEW:
		if (a.view->of == VIEW_VALUES || b.view->of == VIEW_VALUES)
			return a.view == b.view;
		jfail(r, "views of a dict are not compared");
	case T_METHOD: jfail(r, "methods are not compared");
	default: return a.iter == b.iter; /* any pointer */
	}
}

int jequal(struct jrun *r, struct jvalue a, struct jvalue b)
{
	int equal;

	jdeeper(r);
	equal = equal_values(r, a, b);
	r->depth--;
	return equal;
}

static int order_lists(struct jrun *r, int op, const struct jlist *a, const struct jlist *b)
{
	long i = 0, n = a->n < b->n ? a->n : b->n;

	while (i < n && jequal(r, a->item[i], b->item[i]))
		i++;
	if (i < n)
		return jorder(r, op, a->item[i], b->item[i]);
	return op == OP_LT   ? a->n < b->n
	       : op == OP_LE ? a->n <= b->n
	       : op == OP_GT ? a->n > b->n
	                     : a->n >= b->n;
}

int jorder(struct jrun *r, int op, struct jvalue a, struct jvalue b)
{
	int less = 0, equal = 0;

	jdeeper(r);
	r->depth--;
	if (a.type == T_UNDEFINED || b.type == T_UNDEFINED)
		jundefined_fail(r, a.type == T_UNDEFINED ? a : b);
	if (jis_number(a) && jis_number(b)) {
		less = wide(a) < wide(b);
		equal = wide(a) == wide(b);
		if (!less && !equal && !(wide(a) > wide(b)))
			return 0; /* not a number */
	} else if (a.type == T_TEXT && b.type == T_TEXT) {
		size_t n = a.text->n < b.text->n ? a.text->n : b.text->n;
		int c = n ? memcmp(a.text->p, b.text->p, n) : 0;

		jspend(r, (long)(n / 64));
		less = c < 0 || (!c && a.text->n < b.text->n);
		equal = !c && a.text->n == b.text->n;
	} else if ((a.type == T_LIST || a.type == T_TUPLE) && a.type == b.type) {
		r->depth++;
		less = order_lists(r, op, a.list, b.list);
		r->depth--;
		return less;
	} else {
		jfail(r, "'%s' not supported between instances of '%s' and '%s'", op_name(op),
		      jtype_name(a), jtype_name(b));
	}
	return op == OP_LT   ? less
	       : op == OP_LE ? less || equal
	       : op == OP_GT ? !less && !equal
	                     : !less;
}

static int in_values(struct jrun *r, struct jvalue v, struct jvalue in)
{
	struct jiter *i = jiter_of(r, in);
	struct jvalue item;

	while (jiter_next(r, i, &item))
		if (jequal(r, item, v))
			return 1;
	return 0;
}

int jin(struct jrun *r, struct jvalue v, struct jvalue in)
{
	switch (in.type) {
	case T_TEXT:
		if (v.type == T_UNDEFINED || v.type != T_TEXT)
			jfail(r, "'in <string>' requires string as left operand, not %s",
			      jtype_name(v));
		return jfind(r, in.text, 0, in.text->n, v.text) >= 0;
	case T_DICT: return jdict_get(r, in.dict, v) != NULL;
	case T_VIEW:
		if (in.view->of == VIEW_KEYS)
			return jdict_get(r, in.view->dict, v) != NULL;
		return in_values(r, v, in);
	default:
		if (!jiterable(in))
			jfail(r, "argument of type '%s' is not iterable", jtype_name(in));
		return in_values(r, v, in);
	}
}

int jcompare(struct jrun *r, int op, struct jvalue a, struct jvalue b)
{
	switch (op) {
	case OP_EQ: return jequal(r, a, b);
	case OP_NE: return !jequal(r, a, b);
	case OP_IN: return jin(r, a, b);
	case OP_NOT_IN: return !jin(r, a, b);
	default: return jorder(r, op, a, b);
	}
}
