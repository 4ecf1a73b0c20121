/* SPDX-License-Identifier: MIT */
/* schema_in.h - what the parts of schema.c have of each other: a row's turns as they are read.
 *
 * Functions that return an int return -1 with l->fault set where the row cannot be read as it says.
 * `where` begins a fault's text: "" or "messages[2]: ".
 */
#ifndef SEAL_SCHEMA_IN_H
#define SEAL_SCHEMA_IN_H

#include "schema.h"

struct turns {
	struct dialogue *d;
	int need_answer;
	struct fault *fault;
	json_t *calls; /* of the last turn, where that was made of calls alone (function_call) */
	int calls_at;  /* the number of that turn */
};

/* The row has the key, with a value other than null. */
int schema_has(const json_t *row, const char *key);
/* ... and other than an empty text and an empty list. */
int schema_holds(const json_t *row, const char *key);
/* The first of these keys (a list that ends with NULL) that the row has, or NULL. */
const char *schema_first(const json_t *row, const char *const keys[]);
/* object[key] where that is text, else NULL with a fault. */
const json_t *schema_text(const json_t *object, const char *key, const char *where, struct fault *);
/* A list of objects it is, or a fault that names the key. */
int schema_objects(const json_t *list, const char *key, const char *where, struct fault *);
void schema_add(struct turns *, enum role, const json_t *text);

/* Turns as objects: a list of them under a key, or one. */
int schema_messages(struct turns *, const json_t *list, const char *key);
int schema_message(struct turns *, const json_t *message, const char *where);
/* An object that says {"type":"function","function": call}, owned, of {"name","arguments"}. */
json_t *schema_call(const json_t *call, const char *where, struct fault *);

/* A prompt under one key, its answer under another. */
struct pair {
	const char *prompt, *answer; /* keys; prompt NULL: the answer is the whole dialogue */
	int input;                   /* "input" or "context" stands behind a prompt that is text */
	int hh;                      /* a text that begins with "\n\nHuman:" is a dialogue */
	int recognised;              /* so that no other key may say something else */
};
int schema_pair(struct turns *, const json_t *row, const struct pair *);
/* The answer to the turns that are there; nothing is added where none is needed. */
int schema_answer(struct turns *, const json_t *row, const struct pair *);

/* What stands beside the turns: tools, documents, variables of the template. */
int schema_beside(struct turns *, const json_t *row);
/* What a row or a turn has for models that see or hear is a fault. */
int schema_seen(const json_t *object, const char *where, struct fault *);
/* For training: that the row's answers are not to be trained is done; that they are unwanted is a
 * fault. */
int schema_marks(struct turns *, const json_t *row);

#endif
