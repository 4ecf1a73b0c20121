/* SPDX-License-Identifier: MIT */
/* answer.c - numbers and choices found in texts, case by case. */
#include "../lib/eval/answer.h"

#include <stdlib.h>

#include "tap.h"

static const double none = NAN;

static const struct {
	const char *text;
	double want;
} numbers[] = {
	/* which number of several */
	{"There are 3 + 4 = 7 of them.\n#### 7", 7},
	{"#### 12\n\nQuestion: and 3 more?\nAnswer: 5", 12},
	{"#### 5 is wrong, so\n#### 6", 5},
	{"The answer is 108.", 108},
	{"2 and then 30, so 32 in all", 32},
	{"#### nothing, but 4", 4},
	{"#### Step 1\nfive\n#### Step 2\nsix, which is 6", 6},
	{"####7", 7},
	{"####\t $ 9", 9},
	{"####", none},
	{"", none},
	{"none at all", none},
	{"1\n2\r\n3\n", 3},
	/* thousands */
	{"1,234", 1234},
	{"$1,234,567.50", 1234567.5},
	{"#### 5,440,000", 5440000},
	{"4, 5,6", 6},
	{"1,23", 23},
	{"1,2345", 2345},
	{"1234,567", 567},
	{"12,345,67", 67},
	{"1,234,", 1234},
	{"in 2020, 300 came", 300},
	/* decimals and what is equal */
	{"3.0", 3},
	{"3.", 3},
	{"It is 3.50.", 3.5},
	{"costs .5 each", 0.5},
	{"007", 7},
	{"0", 0},
	{"-0", 0},
	{"v1.2.3", 3},
	{"3...", 3},
	{"12.30 p.m.", 12.3},
	/* signs against hyphens */
	{"-5", -5},
	{"it fell to -3.5 degrees", -3.5},
	{"+8", 8},
	{"5-3", 3},
	{"5 - 3", 3},
	{"5 -3", -3},
	{"(-3)", -3},
	{"=-3", -3},
	{"2*-3", -3},
	{"(4)-3", 3},
	{"x[1]-3", 3},
	{"10%-20%", 20},
	{"2--3", 3},
	{"GPT-4", 4},
	{"\xc3\xa9-4", 4},             /* e acute */
	{"\xe2\x88\x92" "4", -4},      /* U+2212 */
	{"6 \xe2\x88\x92 4", 4},
	{"6\xe2\x88\x92" "4", 4},
	{"pages 5\xe2\x80\x93" "8", 8}, /* an en dash */
	{"**-5**", -5},
	{"\\boxed{-42}", -42},
	{"#### -7", -7},
	{"#### \xe2\x88\x92" "7", -7},
	/* currencies, per cent, units */
	{"$18", 18},
	{"-$18", -18},
	{"$-18", -18},
	{"\xe2\x82\xac-20", -20},
	{"-\xc2\xa3" "20", -20},
	{"#### -$1,000", -1000},
	{"45%", 45},
	{"5km", 5},
	{"2nd", 2},
	{"x2", 2},
	{"\\$60", 60},
	/* exponents */
	{"1e3", 1000},
	{"2.5E-1", 0.25},
	{"1e+2", 100},
	{"3e", 3},
	{"3ex", 3},
	{"2e5x", 5},
	{"1e999", none},
	{"4, then 1e999", 4},
	/* fractions and dates */
	{"3/4", 0.75},
	{"-3/4", -0.75},
	{"1/3 of 1", 1},
	{"so 1/3", 1.0 / 3},
	{"3 / 4", 4},
	{"1,000/4", 250},
	{"5/0", 0},
	{"on 3/4/2021", 2021},
	{"on 2021-05-03", 3},
	{"at 10:30", 30},
	{"24/day", 24},
	/* what is no digit */
	{"\xd9\xa3", none},      /* an Arabic three */
	{"\xef\xbc\x93", none},  /* a full-width three */
	{"x\xc2\xb2", none},     /* a square */
	{"\xff\xfe 6 \xe2\x88", 6}, /* bytes that are no UTF-8 */
};

static const struct {
	const char *text, *want; /* NULL: none */
} choices[] = {
	/* behind "answer is" */
	{"The answer is B.", "B"},
	{"The answer is (C).", "C"},
	{"(A) is tempting, but the best answer is D", "D"},
	{"The correct answer is: **B**", "B"},
	{"ANSWER: C", "C"},
	{"Answer:\nA", "A"},
	{"The answer is A. No, the answer is B.", "A"},
	{"The answer is clear: (B)", "B"},
	{"The answer is Berlin", NULL},
	{"The answer is E", NULL},
	{"The answer is a train", NULL},
	{"The answer is A's", NULL},
	/* in parentheses */
	{"(B) Paris", "B"},
	{"It must be (D) since (A) is false", "D"},
	{"(a) first, (b) second", NULL},
	{"(AB)", NULL},
	/* at the beginning */
	{"B", "B"},
	{" B. Paris", "B"},
	{"C) Rome", "C"},
	{"**D**", "D"},
	{"B\nbecause it is", "B"},
	{"A, since", "A"},
	{"b", "B"},
	{"b.", "B"},
	{"a train", NULL},
	{"A train leaves", NULL},
	{"Dogs", NULL},
	{"A-B", NULL},
	/* behind a colon */
	{"My choice: B", "B"},
	{"Choice:\n\n C.", "C"},
	{"Note: A train leaves", NULL},
	{"so: A train; then: D", "D"},
	/* none */
	{"", NULL},
	{"Paris", NULL},
	{"I choose B", NULL},
};

static const struct {
	const char *text, *want;
} texts[] = {
	{"Paris", "paris"},
	{" \n Two\t words\r\n", "two words"},
	{"\xc3\x89T\xc3\x89", "\xc3\xa9t\xc3\xa9"},
	{"a\xc2\xa0\xc2\xa0" "b", "a b"}, /* spaces that do not break */
	{"A.", "a."},
	{" \n", NULL},
	{"", NULL},
};

#define COUNT(list) (long)(sizeof(list) / sizeof *(list))

/* A text of several lines would not be one line of TAP. */
static void show(const char *text)
{
	printf("# of '");
	for (; *text; text++)
		putchar(*text < ' ' && *text >= 0 ? ' ' : *text);
	printf("'\n");
}

static void check_number(long i)
{
	json_t *got = answer_number(numbers[i].text);
	double want = numbers[i].want, is = got ? json_real_value(got) : NAN;

	if (!ok(isnan(want) ? !got : is == want && (is || !signbit(is)), "number %ld is %g", i, want)) {
		show(numbers[i].text);
		printf("# got %g\n", is);
	}
	json_decref(got);
}

static void check_text(json_t *got, const char *text, const char *want, const char *name)
{
	const char *is = json_string_value(got);

	if (!ok(want ? is && !strcmp(is, want) : !got, "%s: %s", name, want ? want : "none")) {
		show(text);
		show(is ? is : "none");
	}
	json_decref(got);
}

int main(void)
{
	for (long i = 0; i < COUNT(numbers); i++)
		check_number(i);
	for (long i = 0; i < COUNT(choices); i++)
		check_text(answer_choice(choices[i].text, "ABCD"), choices[i].text, choices[i].want,
		           "choice");
	check_text(answer_choice("The answer is E", "ABCDE"), "The answer is E", "E", "choice of five");
	for (long i = 0; i < COUNT(texts); i++)
		check_text(answer_text(texts[i].text), texts[i].text, texts[i].want, "text");
	return tap_done();
}
