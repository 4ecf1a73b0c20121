/* SPDX-License-Identifier: MIT */
/* encode.h - a row to tokens: schema, template and tokenizer in one call, used
 * by seal-tokenize for training rows and by seal-eval for prompts alike. */
#ifndef SEAL_ENCODE_H
#define SEAL_ENCODE_H

#include "../base/opt.h"
#include "row.h"
#include "schema.h"
#include "../text/template.h"
#include "../text/tokenizer.h"

struct encode_opts {
	struct schema_opts schema;
	const char *template, *system, *bos; /* bos: auto|yes|no */
	long max_tokens;                     /* 2048 */
	const char *overlong, *train_turns;  /* cut|drop, last|all */
	int allow_special;                   /* a row's text may hold special tokens */
};
extern const struct opt template_options[]; /* --template --system --bos --allow-special */
extern const struct opt length_options[];   /* --max-tokens --overlong --train-turns */
#define ENCODE_DEFAULTS                                                                   \
	{                                                                                 \
		.template = "auto", .bos = "auto", .max_tokens = 2048, .overlong = "cut", \
		.train_turns = "last"                                                     \
	}

struct encoder;
/* Dies on an unknown template or contradictory options (usage). */
struct encoder *encoder_open(const struct tokenizer *, const struct encode_opts *);
const struct template *encoder_template(const struct encoder *);
void encoder_close(struct encoder *);

enum encoded { ENCODED, ENCODED_CUT, ENCODED_TOO_LONG, ENCODED_BROKEN };

/* Sets the row's ids and mask (train->p as 0/1 bytes).  prompt: encode up to
 * where the answer begins, train nothing, and never cut.  Sets the fault, too,
 * to what is wrong (ENCODED_BROKEN) or why the row is dropped (ENCODED_TOO_LONG:
 * longer than allowed, or no trained token left).  Thread-safe on a shared
 * encoder; ids and train are the caller's to reuse and free. */
enum encoded encode_row(const struct encoder *, const json_t *row, int prompt, struct ids *,
                        struct buf *train, struct fault *);

#endif
