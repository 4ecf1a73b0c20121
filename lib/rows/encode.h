/* SPDX-License-Identifier: MIT */
/* encode.h - a row to tokens: schema, template and tokenizer in one call.  Training rows and the
 * prompts of generation come from it alike. */
#ifndef SEAL_ENCODE_H
#define SEAL_ENCODE_H

#include "../base/opt.h"
#include "row.h"
#include "schema.h"
#include "../text/template.h"
#include "../text/tokenizer.h"

struct encode_opts {
	struct schema_opts schema;
	struct template_opts template;
	const char *bos;         /* auto|yes|no */
	long max_tokens;         /* 0: any number */
	const char *overlong;    /* cut|drop */
	const char *train_turns; /* last|all */
	int allow_special;       /* special tokens that a row's text spells are tokens */
};
extern const struct opt template_options[]; /* --template --system --date --bos ... */
extern const struct opt length_options[];   /* --max-tokens --overlong --train-turns */
#define ENCODE_DEFAULTS                                                                        \
	{                                                                                      \
		.template.name = "auto", .bos = "auto", .max_tokens = 2048, .overlong = "cut", \
		.train_turns = "last"                                                          \
	}

struct encoder;
/* Both are borrowed.  An unknown template and options that contradict each other are wrong
 * usage. */
struct encoder *encoder_open(const struct tokenizer *, const struct encode_opts *);
const struct template *encoder_template(const struct encoder *);
void encoder_close(struct encoder *);

/* What became of a row.  The fault says what is wrong with the last three, and of the first two
 * what of the row was left out, or nothing. */
enum encoded {
	ENCODED,
	ENCODED_CUT,      /* it was longer than allowed */
	ENCODED_TOO_LONG, /* it is to be dropped: too long, or no trained token is left */
	ENCODED_EMPTY,    /* its answer is empty, or its bare text */
	ENCODED_BROKEN,   /* no schema reads it */
};

/* Sets the row's ids and, a byte of 0 or 1 for each, their mask train->p.  prompt: encodes up to
 * where the answer begins, trains nothing, and never cuts.  Several threads may use one encoder.
 * ids and train are the caller's, to be used again and freed. */
enum encoded encode_row(const struct encoder *, const json_t *row, int prompt, struct ids *,
                        struct buf *train, struct fault *);

/* Tells the fate of a row, of which id and line are used, and if it is broken file and element;
 * most: the max_tokens that it was cut to.  Returns whether it is kept, whole or not. */
int encode_fate(struct fates *, const struct row *, enum encoded, const struct fault *, long most);

#endif
