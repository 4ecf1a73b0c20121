/* SPDX-License-Identifier: MIT */
/* dialogue.h - what a row says, as a template takes it: turns, and what stands beside them.
 *
 * rows/schema.h makes a dialogue of a row, template.h makes text of it.
 */
#ifndef SEAL_DIALOGUE_H
#define SEAL_DIALOGUE_H

#include <stddef.h>

#include "../format/jsonl.h"

enum role {
	ROLE_SYSTEM,
	ROLE_USER,
	ROLE_ASSISTANT,
	ROLE_TOOL, /* what a tool answered, for the assistant to read */
	ROLE_TEXT, /* bare text of no dialogue (--text); it stands alone */
};

struct turn {
	enum role role;
	const char *text; /* the content; of content in parts, all texts joined */
	size_t n;
	/* Where the row has the turn as an object: that, with all its keys (tool_calls,
	 * reasoning_content, content parts, ...), else NULL. */
	const json_t *message;
	int untrained; /* the row says that this answer is context only */
};

/* All zero is empty.  Text and values are borrowed from the row, or from `made`. */
struct dialogue {
	struct turn *turn; /* [n] */
	int n;
	long cap;
	/* What a model's own chat template is given besides: NULL where the row has none. */
	const json_t *tools, *documents; /* arrays */
	const json_t *variables;         /* an object: "chat_template_kwargs" of the row */
	int asked; /* whoever spoke last, its text ends where a next answer begins: of a judge */
	const char *left_out; /* what of the row is not among the turns, or NULL */
	json_t *made;         /* an array of values that were made for this dialogue */
};

/* The calls of tools that the turn makes, an array with something in it, or NULL. */
const json_t *turn_calls(const struct turn *);

void dialogue_add(struct dialogue *, enum role, const char *text, size_t n);
/* The value becomes the dialogue's: it is freed with it. */
json_t *dialogue_own(struct dialogue *, json_t *);
void dialogue_clear(struct dialogue *); /* to be filled again */
void dialogue_free(struct dialogue *);

#endif
