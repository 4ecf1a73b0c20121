/* SPDX-License-Identifier: MIT */
/* schema.h - what a row says: turns of a dialogue, whatever its schema.
 *
 *   messages     {"messages":[{"role","content"}]}
 *   sharegpt     {"conversations":[{"from","value"}]}
 *   alpaca       {"instruction","input","output"}
 *   orca         {"system_prompt","question","response"}
 *   prompt       {"prompt","completion"}
 *   hh           {"prompt","chosen"}  and  {"chosen": "\n\nHuman: ...\n\nAssistant: ..."}
 *   keys         any two keys by name;  text: one key
 */
#ifndef SEAL_SCHEMA_H
#define SEAL_SCHEMA_H

#include "../base/die.h"
#include "../base/opt.h"
#include "../format/jsonl.h"
#include "../text/template.h"

struct schema_opts {
	const char *schema, *prompt_key, *answer_key, *text;
};

/* Appends the row's turns (text borrowed from json or from `own`, which the
 * caller clears between rows); -1 with a fault that names the missing or
 * mistyped key.  need_answer 0: a row may end with a user's turn (generation);
 * a closing assistant turn is then left out, so that prompts can come from
 * rows with answers.  need_answer 1: the last turn is the assistant's and is
 * not empty ("empty answer"). */
int schema_turns(const struct schema_opts *, const json_t *row, int need_answer,
                 struct turn turn[TURNS], int *n, struct buf *own, struct fault *);

/* The user's last text, for outputs that show the "instruction". */
const char *schema_instruction(const struct turn[], int n, size_t *bytes);

#endif
