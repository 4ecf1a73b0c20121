/* SPDX-License-Identifier: MIT */
/* columns.c - formulas over columns: what they give, what their names stand for, and what is none. */
#include "../lib/score/columns.h"

#include "tap.h"

static void values(void)
{
	static const struct {
		const char *text;
		double want; /* with a = 3, b = 0.5, zero = 0, null = NaN */
	} list[] = {
		{"a", 3},
		{" 1.5e1 ", 15},
		{"a - b - b", 2},
		{"a/2/3", 0.5},
		{"a-b*2", 2},
		{"(a-b)*2", 5},
		{"-a + --b", -2.5},
		{"-(a)*-b", 1.5},
		{"2*-a", -6},
		{"a/b/2 - .5", 2.5},
		{"((((a))))", 3},
		{"a + null", NAN},
		{"0 * null", NAN},
		{"a/zero", NAN},
		{"a - a/zero", NAN},
		{"a\t*\tb", 1.5},
	};
	static const struct {
		const char *name;
		double value;
	} known[] = {{"a", 3}, {"b", 0.5}, {"zero", 0}, {"null", NAN}};

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		struct formula f;
		struct fault fault = {""};
		double column[FORMULA_COLUMNS] = {0}, got = -999;

		if (!formula_parse(&f, list[i].text, &fault)) {
			for (int c = 0; c < f.columns; c++)
				for (size_t k = 0; k < 4; k++)
					if (!strcmp(f.column[c], known[k].name))
						column[c] = known[k].value;
			got = formula_value(&f, column);
		}
		ok(isnan(list[i].want) ? isnan(got) : got == list[i].want, "'%s' is %g", list[i].text,
		   list[i].want);
		if (*fault.text)
			printf("# %s\n", fault.text);
	}
}

static void named(void)
{
	static const struct {
		const char *name, *text;
	} list[] = {{"weight", "weight"},
	            {"loss", "-loss"},
	            {"gain", "loss_base - loss"},
	            {"gap", "loss_hat - loss"},
	            {"tempered", "loss_base / 2 - loss"}};
	struct formula f;
	struct fault fault;

	for (size_t i = 0; i < sizeof list / sizeof *list; i++) {
		formula_parse(&f, list[i].name, &fault);
		same(f.text, list[i].text, list[i].name);
	}
	ok(!formula_parse(&f, "loss + 0", &fault) && formula_value(&f, (double[]){2}) == 2,
	   "within a formula, a name is a column");
}

static void no_formulas(void)
{
	char deep[200], wide[1000] = "a", names[400] = "c";
	const char *const bad[] = {
		"", "  ", "+", "a +", "a b", "(a", "a)", "()", "a--", "1..2", "1e", "1e999", "0x10",
		"a$", "rank(a)", "a**b", "\"a\"", "a,b", "1 2", "é", "nan(", ".", "a.b",
		"a_name_of_thirty_three_letters_xx", deep, wide, names,
		"0.0000000000000000000000000000000000000000000000000000000000000001",
	};
	struct formula f;
	struct fault fault;

	memset(deep, '(', 99);
	strcpy(deep + 99, "a");
	for (int k = 0; k < 50; k++)
		strcat(wide, "+a");
	for (int k = 0; k < 9; k++)
		sprintf(names + strlen(names), "+c%d", k);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(formula_parse(&f, bad[i], &fault) == -1 && *fault.text, "no formula: '%.40s'", bad[i]);
}

int main(void)
{
	values();
	named();
	no_formulas();
	return tap_done();
}
