/* SPDX-License-Identifier: MIT */
/* template.h - a dialogue to text: which pieces are control, the row's text, the answer.
 *
 * `auto` is the model's own chat template, a program in Jinja (template_chat.c); where the model
 * has none, seal ("Human: {}\nAssistant: ").  A name that ends in .jinja is a file with such a
 * program.  Other names are templates that are written here (template_form.c): none (the turns
 * joined as they are), seal, alpaca, llama2, merlinite, or a FORMAT with two {}, "Q: {} A: {}":
 * the first stands for the prompt, the second for the answer, and what follows closes an answer.
 */
#ifndef SEAL_TEMPLATE_H
#define SEAL_TEMPLATE_H

#include <stddef.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "dialogue.h"
#include "tokenizer.h"

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
	struct buf text;      /* that a chat template wrote */
	const char *left_out; /* what of the dialogue the template leaves out, or NULL */
};
void pieces_free(struct pieces *);

struct template_opts {
	const char *name;   /* auto, a template's name, FILE.jinja or a FORMAT */
	const char *system; /* what rows without a system turn get; NULL: as the template does */
	const char *date;   /* YYYY-MM-DD, today for chat templates that ask; NULL: they cannot */
};
/* The tokenizer, which has the model's chat templates and its tokens' names, is borrowed.  NULL
 * with a fault where name, system or date are wrong; dies where a chat template cannot be read, or
 * has what the interpreter does not know. */
struct template *template_open(const struct template_opts *, const struct tokenizer *,
                               struct fault *);
void template_close(struct template *);
/* What is recorded: a name, the FORMAT, or "jinja:" and the hash of a chat template's text. */
const char *template_name(const struct template *);
/* Whether it is a chat template.  Those write all control tokens of a row, so that nothing is put
 * before it. */
int template_is_chat(const struct template *);

/* Sets the pieces of a dialogue; -1 with a fault where the template cannot write it.
 * train_all: every turn of the assistant is trained, else the last alone; but none that the row
 * calls untrained.  What ends an answer (<|im_end|>, PIECE_END) is trained with it, a newline
 * behind that is not.
 * Where the last turn is not the assistant's, the pieces end where an answer begins (generation).
 * A space that ends the text before an answer moves to the answer.  ROLE_TEXT makes one trained
 * piece.  The pieces' text is borrowed from dialogue and template. */
int template_pieces(const struct template *, const struct dialogue *, int train_all,
                    struct pieces *, struct fault *);

/* The special token at which generation stops besides the tokenizer's end token
 * ("<|im_end|>"), or -1. */
int32_t template_stop(const struct template *);

#endif
