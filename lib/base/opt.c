/* SPDX-License-Identifier: MIT */
/* opt.c - see opt.h. */
#include "opt.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"

const struct opt base_options[] = {
	{"output", 'o', OPT_TEXT, offsetof(struct opt_base, output), "FILE",
         "write there instead of stdout, whole or not at all", 0, 0},
	{"quiet", 'q', OPT_FLAG, offsetof(struct opt_base, quiet), NULL,
         "no progress, summaries or notices on stderr", 0, 0},
	{0},
};

static const struct opt *find(const struct opt_group *g, const char *name, size_t n, char letter,
                              const struct opt_group **in)
{
	for (; g->table; g++)
		for (const struct opt *o = g->table; o->name; o++)
			if (name ? strlen(o->name) == n && !memcmp(o->name, name, n)
			         : o->letter == letter) {
				*in = g;
				return o;
			}
	return NULL;
}

static int is_choice(const char *choices, const char *value)
{
	size_t n = strlen(value);

	for (const char *p = choices; *p; p += strcspn(p, "|"), p += *p == '|')
		if (strcspn(p, "|") == n && !memcmp(p, value, n))
			return 1;
	return 0;
}

/* A number and a unit, K, M, G or T, in bytes; -1 when it is not that. */
static long size_of(const char *value)
{
	static const char units[] = "KMGT";
	char *end;
	double v = strtod(value, &end);
	const char *unit = isalpha((unsigned char)*end) ? strchr(units, *end & ~32) : NULL;

	if (end == value || (*end && (!unit || end[1])) || !(v > 0))
		return -1;
	v *= unit ? (double)(1L << 10 * (unit - units + 1)) : 1;
	return v >= 1 && v < 9e18 ? (long)v : -1;
}

/* Appends to a list that ends with NULL. */
static void append(const char ***list, const char *value)
{
	long n = 0;

	while (*list && (*list)[n])
		n++;
	*list = xrealloc(*list, (n + 2) * sizeof **list);
	(*list)[n] = value;
	(*list)[n + 1] = NULL;
}

/* NULL, or what is wrong with the value (NULL for a flag). */
static const char *set(const struct opt_group *g, const struct opt *o, const char *value)
{
	char *end;

	errno = 0;
	if (o->type == OPT_FLAG) {
		*(int *)opt_field(g, o) = 1;
	} else if (o->type == OPT_TEXT) {
		*(const char **)opt_field(g, o) = value;
	} else if (o->type == OPT_TEXTS) {
		append(opt_field(g, o), value);
	} else if (o->type == OPT_CHOICE) {
		if (!is_choice(o->arg, value))
			return "is not one of";
		*(const char **)opt_field(g, o) = value;
	} else if (o->type == OPT_COUNT || o->type == OPT_SEED) {
		long v = strtol(value, &end, 10);
		if (end == value || *end || (errno && errno != ERANGE))
			return "is not a whole number";
		if (v < o->least)
			return "is too small";
		if (errno || (o->type == OPT_COUNT && v > INT_MAX))
			return "is too large";
		*(long *)opt_field(g, o) = v;
	} else if (o->type == OPT_SIZE) {
		long v = size_of(value);
		if (v < 0)
			return "is not a size such as 500M or 8G";
		*(long *)opt_field(g, o) = v;
	} else {
		double v = strtod(value, &end);
		if (end == value || *end || !isfinite(v))
			return "is not a number";
		if (v < o->least)
			return "is too small";
		*(double *)opt_field(g, o) = v;
	}
	return NULL;
}

/* The field's value as -h shows it, NULL when it has none. */
static const char *value_text(const struct opt_group *g, const struct opt *o, char *s, size_t size)
{
	double x;

	switch (o->type) {
	case OPT_COUNT:
	case OPT_SEED: snprintf(s, size, "%ld", *(long *)opt_field(g, o)); return s;
	case OPT_FLAG:
	case OPT_TEXTS:
	case OPT_SIZE: return NULL;
	case OPT_REAL: /* the shortest text that reads back */
		x = *(double *)opt_field(g, o);
		for (int p = 1; p <= 17 && (p == 1 || strtod(s, NULL) != x); p++)
			snprintf(s, size, "%.*g", p, x);
		return s;
	default: return *(const char **)opt_field(g, o);
	}
}

static void help_option(const struct opt_group *g, const struct opt *o)
{
	char head[128], num[32], letter[8] = "    ";
	const char *now = value_text(g, o, num, sizeof num);

	if (o->letter)
		snprintf(letter, sizeof letter, "-%c, ", o->letter);
	snprintf(head, sizeof head, "  %s--%s%s%s", letter, o->name, o->arg ? " " : "",
	         o->arg ? o->arg : "");
	printf("%-32s%s%s", head, strlen(head) > 31 ? "\n                                " : "",
	       o->help);
	if (now)
		printf(" (%s)", now);
	putchar('\n');
}

static _Noreturn void printed(void)
{
	if (fflush(stdout))
		die("write stdout:");
	exit(0);
}

static _Noreturn void help(const struct opt_program *p)
{
	printf("usage: %s [options] %s\n%s\n", p->name, p->operands, p->what);
	for (const struct opt_group *g = p->groups; g->table; g++) {
		printf("\n%s:\n", g->title);
		for (const struct opt *o = g->table; o->name; o++)
			help_option(g, o);
	}
	printf("\nOther:\n  %-30s%s\n  %-30s%s\n", "-h, --help", "print this and exit",
	       "    --version", "print the version and exit");
	printed();
}

static void assign(const struct opt_group *g, const struct opt *o, const char *value)
{
	const char *wrong = set(g, o, value);

	if (wrong)
		die_usage("--%s: '%s' %s%s%s", o->name, value, wrong,
		          o->type == OPT_CHOICE ? " " : "", o->type == OPT_CHOICE ? o->arg : "");
}

/* --name, --name=value, --name value; returns how many arguments it took. */
static int long_option(const struct opt_program *p, char **arg)
{
	const char *name = arg[0] + 2, *eq = strchr(name, '=');
	size_t n = eq ? (size_t)(eq - name) : strlen(name);
	const struct opt_group *g;
	const struct opt *o;

	if (!strcmp(name, "help"))
		help(p);
	if (!strcmp(name, "version")) {
		printf("%s %s\n", p->name, SEAL_VERSION);
		printed();
	}
	o = find(p->groups, name, n, 0, &g);
	if (!o)
		die_usage("unknown option --%.*s", (int)n, name);
	if (o->type == OPT_FLAG) {
		if (eq)
			die_usage("--%s takes no value", o->name);
		assign(g, o, NULL);
		return 1;
	}
	if (!eq && !arg[1])
		die_usage("--%s needs a value", o->name);
	assign(g, o, eq ? eq + 1 : arg[1]);
	return eq ? 1 : 2;
}

/* -abc, -ofile, -o file */
static int short_options(const struct opt_program *p, char **arg)
{
	for (const char *c = arg[0] + 1; *c; c++) {
		const struct opt_group *g;
		const struct opt *o;

		if (*c == 'h')
			help(p);
		o = find(p->groups, NULL, 0, *c, &g);
		if (!o)
			die_usage("unknown option -%c", *c);
		if (o->type == OPT_FLAG) {
			assign(g, o, NULL);
			continue;
		}
		if (!c[1] && !arg[1])
			die_usage("-%c needs a value", *c);
		assign(g, o, c[1] ? c + 1 : arg[1]);
		return c[1] ? 1 : 2;
	}
	return 1;
}

int opt_parse(const struct opt_program *p, int argc, char **argv)
{
	char **operand = xalloc(argc * sizeof *operand);
	int i = 1, n = 0;

	die_name(p->name);
	while (i < argc) {
		char *a = argv[i];

		if (!strcmp(a, "--")) {
			while (++i < argc)
				operand[n++] = argv[i];
		} else if (a[0] == '-' && a[1] == '-') {
			i += long_option(p, argv + i);
		} else if (a[0] == '-' && a[1]) {
			i += short_options(p, argv + i);
		} else {
			operand[n++] = argv[i++];
		}
	}
	if (n)
		memcpy(argv + argc - n, operand, n * sizeof *operand);
	free(operand);
	return argc - n;
}
