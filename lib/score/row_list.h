/* SPDX-License-Identifier: MIT */
/* row_list.h - who the rows are, for methods that read rows, give each one number, and write them
 * when all have been read. */
#ifndef SEAL_ROW_LIST_H
#define SEAL_ROW_LIST_H

#include "../rows/fate.h"
#include "method.h"

struct row_list { /* begins as {0} */
	long n, room;
	struct row_name {
		uint64_t hash;
		size_t id; /* where it begins in ids, NUL-terminated */
		long line;
	} * row; /* [n] */
	struct buf ids;
};

void row_list_add(struct row_list *, const char *id, uint64_t hash, long line);
/* Adds all rows of the run's operands (none: of stdin), and tells their fates. */
void row_list_read(struct row_list *, const struct score_run *);
/* Writes the rows of the run's share, under the column "score"; score: the number of row i, asked
 * for once a row in their order, NaN for null.  Then frees the list. */
void row_list_write(struct row_list *, struct score_run *, double (*score)(void *ctx, long i),
                    void *ctx);

/* That column, for the method's table. */
const struct column *score_column(void);

#endif
