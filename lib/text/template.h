/* SPDX-License-Identifier: MIT */
/* template.h - turns of a dialogue to text: which pieces are control, the row's text, the answer.
 *
 * A template has a name: none (the turns joined as they are), seal ("Human: {}\nAssistant: "),
 * or a model's (the table in template.c).  Or it is a FORMAT with two {}, "Q: {} A: {}": the
 * first stands for the prompt, the second for the answer, and what follows that closes an answer.
 */
#ifndef SEAL_TEMPLATE_H
#define SEAL_TEMPLATE_H

#include <stddef.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "dialogue.h"

struct template;

enum piece_kind {
	PIECE_CONTROL, /* from the template: control tokens are recognised */
	PIECE_TEXT,    /* from the row: never a control token */
	PIECE_END,     /* no text: the tokenizer's end token, when it has one */
};

/* Neighbours that are both trained, or both not, are encoded as one text. */
struct piece {
	enum piece_kind kind;
	const char *text;
	size_t n;
	int train;
};

/* All zero is empty; it may be filled again and again, and is freed with pieces_free. */
struct pieces {
	struct piece *piece; /* [n] */
	int n;
	long cap;
	struct buf text; /* that a chat template wrote */
};
void pieces_free(struct pieces *);

/* name: auto, a template's name, or a FORMAT.
 * chat: the model's own chat template (Jinja, from tokenizer_config.json or GGUF), or NULL.  By
 * it `auto` chooses the template that writes the same; where there is none, seal.
 * system: what rows without a system turn get; NULL: the template's default; "": none.
 * NULL with a fault when the name, or the chat template, is unknown. */
struct template *template_open(const char *name, const char *chat, const char *system,
                               struct fault *);
void template_close(struct template *);
const char *template_name(const struct template *); /* what is recorded: a name or the FORMAT */

/* Sets the pieces of a dialogue; -1 with a fault where the template cannot write it.
 * train_all: every turn of the assistant is trained, else the last alone; but none that the row
 * calls untrained.  What ends an answer
 * (<|im_end|>, PIECE_END) is trained with it, a newline behind that is not.
 * Where the last turn is the user's, the pieces end where an answer begins (generation).  A
 * space that ends the text before an answer moves to the answer.  ROLE_TEXT makes one trained
 * piece.  The pieces' text is borrowed from dialogue and template. */
int template_pieces(const struct template *, const struct dialogue *, int train_all,
                    struct pieces *, struct fault *);

/* The text at which generation stops besides the tokenizer's end token
 * ("<|im_end|>", a control token), or NULL. */
const char *template_stop(const struct template *);

#endif
