/* SPDX-License-Identifier: MIT */
/* jsonl.c - JSON in and out. */
#include "../lib/format/jsonl.h"

#include <math.h>
#include <stdlib.h>

#include "../lib/base/memory.h"
#include "tap.h"

static void refused(const char *text, size_t n, const char *want)
{
	struct fault f = {"nothing"};

	ok(!json_parse(text, n, &f), "refused: %.20s", want);
	same(f.text, want, "... and why");
}

static void test_parse(void)
{
	static char deep[100000];

	refused("{\"a\":1,}", 8, "column 8: string or '}' expected near '}'");
	refused("{\"a\":1,\"a\":2}", 13, "column 10: duplicate object key near '\"a\"'");
	refused("{\"a\":\"\xff\"}", 8, "column 6: unable to decode byte 0xff near '\"'");
	refused("{\"a\":\"\\u0000\"}", 14, "column 13: a NUL character");
	refused("{} x", 4, "column 4: end of file expected near 'x'");
	refused("", 0, "column 0: unexpected token near end of file");
	refused("[\n1,\n]", 6, "line 3, column 1: unexpected token near ']'");
	memset(deep, '[', sizeof deep);
	refused(deep, sizeof deep, "column 2049: maximum parsing depth reached near '['");
}

static void test_lookups(void)
{
	static const char text[] = "{\"t\":\"x\",\"n\":1.5,\"i\":7,\"b\":true,\"z\":null}";
	struct fault f;
	json_t *j = json_parse(text, sizeof text - 1, &f);

	same(json_text(j, "t", "d"), "x", "a text");
	same(json_text(j, "n", "d"), "d", "another type gives the default");
	ok(json_number(j, "n", 9) == 1.5 && json_number(j, "i", 9) == 7 && json_number(j, "z", 9) == 9, "numbers");
	ok(json_long(j, "i", 9) == 7 && json_long(j, "n", 9) == 9 && json_long(j, "q", 9) == 9, "integers");
	ok(json_flag(j, "b", 0) == 1 && json_flag(j, "i", 0) == 0 && json_flag(j, "q", 1) == 1, "flags");
	ok(json_long(NULL, "i", 9) == 9, "no object at all");
	json_decref(j);
}

/* What is written of the value that a parser reads, or the fault. */
static void reads(json_t *(*parse)(const char *, size_t, struct fault *), const char *text, const char *want,
                  const char *name)
{
	struct fault f = {""};
	struct buf b = {0};
	json_t *j = parse(text, strlen(text), &f);

	if (j)
		json_put(&b, j);
	same(b.p ? b.p : f.text, want, name);
	json_decref(j);
	buf_free(&b);
}

static void there_and_back(const char *text, const char *want) { reads(json_parse, text, want, text); }

static void python(const char *name, const char *text, const char *want)
{
	reads(json_parse_python, text, want, name);
}

/* What of a row cannot be held, and is of no other type. */
static void test_rows(void)
{
	static const struct {
		const char *text, *want;
	} odd[] = {
		{"{\"a\":NaN}", "{\"a\":{\"" JSON_UNREAD "\":\"NaN\"}}"},
		{"[-Infinity , 18446744073709551615,1]", "[{\"" JSON_UNREAD "\":\"-Infinity\"},{\"" JSON_UNREAD "\":\"18446744073709551615\"},1]"},
		{"{\"a\":-1e999,\"b\":[-9223372036854775808]}", "{\"a\":{\"" JSON_UNREAD "\":\"-1e999\"},\"b\":[-9223372036854775808]}"},
		{"{\"a\":\"x\\u0000\\\"\"}", "{\"a\":{\"" JSON_UNREAD "\":\"\\\"x\\\\u0000\\\\\\\"\\\"\"}}"},
		{"{\"a\":\"x\\\\u0000\"}", "{\"a\":\"x\\\\u0000\"}"},
		{"{\"a\":\"\\u0000\",\"NaN\":\"NaN\"}", "{\"a\":{\"" JSON_UNREAD "\":\"\\\"\\\\u0000\\\"\"},\"NaN\":\"NaN\"}"},
		{"{\"a\\u0000\" : NaN}", "column 10: NUL byte in object key not supported near '\"a\\u0000\"'"},
		{"{\"a\":NaN,}", "column 8: invalid token near 'NaN'"},
		{"{\"a\":NaN,\"a\":NaN}", "column 8: invalid token near 'NaN'"},
		{"{\"a\":\"\\u0000\xff\"}", "column 12: unable to decode byte 0xff near '\"\\u0000'"},
		{"{NaN:1}", "column 4: string or '}' expected near 'NaN'"},
		{"\xef\xbb\xbf{}", "column 1: invalid token near '\xef\xbb\xbf'"},
	};
	struct fault f;
	json_t *j;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		reads(json_parse_row, odd[i].text, odd[i].want, "a row");
	j = json_parse_row("[NaN,\"\\u0000\",1,{\"unread\":\"yes\"}]", 33, &f);
	same(json_why_unread(json_array_get(j, 0)), "is a number beyond 64 bits or a double's", "a number");
	same(json_why_unread(json_array_get(j, 1)), "holds a NUL character", "a text");
	ok(!json_why_unread(json_array_get(j, 2)) && !json_why_unread(json_array_get(j, 3)),
	   "and what is read");
	ok(json_unread_in(j) && !json_unread_in(json_array_get(j, 3)), "anywhere in a value");
	json_decref(j);
}

/* What Python's numbers become; an error where want says so. */
static void test_python(void)
{
	static const struct {
		const char *name, *text, *want;
	} odd[] = {
		{"model_max_length of Llama-2", "{\"model_max_length\": 1000000000000000019884624838656}",
	         "{\"model_max_length\":1e+30}"},
		{"a negative huge integer", "[-9223372036854775809, 1]", "[-9.223372036854776e+18,1]"},
		{"the first that is too large", "[9223372036854775808]", "[9.223372036854776e+18]"},
		{"the last integers of 64 bits", "[9223372036854775807,-9223372036854775808]",
	         "[9223372036854775807,-9223372036854775808]"},
		{"NaN in an array", "[1,NaN , 2]", "[1,1.7976931348623157e+308,2]"},
		{"infinities in nested objects", "{\"a\":{\"b\":[Infinity,{\"c\":-Infinity}]}}",
	         "{\"a\":{\"b\":[1.7976931348623157e+308,{\"c\":1.7976931348623157e+308}]}}"},
		{"1e999", "[1e999,-1E+999,1.5e-999]", "[1.7976931348623157e+308,1.7976931348623157e+308,0]"},
		{"exponent forms", "[1e5,1E+5,12.5e-1,0e0]", "[100000,100000,1.25,0]"},
		{"alone", "NaN", "1.7976931348623157e+308"},
		{"words within strings", "{\"NaN\":\"NaN, -Infinity\",\"b\":\"x\\\"NaN\\\\\",\"c\":\"99999999999999999999\"}",
	         "{\"NaN\":\"NaN, -Infinity\",\"b\":\"x\\\"NaN\\\\\",\"c\":\"99999999999999999999\"}"},
		{"a byte order mark", "\xef\xbb\xbf{\"a\":1}", "{\"a\":1}"},
		{"two byte order marks", "\xef\xbb\xbf\xef\xbb\xbf{}", "column 1: invalid token near '\xef\xbb\xbf'"},
		{"NUL in a key", "{\"a\\u0000b\":1}", "{\"a" JSON_NUL "b\":1}"},
		{"NUL in a text", "{\"a\":\"\\u0000\"}", "{\"a\":\"" JSON_NUL "\"}"},
		{"no NUL, but its escape in text", "[\"\\\\u0000\",\"\\\\\\u0000\"]",
	         "[\"\\\\u0000\",\"\\\\" JSON_NUL "\"]"},
		{"a string cut within an escape", "[\"\\u00", "column 6: invalid escape near '\"\\u00'"},
		{"of two equal keys the last", "{\"a\":1,\"b\":2,\"a\":3}", "{\"a\":3,\"b\":2}"},
		{"NaN as a key", "{NaN:1}", "column 24: string or '}' expected"},
		{"-NaN", "[-NaN]", "column 2: invalid token near '-'"},
		{"nan", "[nan]", "column 4: invalid token near 'nan'"},
		{"inf", "[inf]", "column 4: invalid token near 'inf'"},
		{"a hexadecimal number", "[0x10]", "column 3: ']' expected near 'x'"},
		{"a leading zero", "[0123456789012345678901]", "column 2: invalid token near '0'"},
		{"a leading plus", "[+1]", "column 2: invalid token near '+'"},
		{"a point without digits", "[1.]", "column 3: invalid token near '1.'"},
		{"a string without an end", "[\"NaN", "column 5: premature end of input near '\"NaN'"},
		{"a string that ends in a backslash", "\"a\\", "column 3: invalid escape near '\"a\\'"},
		{"numbers without a space", "[1-Infinity]", "column 3: ']' expected near '-'"},
	};
	char *huge = xalloc(1002), *finite = xalloc(302);

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++)
		python(odd[i].name, odd[i].text, odd[i].want);
	memset(huge, '7', 1001);
	huge[1001] = 0;
	python("an integer of 1001 digits", huge, "1.7976931348623157e+308");
	memset(finite, '0', 301);
	finite[0] = '1';
	finite[301] = 0;
	python("an integer of 301 digits", finite, "1e+300");
	free(huge);
	free(finite);
}

/* A key that is used is refused by its name when its value is none of C's. */
static void test_check(void)
{
	static const struct json_key keys[] = {{"text", 't'}, {"number", 'n'}, {"whole", 'w'}, {"flag", 'f'}, {"object", 'o'}, {0}};
	static const struct {
		const char *text, *want;
	} bad[] = {
		{"{\"text\":NaN}", "\"text\" is not text"},
		{"{\"text\":\"a\\u0000\"}", "\"text\" is not text without a NUL character"},
		{"{\"number\":NaN}", "\"number\" is not a finite number"},
		{"{\"number\":-Infinity}", "\"number\" is not a finite number"},
		{"{\"number\":1e999}", "\"number\" is not a finite number"},
		{"{\"whole\":Infinity}", "\"whole\" is not a finite number"},
		{"{\"whole\":1000000000000000019884624838656}", "\"whole\" is not a whole number of 64 bits"},
		{"{\"whole\":-9223372036854775809}", "\"whole\" is not a whole number of 64 bits"},
		{"{\"whole\":1.5}", "\"whole\" is not a whole number"},
		{"{\"flag\":NaN}", "\"flag\" is not true or false"},
		{"{\"object\":NaN}", "\"object\" is not an object"},
		{"{\"unused\":NaN,\"number\":1000000000000000019884624838656,\"whole\":null}", "fine"},
	};

	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct fault f = {"fine"};
		json_t *j = json_parse_python(bad[i].text, strlen(bad[i].text), &f);

		ok(j && !json_check(j, keys, &f) == !strcmp(bad[i].want, "fine"), "used: %s", bad[i].text);
		same(f.text, bad[i].want, "... and why");
		ok(isnan(json_number(j, "number", NAN)) || json_number(j, "number", 0) == 1e30, "... no lookup takes it for a number");
		json_decref(j);
	}
}

static void real(double x, const char *want)
{
	struct buf b = {0};

	json_put_real(&b, x);
	same(b.p, want, want);
	buf_free(&b);
}

/* Of a number's text, before its exponent and without zeros at the end. */
static int digits(const char *s)
{
	int n = 0, zeros = 0;

	for (; *s && *s != 'e'; s++)
		if (*s >= '0' && *s <= '9' && (n || *s > '0')) {
			n++;
			zeros = *s == '0' ? zeros + 1 : 0;
		}
	return n - zeros;
}

static void flt(double x, const char *want)
{
	struct buf b = {0};
	json_t *j = json_float(x);

	json_put(&b, j);
	same(b.p, want, want);
	json_decref(j);
	buf_free(&b);
}

static void test_put(void)
{
	struct buf b = {0};
	unsigned long bits = 88172645463325252;
	long bad = 0;

	there_and_back(" { \"b\" : [ 1 , 2.50 , -3e2 ] , \"a\" : { } , \"c\" : [ ] } ",
	               "{\"b\":[1,2.5,-300],\"a\":{},\"c\":[]}");
	there_and_back("[true,false,null,9223372036854775807]", "[true,false,null,9223372036854775807]");
	there_and_back("\"\\u00e9\\ud83d\\ude00 \\/\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u007f\"",
	               "\"\xc3\xa9\xf0\x9f\x98\x80 /\\\"\\\\\\b\\f\\n\\r\\t\\u0001\x7f\"");
	json_put_text(&b, "a\xff\xc0\x80 \xed\xa0\x80|\xe2\x82", 11);
	same(b.p, "\"a\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd \xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd|\xef\xbf\xbd\xef\xbf\xbd\"",
	     "a byte that is no UTF-8 becomes U+FFFD");
	real(0.1, "0.1");
	real(0.1f, "0.10000000149011612");
	real(1e6, "1000000");
	real(100, "100");
	real(-2, "-2");
	real(1e300, "1e+300");
	real(5e-324, "5e-324");
	real(1.0 / 3, "0.3333333333333333");
	real(123456789.125, "123456789.125");
	real(NAN, "null");
	flt(0.1f, "0.1");
	flt(1.0 / 3, "0.33333334");
	flt(2.7182817459106445, "2.7182817");
	flt(16777215, "16777215");
	flt(-3e38, "-3e+38");
	flt(1e39, "null");
	flt(1e-45, "1e-45");
	flt(NAN, "null");
	real(-INFINITY, "null");
	for (int i = 0; i < 20000; i++) {
		double x;
		float x32;
		json_t *j;

		bits ^= bits << 13;
		bits ^= bits >> 7;
		bits ^= bits << 17;
		memcpy(&x, &bits, 8);
		b.n = 0;
		json_put_real(&b, x);
		bad += isfinite(x) && strtod(b.p, NULL) != x;
		memcpy(&x32, &bits, 4);
		b.n = 0;
		j = json_float(x32);
		json_put(&b, j);
		json_decref(j);
		bad += isfinite(x32) && (strtof(b.p, NULL) != x32 || digits(b.p) > 9);
	}
	ok(!bad, "any double and float read back (%ld do not)", bad);
	buf_free(&b);
}

static void test_settings(void)
{
	static struct { int flag; long count; double real; const char *text, *number, *none; } set = {
		1, 16, 0.001, "two words", "5", NULL
	};
#define FIELD(f) ((char *)&set.f - (char *)&set)
	const struct opt table[] = {
		{"flag", 0, OPT_FLAG, FIELD(flag), NULL, "", 0, 1},
		{"count", 0, OPT_COUNT, FIELD(count), "N", "", 0, 1},
		{"real", 0, OPT_REAL, FIELD(real), "X", "", 0, 1},
		{"text", 0, OPT_TEXT, FIELD(text), "T", "", 0, 1},
		{"number", 0, OPT_TEXT, FIELD(number), "T", "", 0, 1},
		{"none", 0, OPT_TEXT, FIELD(none), "T", "", 0, 1},
		{"unrecorded", 0, OPT_COUNT, FIELD(count), "N", "", 0, 0},
		{0}
	};
#undef FIELD
	const struct opt_group groups[] = {{"Test", table, &set}, {0}};
	json_t *j = json_settings(groups);
	struct buf b = {0};

	json_put(&b, j);
	same(b.p, "{\"flag\":true,\"count\":16,\"real\":0.001,\"text\":\"two words\",\"number\":\"5\"}", "settings");
	json_decref(j);
	buf_free(&b);
}

static void test_repaired(void)
{
	json_t *j = json_repaired("a\0\0b\xffz\0", 7);

	ok(!strcmp(json_string_value(j), "a\uFFFD\uFFFDb\uFFFDz\uFFFD") &&
	           json_string_length(j) == strlen(json_string_value(j)),
	   "what is no UTF-8, and NUL, becomes U+FFFD");
	json_decref(j);
	j = json_repaired("", 0);
	ok(!*json_string_value(j), "nothing stays nothing");
	json_decref(j);
}

int main(void)
{
	test_repaired();
	test_parse();
	test_lookups();
	test_put();
	test_settings();
	test_python();
	test_rows();
	test_check();
	return tap_done();
}
