/* SPDX-License-Identifier: MIT */
/* pattern.c - patterns against Python's re, and what is refused. */
#include "../lib/base/memory.h"
#include "../lib/format/jsonl.h"
#include "../lib/format/pattern.h"
#include "tap.h"

static int holds(const json_t *places, size_t i)
{
	const json_t *v;
	size_t k;

	json_array_foreach(places, k, v)
	{
		if (json_integer_value(v) == (json_int_t)i)
			return 1;
	}
	return 0;
}

static void check(const json_t *said, const json_t *names)
{
	const char *text = json_text(said, "pattern", "?");
	struct fault f = {""};
	struct pattern *p = pattern_open(text, &f);
	const json_t *name;
	int right = p != NULL;
	size_t i;

	json_array_foreach(names, i, name)
	{
		const char *n = json_string_value(name);

		right = right && pattern_match(p, n, &f) == holds(json_object_get(said, "begin"), i) &&
		        pattern_full(p, n, &f) == holds(json_object_get(said, "full"), i);
	}
	ok(right, "\"%s\": as Python %s", text, f.text);
	pattern_close(p);
}

static void refused(const char *text)
{
	struct fault f = {""};
	struct pattern *p = pattern_open(text, &f);

	ok(!p && strstr(f.text, "pattern"), "refused: \"%.40s\"", text);
	pattern_close(p);
}

static void check_refusals(void)
{
	static const char *const bad[] = {
		"a(", "a)", "[a", "a**", "*a", "a{2}{3}", "a{2}?", "a{,3}", "a{1000}", "a{x}", "a++", "a*+", "(?>a)", "(?#a)",
		"(?x)a", "a(?i)b", "(?<n>a)", "(?P=n)", "(?P<1>a)", "(?P>n)", "(?&n)", "(*FAIL)", "(a)\\1", "\\h", "\\K", "\\G", "\\R",
		"\\p{L}", "\\x41", "\\n", "\\", "[\\", "[]a]", "[[:alpha:]]", "[a&&b]", "[a--b]", "[\\b]", "\\<a", "\\`a", "a\t", "\xc3\xa4",
		"a}", "a]", "(|*a)", "^*",
	};
	char deep[256];

	cases(sizeof bad / sizeof *bad, "patterns that are refused");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		refused(bad[i]);
	memset(deep, '(', 100);
	memset(deep + 100, ')', 100);
	deep[200] = 0;
	refused(deep);
}

static void check_number(const char *text, const char *name, long want)
{
	struct fault f;
	struct pattern *p = pattern_open(text, &f);
	long got = -2;
	int rc = p ? pattern_number(p, name, &got, &f) : -1;

	ok(rc == (want != -2) && (rc < 1 || got == want), "%s: the last group of %s", name, text);
	pattern_close(p);
}

int main(void)
{
	json_t *j = json_read_file("t/gold/pattern.json");
	const json_t *list = json_object_get(j, "patterns"), *said;
	struct fault f = {""};
	struct pattern *p;
	char name[200];
	size_t i;

	cases(json_array_size(list), "patterns");
	json_array_foreach(list, i, said)
	{
		check(said, json_object_get(j, "names"));
	}
	check_refusals();
	check_number(".*?\\.[^.]*\\.(\\d+)\\.", "model.layers.12.mlp.3.up", 12);
	check_number("(?:^|.*?\\.)(h|layers)\\.(\\d+)\\.", "layers.7.mlp", 7);
	check_number("(?:^|.*?\\.)layers\\.(\\d+)\\.", "lm_head", -2);
	check_number("(a)|b", "b", -1);
	check_number("a", "a", -1);
	/* Each \w+ may end anywhere: without a limit this would take years. */
	memset(name, 'a', sizeof name - 1);
	name[sizeof name - 1] = 0;
	p = pattern_open("(\\w+\\w+)+\\.", &f);
	ok(p && pattern_match(p, name, &f) == -1 && strstr(f.text, "(\\w+\\w+)+"), "a match that takes too long is a fault");
	pattern_close(p);
	json_decref(j);
	return tap_done();
}
