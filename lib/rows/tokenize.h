/* SPDX-License-Identifier: MIT */
/* tokenize.h - rows to tokens and back: what seal-tokenize does. */
#ifndef SEAL_TOKENIZE_H
#define SEAL_TOKENIZE_H

#include "batch.h"
#include "encode.h"
#include "mask.h"
#include "shard.h"

struct tokenize_opts {
	const char *model, *tokenizer; /* one of them is given */
	int dedupe, decode, show, json;
	struct zstd_opts packing; /* of zstd_options; tokens are compressed by default */
	long threads;             /* 0: one a core */
	struct mask_opts mask;
	struct shard_opts shard;
};
extern const struct opt tokenize_options[];

/* Writes the rows of paths (n names, none means stdin) to output (NULL: stdout) as a token
 * stream, or as --show and --json have them; with --decode, paths are token streams, which
 * become text.  recorded: the options that the stream records.  Dies; wrong usage exits 2. */
void tokenize(char *const paths[], int n, const struct tokenize_opts *, const struct encode_opts *,
              const struct fate_opts *, const struct opt_group *recorded, const char *output);

/* Tokens as text, in tokens_show.c.  Each appends a row to the buffer; the row's hash and number
 * are ignored. */

/* {"id","tokens":[...],"train":[...]} */
void show_tokens(struct buf *, const struct tokens_row *);
/* {"id","text","train":[[from,to],...]}: from and to count characters, and `to` is behind the
 * last that is trained.  A character that the mask cuts counts to the side where it ends. */
void show_text(struct buf *, const struct tokens_row *, const struct tokenizer *);
/* A heading with id, line and counts, then the text, with marks (or, colour, in green) where it
 * is trained.  Control characters are spelled out, so that a terminal is safe from them. */
void show_people(struct buf *, const struct tokens_row *, const struct tokenizer *, int colour);
/* The text of each token, owned; joined they are show_text's.  A character that several tokens
 * spell is the last one's. */
json_t *show_pieces(const struct tokens_row *, const struct tokenizer *);

#endif
