/* SPDX-License-Identifier: MIT */
/* tokenizer.h - text to token ids and back, equal to Hugging Face's.
 *
 * From tokenizer.json, a folder that holds one, GGUF metadata, or a tiktoken
 * rank file (Llama 3's tokenizer.model).  A tokenizer is a pipeline of data:
 * normaliser steps, pre-tokenizer steps, a BPE model, a decoder.
 */
#ifndef SEAL_TOKENIZER_H
#define SEAL_TOKENIZER_H

#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "../format/jsonl.h"

struct tokenizer;

struct tokenizer *tokenizer_open(const char *path); /* dies */
/* The same from the bytes of a file; NULL with a fault. */
struct tokenizer *tokenizer_parse(const void *bytes, size_t n, struct fault *);
/* For all but encoding: opens GGUF vocabularies too whose words are not known. */
struct tokenizer *tokenizer_open_vocabulary(const char *path);
/* Whether there is a tokenizer to open in this folder or GGUF file: some models come without. */
int tokenizer_exists(const char *path);
void tokenizer_close(struct tokenizer *);

/* A list that grows; all zero is empty. */
struct ids {
	int32_t *p;
	long n, cap;
};
void ids_add(struct ids *, int32_t);
void ids_free(struct ids *);

enum {
	TOKENIZE_CONTROL = 1,  /* control tokens that the text spells are recognised */
	TOKENIZE_CONTINUE = 2, /* the text begins no sentence: no space is put before it */
	TOKENIZE_AFTER = 4,    /* a control token stands before the text */
};

/* Appends the ids of text (valid UTF-8), without a start or end token.  flags: TOKENIZE_*.
 * It stops once out->n reaches `most`, or soon after (0: no limit).  Several threads may use one
 * tokenizer. */
void tokenizer_encode(const struct tokenizer *, const char *text, size_t n, int flags, long most,
                      struct ids *out);
/* Appends the text of n ids, which may end inside a character.  special: control tokens too.
 * first: the ids begin a text, so the space that encoding puts before it is taken away. */
void tokenizer_decode(const struct tokenizer *, const int32_t *id, long n, int special, int first,
                      struct buf *);

int32_t tokenizer_bos(const struct tokenizer *); /* -1: none */
int32_t tokenizer_eos(const struct tokenizer *); /* -1: none */
/* The tokens that go before a text, as the post-processor (or GGUF) says: *n of them. */
const int32_t *tokenizer_before(const struct tokenizer *, int *n);
/* Does the end token go behind a text?  (Another one is refused.) */
int tokenizer_adds_eos(const struct tokenizer *);
/* What its files do not agree on in this, or NULL. */
const char *tokenizer_doubt(const struct tokenizer *);
/* The tokens that end an answer: eos, and those that GGUF's metadata has besides; *n of them. */
const int32_t *tokenizer_ends(const struct tokenizer *, int *n);
int32_t tokenizer_id(const struct tokenizer *, const char *token); /* of a token's exact text; -1 */
int32_t tokenizer_size(const struct tokenizer *);                  /* 1 + the largest id */
int tokenizer_special(const struct tokenizer *, int32_t id);
/* The first special token whose text is in text[*start..n), -1: none; it is text[*start..*end). */
int32_t tokenizer_next_special(const struct tokenizer *, const char *text, size_t n, size_t *start,
                               size_t *end);
/* The model's chat templates, Jinja by name ("default", "tool_use"); NULL: it has none. */
const json_t *tokenizer_chat(const struct tokenizer *);
/* The text of a chat template's file, owned; dies. */
json_t *tokenizer_chat_file(const char *path);
/* The variables that transformers gives a chat template: "bos_token", "eos_token" and so on. */
const json_t *tokenizer_variables(const struct tokenizer *);

/* 16 hex digits: a hash of the bytes of every id below `vocab` (0: of all that the tokenizer
 * has), and of the tokens that go before and behind a text; the same whether one tokenizer comes
 * from JSON or GGUF. */
void tokenizer_fingerprint(const struct tokenizer *, int32_t vocab, char hex[17]);
/* Is this its fingerprint?  With words that are not known (tokenizer_open_vocabulary) it is not
 * known either whether texts begin with the start token: then both will do. */
int tokenizer_matches(const struct tokenizer *, int32_t vocab, const char *hex);

#endif
