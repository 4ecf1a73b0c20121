/* SPDX-License-Identifier: MIT */
/* pattern.c - see pattern.h. */
#include "pattern.h"

#include <oniguruma.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

enum {
	TEXT_MOST = 8192,         /* bytes of a pattern */
	COUNT_DIGITS = 3,         /* of {n,m} */
	DEPTH_MOST = 64,          /* groups within each other */
	STEPS_BACK = 1000 * 1000, /* of one match */
	STACK_MOST = 1 << 16      /* states of one match that it may go back to */
};

struct pattern {
	char *text;
	regex_t *begin, *full;
};

static int is_digit(char c) { return c >= '0' && c <= '9'; }
static int is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

/* Each of the following returns the bytes that the construct at p takes; 0: it is not taken. */

static size_t escape(const char *p, int in_class)
{
	if (p[1] <= ' ' || p[1] > '~' || strchr("`'<>", p[1]))
		return 0;
	if (!is_letter(p[1]) && !is_digit(p[1]))
		return 2;
	return p[1] && strchr(in_class ? "dDwWsS" : "dDwWsSbBAZ", p[1]) ? 2 : 0;
}

static size_t class(const char *p)
{
	size_t n = 1 + (p[1] == '^'), first = n, step;

	for (; p[n] != ']'; n += step) {
		step = p[n] == '\\' ? escape(p + n, 1) : 1;
		if (!step || p[n] < ' ' || p[n] > '~' || p[n] == '[' ||
		    (strchr("&|~-", p[n]) && p[n + 1] == p[n]))
			return 0;
	}
	return n > first ? n + 1 : 0;
}

/* {n}, {n,} or {n,m} */
static size_t braces(const char *p)
{
	size_t n = 1, from;

	for (int k = 0; k < 2; k++, n++) {
		for (from = n; is_digit(p[n]);)
			n++;
		if (n - from > COUNT_DIGITS || (!k && n == from))
			return 0;
		if (p[n] == '}')
			return n + 1;
		if (p[n] != ',')
			return 0;
	}
	return 0;
}

/* A count, and whether it is lazy.  A count of a count means something else in each language. */
static size_t count(const char *p)
{
	size_t n = *p == '{' ? braces(p) : 1;

	if (n && p[n] == '?' && (*p != '{' || memchr(p, ',', n))) /* of {n}? they disagree */
		n++;
	return n && p[n] && strchr("*+?{", p[n]) ? 0 : n;
}

/* What stands between a group's parenthesis and its text. */
static size_t group(const char *p, int first)
{
	static const char *const kinds[] = {"(?:", "(?=", "(?!", "(?<=", "(?<!", NULL};
	size_t n = 4;

	if (p[1] == '*')
		return 0;
	if (p[1] != '?')
		return 1;
	for (const char *const *k = kinds; *k; k++)
		if (!strncmp(p, *k, strlen(*k)))
			return strlen(*k);
	if (first && !strncmp(p, "(?i)", 4))
		return 4;
	if (strncmp(p, "(?P<", 4) || !is_letter(p[4]))
		return 0;
	while (is_letter(p[n]) || is_digit(p[n]) || p[n] == '_')
		n++;
	return p[n] == '>' ? n + 1 : 0;
}

static size_t construct(const char *p, int first, int counts)
{
	switch (*p) {
	case '\\': return escape(p, 0);
	case '[': return class(p);
	case '(': return group(p, first);
	case '*':
	case '+':
	case '?':
	case '{': return counts ? count(p) : 0;
	case ']':
	case '}': return 0;
	}
	return *p >= ' ' && *p <= '~';
}

static int check(const char *text, struct fault *f)
{
	int depth = 0, counts = 0; /* may a count stand here? */
	size_t step;

	if (strlen(text) > TEXT_MOST)
		return fault(f, "the pattern \"%.40s...\" is long", text);
	for (const char *p = text; *p; p += step) {
		step = construct(p, p == text, counts);
		depth += *p == '(' && strncmp(p, "(?i)", 4);
		depth -= *p == ')';
		if (!step || depth > DEPTH_MOST)
			return fault(f, "the pattern \"%.80s\" is not understood at \"%.20s\"",
			             text, p);
		counts = !strchr("(|^$*+?{", *p);
	}
	return 0;
}

static regex_t *compile(const char *text, struct fault *f)
{
	const OnigUChar *p = (const OnigUChar *)text;
	OnigEncoding utf8 = ONIG_ENCODING_UTF8;
	OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
	OnigErrorInfo info;
	regex_t *r = NULL;
	int rc;

	onig_initialize(&utf8, 1);
	rc = onig_new(&r, p, p + strlen(text), ONIG_OPTION_CAPTURE_GROUP, ONIG_ENCODING_UTF8,
	              ONIG_SYNTAX_PYTHON, &info);
	if (rc == ONIG_NORMAL)
		return r;
	onig_error_code_to_str(why, rc, &info);
	fault(f, "bad pattern \"%.80s\": %.80s", text, (char *)why);
	return NULL;
}

struct pattern *pattern_open(const char *text, struct fault *f)
{
	struct pattern *p = xzalloc(1, sizeof *p);
	char *all = xprintf("(?:%s)\\Z", text);

	p->text = xstrdup(text);
	if (check(text, f) || !(p->begin = compile(text, f)) || !(p->full = compile(all, f))) {
		pattern_close(p);
		p = NULL;
	}
	free(all);
	return p;
}

void pattern_close(struct pattern *p)
{
	if (!p)
		return;
	if (p->begin)
		onig_free(p->begin);
	if (p->full)
		onig_free(p->full);
	free(p->text);
	free(p);
}

static int match(const struct pattern *p, regex_t *r, const char *name, OnigRegion *region,
                 struct fault *f)
{
	const OnigUChar *s = (const OnigUChar *)name, *end = s + strlen(name);
	OnigMatchParam *limits = onig_new_match_param();
	OnigUChar why[ONIG_MAX_ERROR_MESSAGE_LEN];
	int rc;

	if (!limits)
		die("out of memory");
	onig_initialize_match_param(limits);
	onig_set_retry_limit_in_match_of_match_param(limits, STEPS_BACK);
	onig_set_match_stack_limit_size_of_match_param(limits, STACK_MOST);
	rc = onig_match_with_param(r, s, end, s, region, ONIG_OPTION_NONE, limits);
	onig_free_match_param(limits);
	if (rc >= 0 || rc == ONIG_MISMATCH)
		return rc >= 0;
	onig_error_code_to_str(why, rc);
	return fault(f, "the pattern \"%.80s\" on \"%.80s\": %.60s", p->text, name, (char *)why);
}

int pattern_match(const struct pattern *p, const char *name, struct fault *f)
{
	return match(p, p->begin, name, NULL, f);
}

int pattern_full(const struct pattern *p, const char *name, struct fault *f)
{
	return match(p, p->full, name, NULL, f);
}

int pattern_number(const struct pattern *p, const char *name, long *number, struct fault *f)
{
	OnigRegion *region = onig_region_new();
	int last = onig_number_of_captures(p->begin), rc;

	if (!region)
		die("out of memory");
	rc = match(p, p->begin, name, region, f);
	*number = -1;
	if (rc == 1 && last > 0 && region->beg[last] >= 0 && is_digit(name[region->beg[last]]))
		*number = strtol(name + region->beg[last], NULL, 10);
	onig_region_free(region, 1);
	return rc;
}
