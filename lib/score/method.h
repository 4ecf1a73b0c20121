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
#include "scores.h"

/* What is given to a method that is run. */
struct score_run {
	const struct method *method;
	const struct score_opts *o;
	const struct opt_group *groups; /* all options, to be recorded */
	char *const *paths;             /* n operands; none means stdin */
	int n;
	const struct column *columns; /* the method's */
	struct formula score;         /* over these columns */
	json_t *header;   /* has "method"; what else the method knows is for it to put in */
	struct zout *out; /* for scores_create */
	double began;     /* seconds_now of the program's start */
	struct share
		share; /* the rows that are written, where the method knows how many there are */
};

/* What a method needs, or-ed. */
enum {
	METHOD_MODEL = 1,   /* -m, and one token stream; without, the operands are rows */
	METHOD_SAFE = 2,    /* --safe */
	METHOD_TRAINS = 4,  /* it trains theta: --save-adapter, --checkpoint, ... have a meaning */
	METHOD_DANGER = 8,  /* it can use --danger */
	METHOD_TOKENS = 16, /* one token stream, but no model */
	METHOD_FITS = 32,   /* the options of suspect.h have a meaning */
	METHOD_SHARES = 64, /* a row's score needs no other row's: --shard */
};

/* The share of so many rows that is to be written. */
struct share share_of(const struct score_run *, long rows);

struct method {
	const char *name;                /* of --method */
	const char *what;                /* a few words for -h */
	int needs;                       /* METHOD_... */
	const char *score;               /* the formula without --score */
	const char *score_alone;         /* and without --safe; NULL: the same */
	const struct opt_group *options; /* its own, which end with a NULL table; NULL: none */
	/* Which columns it fills, as its options stand; static memory. */
	const struct column *(*columns)(void);
	/* Dies (usage) of options that make no sense together, or with chosen 0, when another method
	 * was chosen, of any of its own options.  NULL: nothing to check. */
	void (*check)(const struct score_opts *, int chosen);
	/* Scores the rows and writes them. */
	void (*run)(struct score_run *);
};

extern const struct method *const methods[];      /* ends with NULL */
const struct method *method_of(const char *name); /* NULL: none */

extern const struct method method_bilevel;
extern const struct method method_state;
extern const struct method method_contrast;
extern const struct method method_refusal;
extern const struct method method_gradient;
extern const struct method method_words;
extern const struct method method_safe_loss;
extern const struct method method_loss;
extern const struct method method_random;
extern const struct method method_dsir;
extern const struct method method_combine;
extern const struct method method_import;

#endif
