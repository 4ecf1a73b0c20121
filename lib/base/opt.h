/* SPDX-License-Identifier: MIT */
/* opt.h - one option table a program: parsing, -h, and the settings recorded
 * in outputs all come from it.
 *
 * A table describes the fields of a struct; a program lists tables, each with
 * the struct it fills.  The struct's values before parsing are the defaults.
 */
#ifndef SEAL_OPT_H
#define SEAL_OPT_H

#include <stddef.h>

#define SEAL_VERSION "0.1"

enum opt_type {
	OPT_FLAG,   /* int, set to 1 */
	OPT_COUNT,  /* long, at least `least`, at most 2^31 - 1 */
	OPT_SEED,   /* long, from 0 */
	OPT_SIZE,   /* long, bytes: 500M, 1.5G (powers of 1024); 0 when not given */
	OPT_REAL,   /* double, at least `least` */
	OPT_TEXT,   /* const char *; NULL when not given */
	OPT_CHOICE, /* const char *; one of arg's words, "a|b|c" */
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

/* Parses argv[1..]; handles -h and --version itself (and exits 0); a wrong use
 * exits 2.  Operands move to argv[k..argc-1]; returns k. "-" is an operand and
 * "--" ends the options. */
int opt_parse(const struct opt_program *, int argc, char **argv);

/* Calls put(ctx, name, value) for each recorded option in table order, values
 * as the shortest text that reads back to the same value; options that are
 * NULL are left out. */
void opt_settings(const struct opt_group *, void (*put)(void *, const char *, const char *),
                  void *ctx);

#endif
