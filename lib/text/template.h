/* SPDX-License-Identifier: MIT */
/* template.h - turns to text: which pieces are control, user's text, answer.
 *
 * Names: none (turns joined as they are), seal ("Human: {}\nAssistant: "), those
 * of models (see the table in template.c), or a FORMAT with two {}:
 * "Q: {} A: {}" - the first stands for the prompt, the second for the answer;
 * what follows the second {} closes an answer.
 */
#ifndef SEAL_TEMPLATE_H
#define SEAL_TEMPLATE_H

#include <stddef.h>

#include "../base/die.h"

struct template;

enum role { ROLE_SYSTEM, ROLE_USER, ROLE_ASSISTANT, ROLE_TEXT }; /* TEXT: --text's bare text */

struct turn {
	enum role role;
	const char *text;
	size_t n;
};

enum { TURNS = 512 };

enum piece_kind {
	PIECE_CONTROL, /* from the template: control tokens are recognised */
	PIECE_TEXT,    /* from the row: never a control token */
	PIECE_END,     /* no text: the tokenizer's end token, when it has one */
};

/* Neighbours of one side (trained or not) are encoded as one text; every text
 * but a row's first continues the sentence. */
struct piece {
	enum piece_kind kind;
	const char *text;
	size_t n;
	int train;
};

enum { PIECES = 8 * TURNS + 8 };

/* name: auto, a template's name, or a FORMAT.  chat: the model's own chat
 * template (Jinja text from tokenizer_config.json or GGUF) or NULL, which `auto`
 * goes by: the template that writes what it writes, seal when there is none.
 * system: --system, NULL for the template's default, "" for none.  NULL with a
 * fault when the name, or the chat template, is unknown. */
struct template *template_open(const char *name, const char *chat, const char *system,
                               struct fault *);
void template_close(struct template *);
const char *template_name(const struct template *); /* what is recorded: a name or the FORMAT */

/* Sets the pieces of these turns and returns how many.  train_all: train every
 * assistant turn, else the last.  When the last turn is the user's, the pieces
 * end where the answer begins (generation).  A space that ends the prompt side
 * moves to the answer.  Trained pieces include what ends an answer (<|im_end|>,
 * PIECE_END), never the newline after it.  A turn of ROLE_TEXT is
 * one trained piece.  Text is borrowed from turns and template. */
int template_pieces(const struct template *, const struct turn turn[], int n, int train_all,
                    struct piece piece[PIECES]);

/* The text at which generation stops besides the tokenizer's end token
 * ("<|im_end|>", a control token), or NULL. */
const char *template_stop(const struct template *);

#endif
