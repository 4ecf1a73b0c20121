/* SPDX-License-Identifier: MIT */
/* row_list.h - who the rows are, for methods that read rows and give each one score, when
 * all have been read. */
#ifndef SEAL_ROW_LIST_H
#define SEAL_ROW_LIST_H

#include "../rows/fate.h"
#include "file.h"

/* Of each row; all zero before the first. */
struct row_list {
	long n, room;
	struct row_name {
		uint64_t hash;
		size_t id; /* where it begins in ids, with a NUL behind */
		long line;
	} * row;
	struct buf ids;
};

void row_list_add(struct row_list *, const char *id, uint64_t hash, long line);
/* Adds all rows of these inputs (none: stdin); their fates are told. */
void row_list_read(struct row_list *, char *const paths[], int n, const struct fate_opts *);
/* Writes row i, under the columns that follow. */
void row_list_write(const struct row_list *, long i, struct scores_out *, double score);
void row_list_free(struct row_list *);

/* The one column, "score", of methods that fill no other. */
const struct column *score_column(void);

#endif
