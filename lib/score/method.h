/* SPDX-License-Identifier: MIT */
/* method.h - how scores are made: a row of a table each (seal-score --method).
 *
 * A method fills columns beside every row; the score is a formula over them.  To add one,
 * write a file that defines its `struct method`, declare that below and enter it in the table of
 * method.c: the choices of --method, the options in -h and in the recorded settings, and the
 * checks follow from it.  CONTRIBUTING.md has an example.
 */
#ifndef SEAL_METHOD_H
#define SEAL_METHOD_H

#include "../base/opt.h"
#include "file.h"

/* What is given to a method that is run. */
struct score_run {
	const struct score_opts *o;
	const struct opt_group *groups; /* all options, to be recorded */
	char *const *paths;             /* n operands; none means stdin */
	int n;
	struct formula score; /* its columns are among the method's */
	json_t *header;       /* has the method; what else the method knows is for it to put in */
	struct zout *out;     /* for scores_create */
	double began;         /* seconds_now of the program's start */
};

/* Of `needs`.  Without METHOD_MODEL the operands are rows, not tokens. */
enum {
	METHOD_MODEL = 1, /* -m, and one token stream */
	METHOD_SAFE = 2,  /* --safe */
	METHOD_TRAINS =
		4, /* theta is trained: --save-adapter, --checkpoint and so on mean something */
};

struct method {
	const char *name;
	const char *what; /* a few words for -h */
	int needs;
	const char *score;               /* the formula without --score */
	const struct opt_group *options; /* its own, which end with a NULL table; NULL: none */
	/* Which columns it fills, as its options stand. */
	const struct column *(*columns)(void);
	/* Dies (usage) of options that make no sense together; chosen 0: of its own options, when
	 * another method was chosen.  NULL: nothing to check. */
	void (*check)(const struct score_opts *, int operands, int chosen);
	/* Scores the rows and writes them. */
	void (*run)(struct score_run *);
};

extern const struct method *const methods[];      /* ends with NULL */
const struct method *method_of(const char *name); /* NULL: none */

extern const struct method method_bilevel;
extern const struct method method_safe_loss;
extern const struct method method_loss;
extern const struct method method_random;
extern const struct method method_dsir;
extern const struct method method_import;

#endif
