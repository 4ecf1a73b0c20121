/* template.h - turns to text: which pieces are control, user's text, answer.
 *
 * Names: none (turns joined as they are), chatml (SmolLM2's, with its default
 * system prompt), seal ("Human: {}\nAssistant: "), or a FORMAT with two {}:
 * "Q: {} A: {}" - the first stands for the prompt, the second for the answer;
 * what follows the second {} closes an answer.
 */
#ifndef SEAL_TEMPLATE_H
#define SEAL_TEMPLATE_H

#include "schema.h"

struct template;

enum piece_kind {
	PIECE_CONTROL,     /* from the template: control tokens are recognised */
	PIECE_TEXT,        /* from the row: never a control token */
};

/* Adjoining pieces of one kind and side are encoded as one text; a piece that
 * is trained starts a new text that continues the sentence. */
struct piece { enum piece_kind kind; const char *text; size_t n; int train; };

enum { PIECES = 4 * TURNS + 4 };

/* name: auto|none|chatml|seal|FORMAT.  chat: the model's own chat template
 * (Jinja text from tokenizer_config.json or GGUF) or NULL, which `auto` goes by:
 * chatml when it speaks <|im_start|>, seal when there is none.  system: --system,
 * NULL for the template's default, "" for none.  Unknown name: -1. */
struct template *template_open(const char *name, const char *chat, const char *system,
                               struct fault *);
void template_close(struct template *);
const char *template_name(const struct template *);   /* what is recorded: a name or the FORMAT */

/* The pieces of these turns.  train_all: train every assistant turn, else the
 * last.  When the last turn is the user's, the pieces end where the answer
 * begins (generation).  A space that ends the prompt side moves to the answer.
 * Trained pieces include what ends an answer (chatml's <|im_end|>), never the
 * newline after it.  *end_token is set when the answer is to be closed by the
 * tokenizer's end token. Text is borrowed from turns, template and own. */
int template_pieces(const struct template *, const struct turn[], int n, int train_all,
                    struct piece piece[PIECES], int *pieces, int *end_token, struct buf *own,
                    struct fault *);

/* The text at which generation stops besides the tokenizer's end token
 * (chatml: "<|im_end|>", a control token), or NULL. */
const char *template_stop(const struct template *);

#endif
