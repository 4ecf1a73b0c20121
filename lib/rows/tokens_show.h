/* SPDX-License-Identifier: MIT */
/* tokens_show.h - tokens of a row as text, for programs and for people. */
#ifndef SEAL_TOKENS_SHOW_H
#define SEAL_TOKENS_SHOW_H

#include "../text/tokenizer.h"
#include "batch.h"

/* Each appends a row to the buffer; the row's hash and number are ignored. */

/* {"id","tokens":[...],"train":[...]} */
void show_tokens(struct buf *, const struct tokens_row *);
/* {"id","text","train":[[from,to],...]}: from and to count characters, and `to` is behind the
 * last that is trained.  A character that the mask cuts counts to the side where it ends. */
void show_text(struct buf *, const struct tokens_row *, const struct tokenizer *);
/* A heading with id, line and counts, then the text, with marks (or, colour, in green) where it
 * is trained.  Control characters are spelled out, so that a terminal is safe from them. */
void show_people(struct buf *, const struct tokens_row *, const struct tokenizer *, int colour);

#endif
