/* SPDX-License-Identifier: MIT */
/* tokens_show.h - tokens of a row as text, for programs and for people. */
#ifndef SEAL_TOKENS_SHOW_H
#define SEAL_TOKENS_SHOW_H

#include "../text/tokenizer.h"
#include "batch.h"

/* Each appends a row. */

/* {"id","tokens":[...],"train":[...]} */
void show_tokens(struct buf *, const struct tokens_row *);
/* {"id","text","train":[[from,to],...]}: characters of the text, `to` behind the
 * last.  One that is cut by the mask counts to where it ends. */
void show_text(struct buf *, const struct tokens_row *, const struct tokenizer *);
/* A heading and the text, what is trained marked, safe for a terminal. */
void show_people(struct buf *, const struct tokens_row *, const struct tokenizer *, int colour);

#endif
