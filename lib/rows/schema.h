/* SPDX-License-Identifier: MIT */
/* schema.h - what a row says: turns of a dialogue, whatever its schema (seal-rows(5) lists them),
 * or any two keys by name, or the bare text of one key.
 */
#ifndef SEAL_SCHEMA_H
#define SEAL_SCHEMA_H

#include "../base/die.h"
#include "../base/opt.h"
#include "../format/jsonl.h"
#include "../text/dialogue.h"

/* All NULL: every row's schema is recognised by its keys. */
struct schema_opts {
	const char *schema, *prompt_key, *answer_key, *text;
};
extern const struct opt schema_options[]; /* --schema --prompt-key --answer-key --text */
/* Wrong usage where they contradict each other, or where rows must have answers and
 * --prompt-key stands alone. */
void schema_check(const struct schema_opts *, int need_answer);

/* What schema_turns returns; below 0 with a fault that says what is wrong with the row. */
enum {
	SCHEMA_OK = 0,
	SCHEMA_BAD = -1,   /* a key is missing, say, or no text */
	SCHEMA_EMPTY = -2, /* the answer, or the bare text, is white space */
};

/* Fills the dialogue, which is empty (all zero, or cleared), with the row's turns and what
 * stands beside them; it borrows from the row.
 * need_answer 1: the last turn is the assistant's, and says or calls something; what the row has
 * behind it is left out, and named (left_out).  0 (generation): the row may end with a user's or a
 * tool's turn; the assistant's turns that end it are not among the dialogue's. */
int schema_turns(const struct schema_opts *, const json_t *row, int need_answer, struct dialogue *,
                 struct fault *);

/* The user's last text, of *bytes, for outputs that show the "instruction". */
const char *schema_instruction(const struct dialogue *, size_t *bytes);

#endif
