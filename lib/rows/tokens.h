/* SPDX-License-Identifier: MIT */
/* tokens.h - the token stream (seal-tensors(5), seal.kind = tokens): rows of tokens in a file.
 *
 * A stream is blobs in segments.  Nothing is copied on reading: a row's numbers stay where its
 * blob holds them, in a mapped file or in memory.
 */
#ifndef SEAL_TOKENS_H
#define SEAL_TOKENS_H

#include <stdint.h>

#include "../format/jsonl.h"
#include "../format/safetensors.h"
#include "../format/zio.h"
#include "batch.h"

/* One blob's rows, where they lie. */
struct tokens_part {
	long first, rows; /* the number of its first row among all; how many */
	const int32_t *token;
	const uint8_t *train;     /* 1 where the token is a training target */
	const int64_t *offset;    /* [rows + 1] */
	const char *ids;          /* row i's id is ids[id_offset[i]..id_offset[i+1]) */
	const int64_t *id_offset; /* [rows + 1] */
	const uint64_t *hash;     /* [rows] of the row's line */
	const int64_t *line;      /* [rows] */
};

/* A stream that was read, or the segments of several, one after the other. */
struct tokens {
	long rows, total; /* total: tokens */
	long longest;     /* tokens of the longest row */
	long ids;         /* 1 + the largest token id */
	struct tokens_part *part;
	int parts;
	int32_t *pick; /* [rows] which of the parts' rows these are; NULL: all of them */
	void **held;   /* [n_held] memory that parts lie in */
	long n_held;
	struct {
		const void *p;
		size_t bytes;
	} * map; /* [maps] files that parts lie in */
	int maps;
	size_t in_memory, mapped; /* bytes that lie in memory; in mapped files */
	char fingerprint[17];     /* of the tokenizer; segments must agree */
	char *template;           /* its name or format; segments must agree */
	json_t *history;          /* array: an object for each program's run, oldest first */
	uint64_t input;           /* hash of the rows' hashes, tokens and masks */
	/* While reading: a segment has begun, with row `begun`, and waits for its seal.end. */
	int open;
	long begun;
};

/* Reads the streams of paths (n names; none means stdin) as one.  A plain file is mapped,
 * anything else is read into memory.  Dies on a stream that is cut short, an empty file,
 * segments that disagree, and two rows of one id. */
struct tokens *tokens_read(char *const paths[], int n);
/* The same a blob at a time: calls take with the tokens so far, of which only the rows from
 * `first` on are still there, until it returns 0 or all is read; at least once.  What is kept
 * is 14 to 21 bytes a row (places.h). */
void tokens_each(char *const paths[], int n,
                 int (*take)(void *ctx, const struct tokens *, long first), void *ctx);

/* The parser under both.  Appends the blob at p, which must stay until tokens_close, to tokens
 * (all zero before the first), and sets *used to its length; -1 with a fault, and then the
 * tokens are good for tokens_close alone. */
int tokens_blob(struct tokens *, const void *p, size_t bytes, size_t *used, struct fault *);
/* Gives memory (from xalloc) to the tokens, to be freed with them. */
void tokens_hold(struct tokens *, void *, size_t bytes);
void tokens_drop(struct tokens *); /* forgets all parts, and frees what was held for them */
void tokens_close(struct tokens *);
struct tokens_row tokens_row(const struct tokens *, long row);
/* Dies, naming the row, when a token id is not below vocab; name: of the stream. */
void tokens_check_ids(const struct tokens *, const char *name, long vocab);
/* A hash of its tokens and mask: of what a model can know of it.  (row.hash is that of its line,
 * with labels and whatever else stands there.) */
uint64_t tokens_row_key(const struct tokens_row *);
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

/* Takes a share of the rows, between 0 and 1, out of the tokens and returns them, to be
 * closed as well; they are of no use once the others are closed, in whose memory they lie.  The
 * hash of a row's tokens and mask decides: rows that are alike stay together, and neither their
 * order nor other rows matter. */
struct tokens *tokens_split(struct tokens *, double share);

/* The tokens of the n longest rows together. */
long tokens_most(const struct tokens *, long n);

#endif
