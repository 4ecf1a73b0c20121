/* SPDX-License-Identifier: MIT */
/* tokens.h - the token stream (seal-tensors(5), seal.kind = tokens). */
#ifndef SEAL_TOKENS_H
#define SEAL_TOKENS_H

#include <stdint.h>

#include "../format/jsonl.h"
#include "../format/safetensors.h"
#include "../format/zio.h"
#include "batch.h"

/* One blob's rows, where they lie: in a mapped file, or in memory as they were read. */
struct tokens_part {
	long first, rows;
	const int32_t *token;
	const uint8_t *train;  /* 1 where the token is a training target */
	const int64_t *offset; /* [rows + 1] */
	const char *ids;       /* bytes; row i's id is ids[id_offset[i]..id_offset[i+1]) */
	const int64_t *id_offset;
	const uint64_t *hash; /* [rows], of the row's line */
	const int64_t *line;
};

struct tokens {                    /* all segments in order */
	long rows, total, longest; /* total tokens; of the longest row */
	long ids;                  /* 1 + the largest token id */
	struct tokens_part *part;
	int parts;
	void **held;
	long n_held; /* memory and maps that the parts lie in */
	struct {
		const void *p;
		size_t bytes;
	} * map;
	int maps;
	size_t in_memory, mapped; /* bytes of them */
	char fingerprint[17];     /* of the tokenizer; segments must agree */
	char *template;           /* name or format; segments must agree */
	json_t *history;          /* array: one object a program run, oldest first */
	uint64_t input;           /* hash over the stream's data (row hashes, tokens, masks) */
	int open;                 /* reading: a segment waits for its seal.end, */
	long begun;               /* and this was its first row */
};

/* paths: n names, none means stdin; streams and their segments are joined.  A
 * plain file is mapped, anything else read into memory.
 * Dies on a cut stream, an empty file, disagreeing segments, two rows of one id. */
struct tokens *tokens_read(char *const paths[], int n);
/* The same a blob at a time: take may look at the rows from `first` on, and no others
 * are kept but for 15 bytes a row; it returns 0 to read no further.  Called at least once. */
void tokens_each(char *const paths[], int n,
                 int (*take)(void *ctx, const struct tokens *, long first), void *ctx);
/* Appends the blob at p, which must stay as it is until tokens_close, to tokens (all
 * zero before the first); *used: its length.  -1 with a fault: then they are only
 * good for tokens_close. */
int tokens_blob(struct tokens *, const void *p, size_t bytes, size_t *used, struct fault *);
void tokens_close(struct tokens *);
void tokens_drop(struct tokens *); /* the parts so far, and what they lie in, if in memory */
void tokens_hold(struct tokens *, void *, size_t bytes); /* to be freed by tokens_close */
struct tokens_row tokens_row(const struct tokens *, long row);
/* Dies, naming the row, when a token id is not below vocab; name: of the stream. */
void tokens_check_ids(const struct tokens *, const char *name, long vocab);
/* As row_id (batch.h). */
char *tokens_id(const struct tokens *, long row, char *into, size_t size);

static inline long tokens_length(const struct tokens *t, long row) { return tokens_row(t, row).n; }

struct tokens_writer;

/* All are borrowed until the call ends, but for the output: until tokens_write_close.
 * settings: an object, the recorded options. */
struct tokens_writer *tokens_write_open(struct zout *, const char *fingerprint,
                                        const char *template, const json_t *settings);
void tokens_write(struct tokens_writer *, const struct tokens_row *); /* its `at` is ignored */
/* Writes the last blob, with seal.end, and frees the writer; input: hash of the rows' bytes. */
void tokens_write_close(struct tokens_writer *, uint64_t input);

#endif
