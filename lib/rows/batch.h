/* SPDX-License-Identifier: MIT */
/* batch.h - rows of tokens that a model computes on together.
 *
 * This is all that a model has to know of its data; where the rows come from (token streams,
 * tokens.h) and in which order (order.h) is the business of those who fill a batch.
 */
#ifndef SEAL_BATCH_H
#define SEAL_BATCH_H

#include <stdint.h>
#include <string.h>

/* One row of tokens.  Nothing is copied: the pointers go to where the token stream lies. */
struct tokens_row {
	const int32_t *token; /* [n] ids */
	const uint8_t *train; /* [n]: 1 where the token is a training target, never at 0 */
	long n;               /* tokens, at least one */
	long at;              /* its number in its data, from 0 */
	const char *id;       /* [id_n] bytes, no NUL after them */
	long id_n;
	uint64_t hash; /* of the row's line */
	long line;     /* its number in the file of rows, from 1 */
};

struct batch {
	const struct tokens_row *row; /* [n], borrowed */
	int n;
};

/* Divides a batch into parts of about as many tokens each, by the longest rows first: sets part[i]
 * of each row, from 0. */
void batch_divide(const struct batch *, int parts, int part[]);

/* The row's id for a message, cut to fit: NUL-terminated in into[size]; returns into. */
static inline char *row_id(const struct tokens_row *r, char *into, size_t size)
{
	size_t n = (size_t)r->id_n < size ? (size_t)r->id_n : size - 1;

	memcpy(into, r->id, n);
	into[n] = 0;
	return into;
}

#endif
