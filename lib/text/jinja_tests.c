/* SPDX-License-Identifier: MIT */
/* jinja_tests.c - what may stand behind `is`. */
#include "jinja_in.h"

/* clang-format off */
#define TEST(name, condition)                                              \
	static int name(struct jrun *r, struct jvalue v, args_of a)        \
	{                                                                  \
		(void)r; (void)a;                                          \
		return condition;                                          \
	}

TEST(t_defined, v.type != T_UNDEFINED)
TEST(t_undefined, v.type == T_UNDEFINED)
TEST(t_none, v.type == T_NONE)
TEST(t_boolean, v.type == T_BOOL)
TEST(t_true, v.type == T_BOOL && v.whole)
TEST(t_false, v.type == T_BOOL && !v.whole)
TEST(t_integer, v.type == T_INT)
TEST(t_float, v.type == T_REAL)
TEST(t_number, jis_number(v))
TEST(t_string, v.type == T_TEXT)
TEST(t_mapping, v.type == T_DICT)
TEST(t_iterable, jiterable(v))
TEST(t_sequence, v.type == T_UNDEFINED || v.type == T_TEXT || v.type == T_LIST || v.type == T_TUPLE ||
                 v.type == T_DICT || v.type == T_RANGE)
TEST(t_callable, v.type == T_MACRO || v.type == T_FUNC || v.type == T_METHOD || v.type == T_JOINER ||
                 v.type == T_LOOP || v.type == T_UNDEFINED)
TEST(t_escaped, v.type == T_TEXT && v.text->safe)
TEST(t_lower, jtext_all(r, jstr(r, v), "islower"))
TEST(t_upper, jtext_all(r, jstr(r, v), "isupper"))
TEST(t_in, jin(r, v, a[0]))
TEST(t_eq, jcompare(r, OP_EQ, v, a[0]))
TEST(t_ne, jcompare(r, OP_NE, v, a[0]))
TEST(t_lt, jcompare(r, OP_LT, v, a[0]))
TEST(t_le, jcompare(r, OP_LE, v, a[0]))
TEST(t_gt, jcompare(r, OP_GT, v, a[0]))
TEST(t_ge, jcompare(r, OP_GE, v, a[0]))
TEST(t_odd, jequal(r, jbinary(r, '%', v, jint(2)), jint(1)))
TEST(t_even, jequal(r, jbinary(r, '%', v, jint(2)), jint(0)))
TEST(t_divisible, jequal(r, jbinary(r, '%', v, a[0]), jint(0)))
/* clang-format on */

/* Whether there is a filter or test of this name. */
static const struct jtext *name_of(struct jrun *r, struct jvalue v)
{
	if (v.type == T_LIST || v.type == T_DICT)
		jfail(r, "unhashable type: '%s'", jtype_name(v));
	return v.type == T_TEXT ? v.text : jtext_str(r, "");
}

static int t_filter(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *name = name_of(r, v);
	static const char *const others[] = {"center",   "filesizeformat", "groupby",   "pprint",
	                                     "random",   "striptags",      "urlencode", "urlize",
	                                     "wordwrap", "xmlattr"};

	(void)a;
	for (size_t i = 0; i < sizeof others / sizeof *others; i++)
		if (jtext_is(name, others[i]))
			jfail(r, "the filter '%s' is not known", others[i]);
	return jfilter_find(name->p, name->n) != NULL;
}

static int t_test(struct jrun *r, struct jvalue v, args_of a)
{
	const struct jtext *name = name_of(r, v);

	(void)a;
	return jtest_find(name->p, name->n) != NULL;
}

/* Python's `is`, where what it says does not hang on how Python keeps its objects. */
static int t_sameas(struct jrun *r, struct jvalue v, args_of a)
{
	if (v.type != a[0].type)
		return 0;
	if (v.type == T_NONE)
		return 1;
	if (v.type == T_BOOL)
		return v.whole == a[0].whole;
	jfail(r, "sameas of a '%s' is not known", jtype_name(v));
}

const struct jtest *jtest_find(const char *name, size_t n)
{
	static const struct jtest tests[] = {
		{"defined", "", t_defined},
		{"undefined", "", t_undefined},
		{"none", "", t_none},
		{"boolean", "", t_boolean},
		{"true", "", t_true},
		{"false", "", t_false},
		{"integer", "", t_integer},
		{"float", "", t_float},
		{"number", "", t_number},
		{"string", "", t_string},
		{"mapping", "", t_mapping},
		{"sequence", "", t_sequence},
		{"iterable", "", t_iterable},
		{"callable", "", t_callable},
		{"escaped", "", t_escaped},
		{"lower", "", t_lower},
		{"upper", "", t_upper},
		{"sameas", "other", t_sameas},
		{"filter", "", t_filter},
		{"test", "", t_test},
		{"in", "seq", t_in},
		{"odd", "", t_odd},
		{"even", "", t_even},
		{"divisibleby", "num", t_divisible},
		{"==", "/b", t_eq},
		{"eq", "/b", t_eq},
		{"equalto", "/b", t_eq},
		{"!=", "/b", t_ne},
		{"ne", "/b", t_ne},
		{"<", "/b", t_lt},
		{"lt", "/b", t_lt},
		{"lessthan", "/b", t_lt},
		{"<=", "/b", t_le},
		{"le", "/b", t_le},
		{">", "/b", t_gt},
		{"gt", "/b", t_gt},
		{"greaterthan", "/b", t_gt},
		{">=", "/b", t_ge},
		{"ge", "/b", t_ge},
	};

	for (size_t i = 0; i < sizeof tests / sizeof *tests; i++)
		if (strlen(tests[i].name) == n && !memcmp(tests[i].name, name, n))
			return &tests[i];
	return NULL;
}

int jtest_apply(struct jrun *r, const struct jtest *t, struct jvalue v, const struct jargs *a)
{
	struct jvalue arg[ARGS_MOST];

	jbind(r, t->name, t->params, a, arg);
	return t->is(r, v, arg);
}
