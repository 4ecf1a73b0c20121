/* tokens.h - the token stream (seal-tensors(5), seal.kind = tokens). */
#ifndef SEAL_TOKENS_H
#define SEAL_TOKENS_H

#include <stdint.h>

#include "../format/jsonl.h"
#include "../format/safetensors.h"
#include "../format/zio.h"

struct tokens {                   /* rows in memory, all segments in order */
	long rows;
	int32_t *token;           /* [total] */
	int64_t *offset;          /* [rows + 1] */
	uint8_t *train;           /* [total], 1 where the token is a training target */
	char *ids;                /* bytes; row i's id is ids[id_offset[i]..id_offset[i+1]) */
	int64_t *id_offset;
	uint64_t *hash;           /* [rows], of the row's line */
	int64_t *line;            /* [rows] */
	char fingerprint[17];     /* of the tokenizer; segments must agree */
	char *template;           /* name or format; segments must agree */
	json_t *history;          /* array: one object a program run, oldest first */
	uint64_t input;           /* hash over the stream's data (row hashes, tokens, masks) */
	int open;                 /* reading: a segment waits for its seal.end, */
	long begun;               /* and this was its first row; */
	long gone;                /* so many were there and were let go (tokens_each) */
};

/* paths: n names, none means stdin; streams and their segments are joined.
 * Dies on a cut stream, an empty file, disagreeing segments, two rows of one id. */
struct tokens *tokens_read(char *const paths[], int n);
/* The same a blob at a time: take sees its rows, and no more are kept than that, and 15
 * bytes a row of all; it returns 0 to read no further.  Called at least once. */
void tokens_each(char *const paths[], int n, int (*take)(void *ctx, const struct tokens *), void *ctx);
/* Appends the blob at p to tokens (all zero before the first); *used: its
 * length.  -1 with a fault: then they are only good for tokens_close. */
int tokens_blob(struct tokens *, const void *p, size_t bytes, size_t *used, struct fault *);
void tokens_close(struct tokens *);
char *tokens_id(const struct tokens *, long row, char *into, size_t size);  /* NUL-terminated */

static inline long tokens_length(const struct tokens *t, long row)
{
	return (long)(t->offset[row + 1] - t->offset[row]);
}

struct tokens_writer;

/* settings: recorded options (borrowed, an object). */
struct tokens_writer *tokens_writer(struct zout *, const char *fingerprint, const char *template,
                                    const json_t *settings);
void tokens_add(struct tokens_writer *, const char *id, uint64_t hash, long line,
                const int32_t *token, const uint8_t *train, long n);
/* Writes the last blob with seal.end; input: hash of the rows' bytes. */
void tokens_finish(struct tokens_writer *, uint64_t input);

#endif
