/* SPDX-License-Identifier: MIT */
/* opt.h - options of the command line.
 *
 * Tables describe them: each row is an option and the field of a struct that it sets.  A program
 * lists its tables, each with the struct that it fills; what the struct holds before parsing are
 * the defaults.  Parsing, -h, completion and the settings that outputs record all come from the
 * tables.
 */
#ifndef SEAL_OPT_H
#define SEAL_OPT_H

#include <stddef.h>

#define SEAL_VERSION "0.2"

enum opt_type {
	OPT_FLAG,   /* int, set to 1 */
	OPT_COUNT,  /* long, at least `least`, at most 2^31 - 1 */
	OPT_SEED,   /* long, from 0 */
	OPT_SIZE,   /* long, bytes: 500M, 1.5G (powers of 1024); 0 when not given */
	OPT_REAL,   /* double, at least `least` */
	OPT_TEXT,   /* const char *; NULL when not given */
	OPT_CHOICE, /* const char *; one of arg's words, "a|b|c" */
	OPT_TEXTS, /* const char **; one text each time it is given, then a NULL; NULL when it is not
	               given.  Not recorded. */
};

struct opt {
	const char *name; /* long name; a table ends with NULL */
	char letter;      /* or 0 */
	enum opt_type type;
	size_t at;       /* offset of the field */
	const char *arg; /* the argument's name for -h, or the choices */
	const char *help;
	double least;
	int recorded; /* 1: decides the result, so outputs record it */
};

struct opt_group {
	const char *title;
	const struct opt *table;
	void *to;
};

struct opt_program {
	const char *name;               /* "seal-select" or "seal-eval nll" */
	const char *what;               /* one line */
	const char *operands;           /* "[ROWS...]" */
	const struct opt_group *groups; /* ends with a NULL table */
};

/* Every program's first group. */
struct opt_base {
	int quiet;
	const char *output;
};
extern const struct opt base_options[];  /* -o -q */
#define quiet_options (&base_options[1]) /* -q alone, where the output is no stream */

/* Parses argv[1..argc-1] and names the program for messages.  -h and --version print and exit 0;
 * a wrong use exits 2.  "-" is an operand, "--" ends the options.  Returns k: the operands are
 * moved to argv[k..argc-1], in their order. */
int opt_parse(const struct opt_program *, int argc, char **argv);

/* The field that an option sets. */
static inline void *opt_field(const struct opt_group *g, const struct opt *o)
{
	return (char *)g->to + o->at;
}

#endif
