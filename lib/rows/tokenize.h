/* SPDX-License-Identifier: MIT */
/* tokenize.h - rows to tokens and back: what seal-tokenize does. */
#ifndef SEAL_TOKENIZE_H
#define SEAL_TOKENIZE_H

#include "encode.h"

struct tokenize_opts {
	const char *model, *tokenizer; /* one of them is given */
	int dedupe, decode, show, json;
	struct zstd_opts packing; /* of zstd_options; tokens are compressed by default */
	long threads;             /* 0: one a core */
};
extern const struct opt tokenize_options[];

/* Writes the rows of paths (n names, none means stdin) to output (NULL: stdout) as a token
 * stream, or as --show and --json have them; with --decode, paths are token streams, which
 * become text.  recorded: the options that the stream records.  Dies; wrong usage exits 2. */
void tokenize(char *const paths[], int n, const struct tokenize_opts *, const struct encode_opts *,
              const struct fate_opts *, const struct opt_group *recorded, const char *output);

#endif
