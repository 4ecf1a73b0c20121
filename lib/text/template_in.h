/* SPDX-License-Identifier: MIT */
/* template_in.h - the two kinds of templates, and the pieces that both make. */
#ifndef SEAL_TEMPLATE_IN_H
#define SEAL_TEMPLATE_IN_H

#include <string.h>

#include "template.h"

/* Appends a piece; one without text is left out, but for PIECE_END. */
void pieces_add(struct pieces *, enum piece_kind, const char *text, size_t n, int train);
/* A space that ends the prompt begins the answer instead (answer: else it is left out):
 * tokenizers join a space to the word behind it. */
void pieces_move_space(struct pieces *, int answer);

/* template_form.c */
struct form;
/* NULL with a fault: no template has this name, nor is it a FORMAT. */
struct form *form_open(const char *name, const char *system, struct fault *);
void form_close(struct form *);
const char *form_stop(const struct form *); /* the text of a control token, or NULL */
int form_pieces(const struct form *, const struct dialogue *, int train_all, struct pieces *,
                struct fault *);

/* template_chat.c */
struct chat;
/* sources: Jinja texts by name, of which "default" counts, and "tool_use" for rows with tools.
 * Dies where they cannot be compiled; NULL with a fault where the date is none. */
struct chat *chat_open(const json_t *sources, const struct template_opts *,
                       const struct tokenizer *, struct fault *);
void chat_close(struct chat *);
int32_t chat_stop(const struct chat *); /* a special token, or -1 */
int chat_pieces(const struct chat *, const struct dialogue *, int train_all, struct pieces *,
                struct fault *);

/* template_vars.c */
/* Whether a template's text has a key's name, as .name or in quotes. */
int chat_spells(const char *source, const char *name);
/* -1 with a fault where a value that the template has a word for could not be read: nobody would
 * see that it is not whole. */
int chat_check(const struct dialogue *, const char *source, struct fault *);
/* A turn as an object; parts: its content in parts; developer: the template knows that role. */
json_t *chat_message(const struct turn *, int parts, int developer);
json_t *chat_beside(const struct dialogue *); /* an object: what stands beside the messages */

/* template_written.c */
/* Puts words that stand nowhere else in the place of all texts and names. */
void written_words(json_t *messages, json_t *tools);
/* What of such words is not in the text that a template made of them?  -1 with a fault where it is
 * a tool, a call, or of a trained message; of another's text *left_out tells. */
int written_check(const struct buf *text, const json_t *messages, const json_t *tools,
                  const int trained[], const char **left_out, struct fault *);

#endif
