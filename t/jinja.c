/* SPDX-License-Identifier: MIT */
/* jinja.c - chat templates: what transformers renders of our own small ones and of published ones,
 * where each byte is from, limits, several threads.  With FILE it checks the cases of that file,
 * for t/peer/jinja.t. */
#include "tap.h"

#include <pthread.h>
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/die.h"
#include "../lib/base/memory.h"
#include "../lib/format/zio.h"
#include "../lib/text/jinja.h"

static const struct tm day = {.tm_year = 124, .tm_mon = 6, .tm_mday = 4, .tm_wday = 4, .tm_yday = 185, .tm_hour = 9,
                              .tm_min = 5, .tm_sec = 3};

/* The text of a template, or NULL with the fault. */
static const char *rendered(const char *source, size_t n, const json_t *trusted, const json_t *data, const struct tm *now,
                            struct jinja_text *out, struct fault *f)
{
	struct jinja *t = jinja_open(source, n, f);
	int got = t ? jinja_render(t, trusted, data, now, NULL, out, f) : -1;

	if (t)
		jinja_close(t);
	return got < 0 ? NULL : out->text.p ? out->text.p : "";
}

/* Whether the message is `want`, or that behind "line N: ". */
static int says(const char *got, const char *want)
{
	const char *p = strncmp(got, "line ", 5) ? NULL : strstr(got, ": ");
	size_t n = strlen(want) > 200 ? 200 : strlen(want);

	return !strncmp(got, want, n) || (p && !strncmp(p + 2, want, n));
}

/* What a user must read as Jinja has it: of undefined values, and of what a template raises. */
static int is_told(const json_t *c, const char *error)
{
	return json_flag(c, "raised", 0) || strstr(error, "is undefined") || strstr(error, "has no attribute") ||
	       strstr(error, "has no element");
}

/* 1: as Jinja; 0: not; -1: refused, by name, where Jinja renders.  strict: messages that a user reads
 * are the same as well. */
static int holds(const json_t *c, const json_t *trusted, const json_t *data, const struct tm *now, int strict,
                 struct jinja_text *out)
{
	const json_t *template = json_object_get(c, "template"), *text = json_object_get(c, "text");
	const char *error = json_text(c, "error", NULL), *got;
	struct fault f = {""};

	got = rendered(json_string_value(template), json_string_length(template), trusted, data, now, out, &f);
	if (!got == !text && (got ? out->text.n == json_string_length(text) && !memcmp(got, json_string_value(text), out->text.n)
	                          : !strict || !is_told(c, error) || says(f.text, error)))
		return 1;
	if (!got && text && strstr(f.text, "not known")) {
		if (strict)
			printf("# refused: %s: %s\n", json_string_value(template), f.text);
		return -1;
	}
	printf("# %s\n# want %s\n# got  %s\n", json_string_value(template), text ? json_string_value(text) : error,
	       got ? got : f.text);
	return 0;
}

static void gold(const char *path, int strict)
{
	json_t *j = json_read_file(path), *c;
	struct jinja_text out = {0};
	long n = 0, refused = 0, wrong = 0;
	size_t i;

	json_array_foreach(json_object_get(j, "cases"), i, c) {
		int got = holds(c, json_object_get(j, "trusted"), json_object_get(j, "data"), &day, strict, &out);

		n++;
		refused += got < 0;
		wrong += !got;
	}
	ok(n > 0 && !wrong && !(strict && refused), "%s: of %ld templates %ld differ, %ld are refused by name", path, n,
	   wrong, refused);
	jinja_text_free(&out);
	json_decref(j);
}

/* The output with {} around what is trusted, <> around what is generated. */
static const char *marked(const struct jinja_text *t)
{
	static struct buf b;
	int last = JINJA_DATA;

	b.n = 0;
	buf_str(&b, "");
	for (size_t i = 0; i <= t->text.n; i++) {
		int mark = i < t->text.n ? t->mark.p[i] : JINJA_DATA;

		if (!(last & JINJA_DATA) && (mark & JINJA_DATA))
			buf_str(&b, "}");
		if ((last ^ mark) & JINJA_GENERATED)
			buf_str(&b, mark & JINJA_GENERATED ? "<" : ">");
		if ((last & JINJA_DATA) && !(mark & JINJA_DATA))
			buf_str(&b, "{");
		if (i < t->text.n)
			buf_add(&b, t->text.p + i, 1);
		last = mark;
	}
	return b.p;
}

static void marks(void)
{
	static const char *const cases[][2] = {
		{"a{{ s }}b", "{a}Hi, yo{b}"},
		{"{{ bos }}{{ 'x' ~ s[1:3] + 'y' }}", "{<s>x}i,{y}"},
		{"{{ s[::-1] }}{{ (s ~ '!')[::-1] }}", "oy ,iH{!}oy ,iH"},
		{"{{ s|upper }}{{ s.replace(',', '<|x|>') }}{{ s|replace('H', 'h') }}", "HI, YOHi{<|x|>} yo{h}i, yo"},
		{"{{ s.split(', ')|join('|') }}{{ '-'.join(s.split(', ')) }}", "Hi{|}yoHi{-}yo"},
		{"{{ s|tojson }}{{ [s]|tojson }}{{ [s] }}", "{\"}Hi, yo{\"[\"}Hi, yo{\"]['}Hi, yo{']}"},
		{"{{ q|tojson }}{{ [q] }}", "{\"}a\\\"\\n'{\"['}a\"\\n\\'{']}"},
		{"{{ '%s|%5s' % (s, 'a') }}{{ '{}.{}'.format(s, 1) }}", "Hi, yo{|    a}Hi, yo{.1}"},
		{"{{ (' ' ~ s ~ ' ')|trim }}{{ s|indent(1, true) }}{{ s|title }}", "Hi, yo{ }Hi, yoHi, Yo"},
		{"{% set x %}<{{ s }}>{% endset %}{{ x[:3] }}{{ x|length }}", "{<}Hi{8}"},
		{"{% macro m(a) %}[{{ a }}]{% endmacro %}{{ m(s)|upper }}", "{[}HI, YO{]}"},
		{"{% for m in messages %}<|{{ m.role }}|>{{ m['role'] ~ m.content }}{% endfor %}",
	         "{<|user|>user}Hi{<|}User{|>}UserUser"},
		{"{% for k, v in messages[0].items() %}{{ k }}{{ v }}{% endfor %}", "role{user}contentHi"},
		{"{% for c in s[:2] %}{{ c ~ '.' }}{% endfor %}{{ s|first }}{{ s|list|last }}", "H{.}i{.}Ho"},
		{"{% generation %}a{{ s }}{% endgeneration %}b", "<{a}Hi, yo>{b}"},
		{"{% macro m() %}{% generation %}{{ s[:2] }}{% endgeneration %}.{% endmacro %}[{{ m() }}]", "{[}<Hi>{.]}"},
		{"{% filter upper %}a{{ s }}{% endfilter %}{{ s * 2 }}{{ s.strip('Ho') }}", "{A}HI, YOHi, yoHi, yoi, y"},
		{"{{ s|e }}{{ q|e }}{{ ('<'|safe) + q }}", "Hi, yoa&#34;\n&#39;{<}a&#34;\n&#39;"},
		{"{{ '5'.zfill(3) ~ s.center(8, '*') }}{{ s|truncate(4, true, leeway=0) }}", "{005*}Hi, yo{*}H{...}"},
		{"{{ messages|map(attribute='content')|join('+') }}{{ messages[1]['role'] }}", "Hi{+}UserUser"},
	};
	json_t *trusted = json_pack("{ss}", "bos", "<s>");
	json_t *data = json_pack("{ss,ss,s[{ss,ss},{ss,ss}]}", "s", "Hi, yo", "q", "a\"\n'", "messages", "role", "user",
	                         "content", "Hi", "role", "User", "content", "User");
	struct jinja_text out = {0};
	struct fault f;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = rendered(cases[i][0], strlen(cases[i][0]), trusted, data, NULL, &out, &f);

		ok(!got || out.mark.n == out.text.n, "a mark for each byte");
		same(got ? marked(&out) : f.text, cases[i][1], cases[i][0]);
	}
	jinja_text_free(&out);
	json_decref(trusted);
	json_decref(data);
}

static void refusals(void)
{
	static const char *const cases[][2] = {
		{"a\n{{ s|foo }}", "line 2: the filter 'foo' is not known"},
		{"\n\n{{ s is foo }}", "line 3: the test 'foo' is not known"},
		{"{{ s|groupby('x') }}", "line 1: the filter 'groupby' is not known"},
		{"{% include 'x' %}", "line 1: the tag 'include' is not known, or not here"},
		{"{% for x in [] recursive %}{% endfor %}", "line 1: recursive loops are not known"},
		{"{{ 'a'.encode() }}", "line 1: the method 'encode' of str is not known"},
		{"{{ ().__class__ }}", "line 1: the attribute '__class__' is not known"},
		{"{{ strftime_now('%Q') }}", "line 1: strftime_now: '%Q' is not known"},
		{"{{ 'x\xc3\x9f\xce\xa3'|lower }}", "line 1: the lower case of a text with U+03A3 (sigma) is not known"},
		{"{{ lipsum() }}", "line 1: lipsum writes random text, which is not known here"},
		{"{{ 'upper' is filter and 'groupby' is filter }}", "line 1: the filter 'groupby' is not known"},
		{"{{ 9223372036854775807 + 1 }}", "line 1: 9223372036854775807 + 1 is beyond 64 bits"},
		{"{{ '\\ud83d' }}", "line 1: U+D83D in a text is no character"},
		{"{{ x\xc3\xa9 }}", "line 1: the character U+00E9 is not known here"},
		{"\xff", "the template is no UTF-8"},
	};
	struct jinja_text out = {0};
	struct fault f;

	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		const char *got = rendered(cases[i][0], strlen(cases[i][0]), NULL, NULL, &day, &out, &f);

		same(got ? got : f.text, cases[i][1], "refused by its name");
	}
	same(rendered("{{ strftime_now is defined }}", 29, NULL, NULL, NULL, &out, &f), "False", "no day: no strftime_now");
	ok(!rendered("{{ strftime_now('%Y') }}", 24, NULL, NULL, NULL, &out, &f) && strstr(f.text, "a date is needed"),
	   "no day: calling strftime_now says so");
	ok(!rendered("a{{ gone.x }}", 13, NULL, NULL, NULL, &out, &f) && !out.text.n && !out.mark.n, "a fault leaves no text");
	jinja_text_free(&out);
}

/* n times, in the middle of two texts */
static char *nested(const char *before, const char *open, int n, const char *middle, const char *close, const char *after)
{
	struct buf b = {0};

	buf_str(&b, before);
	for (int i = 0; i < n; i++)
		buf_str(&b, open);
	buf_str(&b, middle);
	for (int i = 0; i < n; i++)
		buf_str(&b, close);
	buf_str(&b, after);
	return b.p;
}

static void limited(const char *source, const struct jinja_limits *l, const char *want)
{
	struct fault f = {""};
	struct jinja_text out = {0};
	struct jinja *t = jinja_open(source, strlen(source), &f);

	ok(!(t && jinja_render(t, NULL, NULL, NULL, l, &out, &f) >= 0) && strstr(f.text, want), "%.50s: %s", source, want);
	if (!strstr(f.text, want))
		printf("# got %s\n", f.text);
	if (t)
		jinja_close(t);
	jinja_text_free(&out);
}

static void limits(void)
{
	static const struct {
		const char *open, *middle, *close;
	} deep[] = {
		{"(", "1", ")"}, {"[", "", "]"}, {"{'a':", "1", "}"}, {"not ", "1", ""}, {"-", "1", ""}, {"1+", "1", ""},
		{"1 if 1 else ", "1", ""}, {"x", "", "|upper"}, {"a", "", ".b"}, {"f(", "1", ")"}, {"x[", "1", "]"},
		{"1 and ", "1", ""}, {"1 ** ", "1", ""},
	};
	struct jinja_text out = {0};
	struct fault f;
	char *s;

	limited("{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}", NULL, "steps");
	limited("{% for a in range(9999) %}{{ a }}{% endfor %}", &(struct jinja_limits){.steps = 1000}, "more than 1000 steps");
	limited("{% for a in range(99999) %}{{ 'x' * 100000 }}{% endfor %}", NULL, "more than");
	limited("{{ 'x' * 3000000 }}", &(struct jinja_limits){.bytes = 1 << 20}, "writes more than 1 MB");
	limited("{{ 'x' * 9223372036854775807 }}", NULL, "MB of memory");
	limited("{{ ('x' * 99999999)|length }}", &(struct jinja_limits){.memory = 9 << 20}, "more than 9 MB of memory");
	limited("{% set ns = namespace(s='xxxxxxxx') %}{% for a in range(99) %}{% set ns.s = ns.s + ns.s %}{% endfor %}", NULL,
	        "MB of memory");
	limited("{{ [0] * 9223372036854775807 }}", NULL, "more than");
	limited("{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}", NULL, "nested more than");
	limited("{% macro m(n) %}{% if n %}{{ m(n - 1) }}{% endif %}{% endmacro %}{{ m(20) }}",
	        &(struct jinja_limits){.depth = 50}, "nested more than 50 deep");
	limited("{% set ns = namespace(l=[]) %}{% for a in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l }}", NULL,
	        "nested more than");
	limited("{% set ns = namespace(l=[]) %}{% for a in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}{{ ns.l == ns.l }}",
	        NULL, "nested more than");
	limited("{% set ns = namespace() %}{% set ns.ns = ns %}{{ ns }}", NULL, "nested more than");
	limited("{% set ns = namespace(l=[1]) %}{% for a in range(9999) %}{% set ns.l = ns.l|map('abs') %}{% endfor %}{{ ns.l|list }}",
	        NULL, "nested more than");
	limited("{{ '%999999999d' % 1 }}", NULL, "too large");
	for (size_t i = 0; i < sizeof deep / sizeof *deep; i++) {
		s = nested("{{ ", deep[i].open, 100000, deep[i].middle, deep[i].close, " }}");
		limited(s, NULL, "");
		free(s);
	}
	s = nested("", "{% if 1 %}", 100000, "x", "{% endif %}", "");
	limited(s, NULL, "nested more than");
	free(s);
	s = nested("{{ ", "(", 60, "1", ")", " }}");
	ok(rendered(s, strlen(s), NULL, NULL, NULL, &out, &f) != NULL, "sixty parentheses are not too deep");
	jinja_text_free(&out);
	free(s);
}

static void uses(void)
{
	const char *s = "{% set x = 1 %}{{ x }}{{ tools }}{% macro m(a) %}{{ a }}{{ documents.x }}{% endmacro %}"
	                "{% for y in messages %}{{ y }}{{ loop.index }}{% endfor %}";
	const char *g = "{% generation %}{{ strftime_now('%Y') }}{% endgeneration %}";
	struct fault f;
	struct jinja *t = jinja_open(s, strlen(s), &f);

	ok(t && jinja_uses(t, "tools") && jinja_uses(t, "documents") && jinja_uses(t, "messages"), "what a template uses");
	ok(t && !jinja_uses(t, "x") && !jinja_uses(t, "y") && !jinja_uses(t, "a") && !jinja_uses(t, "loop") &&
	       !jinja_uses(t, "m") && !jinja_uses(t, "strftime_now") && !jinja_uses(t, "generation"),
	   "and what it does not");
	jinja_close(t);
	t = jinja_open(g, strlen(g), &f);
	ok(t && jinja_uses(t, "strftime_now") && jinja_uses(t, "generation"), "the date, generation blocks");
	jinja_close(t);
}

struct reader {
	const struct jinja *t;
	const json_t *data;
	const char *want;
	int wrong;
};

static void *render_many(void *p)
{
	struct reader *r = p;
	struct jinja_text out = {0};
	struct fault f;

	for (int i = 0; i < 200; i++)
		r->wrong += jinja_render(r->t, NULL, r->data, NULL, NULL, &out, &f) < 0 || strcmp(out.text.p, r->want) != 0;
	jinja_text_free(&out);
	return NULL;
}

static void threads(void)
{
	const char *s = "{% macro m(x) %}{{ 'é😀'[::-1] ~ x|length }}{% endmacro %}{% for x in xs %}{{ m(x) }}{{ x[1:] }};{% endfor %}";
	json_t *data = json_pack("{s[sss]}", "xs", "aé", "日本", "");
	struct fault f;
	struct jinja *t = jinja_open(s, strlen(s), &f);
	struct reader r[4];
	pthread_t thread[4];
	int wrong = 0;

	for (int i = 0; i < 4; i++) {
		r[i] = (struct reader){t, data, "😀é2é;😀é2本;😀é0;", 0};
		if (pthread_create(&thread[i], NULL, render_many, &r[i]))
			die("pthread_create:");
	}
	for (int i = 0; i < 4; i++) {
		pthread_join(thread[i], NULL);
		wrong += r[i].wrong;
	}
	ok(!wrong, "four threads render one template");
	jinja_close(t);
	json_decref(data);
}

/* ---- published templates ---- */

static const char *data_folder(void)
{
	const char *d = getenv("SEAL_DATA");

	return d && *d ? d : "../shared/data";
}

/* As transformers calls them: the conversation is the row's, the tokens are the tokenizer's. */
static int published(const char *folder, json_t *row, struct jinja_text *out)
{
	char *path = xprintf("%s/%s.jinja", folder, json_text(row, "template", ""));
	json_t *trusted = json_pack("{ss,ss,ss,ss,sO}", "bos_token", "<s>", "eos_token", "</s>", "pad_token", "<pad>", "unk_token",
	                            "<unk>", "add_generation_prompt", json_object_get(row, "add_generation_prompt"));
	json_t *data = json_pack("{sO,sn,sn}", "messages", json_object_get(row, "messages"), "tools", "documents");
	struct tm now = day;
	size_t n;
	const char *text = zio_map(path, &n);
	int right;

	json_object_set_new(row, "template", json_stringn(text, n));
	strptime(json_text(row, "now", "2024-07-04"), "%Y-%m-%d", &now);
	json_object_set_new(row, "raised", json_true()); /* an error's message has to be the same */
	right = holds(row, trusted, data, &now, 1, out) == 1;
	json_decref(trusted);
	json_decref(data);
	zio_unmap(text, n);
	free(path);
	return right;
}

static void all_published(void)
{
	char *folder = xprintf("%s/templates", data_folder()), *path = xprintf("%s/gold.jsonl", folder), *line;
	struct jinja_text out = {0};
	struct fault f;
	long n = 0, errors = 0, first = -1;
	size_t bytes, raw;
	struct zin *in;

	if (access(path, R_OK)) {
		skip("published templates", "no templates/gold.jsonl in SEAL_DATA");
	} else {
		in = zin_open(path);
		for (; (line = zin_line(in, &bytes, &raw)); n++) {
			json_t *row = json_parse_python(line, bytes, &f);

			errors += row && json_object_get(row, "error");
			if ((!row || !published(folder, row, &out)) && first < 0)
				first = n;
			json_decref(row);
		}
		zin_close(in);
		all_right(n, first, "published templates render as transformers has them");
		ok(errors > 0, "%ld of them refuse a row, with the same message", errors);
	}
	jinja_text_free(&out);
	free(folder);
	free(path);
}

int main(int argc, char **argv)
{
	die_name("jinja");
	if (argc == 2) {
		gold(argv[1], 0);
		return tap_done();
	}
	gold("t/gold/jinja.json", 1);
	marks();
	refusals();
	limits();
	uses();
	threads();
	all_published();
	return tap_done();
}
