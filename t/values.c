/* SPDX-License-Identifier: MIT */
/* JSON that is no row a line, cut into values: in pieces of any size the same, and what jansson finds. */
#include "../lib/format/values.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../lib/format/jsonl.h"
#include "tap.h"

/* All values of a text that comes in pieces, "line/element:text;", and the fault. */
static const char *cut(const char *p, size_t step)
{
	static struct buf out;
	struct values v = {0};
	struct fault f;
	size_t n = strlen(p);
	int whole;
	long took = 0;

	out.n = 0;
	buf_str(&out, "");
	for (; n && took >= 0; p += took, n -= took) {
		took = values_take(&v, p, step < n ? step : n, &whole, &f);
		if (took < 0)
			break;
		if (whole)
			buf_fmt(&out, "%ld/%ld:%s;", v.line, v.element, v.text.p);
	}
	if (took < 0 || values_end(&v, &f))
		buf_fmt(&out, "%ld: %s", v.line, f.text);
	values_free(&v);
	return out.p;
}

static void is_cut(const char *text, const char *want)
{
	int equal = 1;

	for (size_t step = 1; step <= strlen(text); step++)
		equal &= !strcmp(cut(text, step), want);
	same(cut(text, strlen(text) + 1), want, text);
	ok(equal, "... in pieces of any size");
}

static void test_cuts(void)
{
	is_cut("", "");
	is_cut(" \n\r\t", "");
	is_cut("[]", "");
	is_cut("[ ]\n[\n]", "");
	is_cut("{}", "1/0:{};");
	is_cut("{ \"a\" : [ 1 , 2 ] }\n{\n}\n", "1/0:{\"a\":[1,2]};2/0:{};");
	is_cut("[{\"a\":1},\n {\"b\":2}]", "1/1:{\"a\":1};2/2:{\"b\":2};");
	is_cut("[{}][{},{}]{}", "1/1:{};1/1:{};1/2:{};1/0:{};");
	is_cut("[1,-2e3 ,\"a,]\",null,[ ],true\n]", "1/1:1;1/2:-2e3;1/3:\"a,]\";1/4:null;1/5:[];1/6:true;");
	is_cut("[\"\\\\\",\"\\\"]\"]", "1/1:\"\\\\\";1/2:\"\\\"]\";");
	is_cut("{\"a b\":\"c  d\\n{\"}", "1/0:{\"a b\":\"c  d\\n{\"};");
	is_cut("\xef\xbb\xbf{}\n\xef\xbb\xbf[{}]", "1/0:{};2/1:{};");
}

/* What is no JSON stays none: white space that parts two things is not left out. */
static void test_apart(void)
{
	is_cut("{\"a\":1 2}", "1/0:{\"a\":1 2};");
	is_cut("{\"a\":tr\n\tue}", "1/0:{\"a\":tr ue};");
	is_cut("{\"a\" \"b\"}", "1/0:{\"a\"\"b\"};");
}

static void test_faults(void)
{
	is_cut("{\"a\":[1,2}", "1: a } closes what [ has opened");
	is_cut("\n{\"a\":1]", "2: a ] closes what { has opened");
	is_cut("[{},\n{\"a\n\":1}]", "1/1:{};2: a text is not closed in its line");
	is_cut("[{} {}]", "1/1:{};1: an element of the array has no comma behind it");
	is_cut("[{},\n]", "1/1:{};2: an element of the array is missing");
	is_cut("[,1]", "1: an element of the array is missing");
	is_cut("[1,,2]", "1/1:1;1: an element of the array is missing");
	is_cut("[1{}]", "1: a value begins within another");
	is_cut("{}\n,{}", "1/0:{};2: what stands here is neither an object nor an array");
	is_cut("{}\n7", "1/0:{};2: what stands here is neither an object nor an array");
	is_cut("{}\xef\xbb{", "1/0:{};1: what stands here is neither an object nor an array");
	is_cut("\n[{},\n\n", "2/1:{};2: the array that begins here is cut short");
	is_cut("[{},\n{\n", "1/1:{};2: the value that begins here is cut short");
	is_cut("[1", "1: the value that begins here is cut short");
}

static void form(const char *text, enum values_form want, const char *name)
{
	char path[] = "/tmp/seal-values-XXXXXX";
	int fd = mkstemp(path);
	struct zin *z;

	if (fd < 0 || write(fd, text, strlen(text)) < 0 || close(fd))
		abort();
	z = zin_open(path);
	ok(values_form(z) == want, "%s", name);
	zin_close(z);
	unlink(path);
}

static void test_forms(void)
{
	static char far[700001];

	form("{\"a\":1}\n{\"a\":2}\n", VALUES_LINES, "an object a line");
	form("\xef\xbb\xbf\n {\"a\":1}", VALUES_LINES, "behind a byte order mark and a blank line, unended");
	form("[{\"a\":1}]", VALUES_TEXT, "an array");
	form("\n\n [", VALUES_TEXT, "of which little is there");
	form("{\n", VALUES_LINES, "an object that ends with the file is cut, not printed");
	form("{\n\"a\":1}", VALUES_TEXT, "an object that spans lines");
	form("{\"a\":{\"b\":[\n\n  1]}}", VALUES_TEXT, "or more of it");
	form("{\"a\":1\n{\"a\":2}\n", VALUES_LINES, "a broken line before another");
	form("{\"a\":\"x\n\"b\":1}\n", VALUES_LINES, "a quote is missing");
	form("{\"a\":1]\n1\n", VALUES_LINES, "a wrong bracket");
	form("{\"a\":1} {\n\"a\":2}\n", VALUES_LINES, "two in a line");
	form("", VALUES_NONE, "an empty file");
	form("a,b\n{\"a\":1}\n", VALUES_NONE, "other text");
	memset(far, ' ', sizeof far - 1);
	far[300000] = '{';
	far[600000] = '\n';
	far[600001] = '}';
	form(far, VALUES_TEXT, "beyond a buffer's end");
}

/* What jansson writes indented comes back as what it writes compact. */
static void test_printed(void)
{
	struct buf text = {0}, one = {0}, want = {0}, got = {0};
	struct values v = {0};
	struct fault f;
	int whole;

	buf_str(&one, "");
	for (int i = 0; i < 500; i++) {
		json_t *o;
		char *p;

		buf_add(&one, "\"\\{}[],: x\t\xc3\xa9" + i % 7, 5);
		o = json_pack("{s:i, s:o, s:[f, {s:n}, []]}", "i", i, "\"{", json_repaired(one.p, one.n),
		              "k,", i / 7.0, "}]");
		p = json_dumps(o, JSON_COMPACT);
		buf_fmt(&want, "%s\n", p);
		free(p);
		p = json_dumps(o, JSON_INDENT(3));
		buf_fmt(&text, "%s%s", i ? ",\n" : "[", p);
		free(p);
		json_decref(o);
	}
	buf_str(&text, "]");
	for (size_t at = 0, took; at < text.n; at += took) {
		took = values_take(&v, text.p + at, text.n - at < 4099 ? text.n - at : 4099, &whole, &f);
		if (whole)
			buf_fmt(&got, "%s\n", v.text.p);
	}
	ok(got.n > 500000 && !values_end(&v, &f), "a long array");
	ok(!strcmp(got.p, want.p), "of which each element is what it is in a line");
	values_free(&v);
	buf_free(&text);
	buf_free(&one);
	buf_free(&want);
	buf_free(&got);
}

int main(void)
{
	test_cuts();
	test_apart();
	test_faults();
	test_forms();
	test_printed();
	return tap_done();
}
