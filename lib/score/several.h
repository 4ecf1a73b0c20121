/* SPDX-License-Identifier: MIT */
/* several.h - several scores files of the same rows, joined by id and hash, in any order. */
#ifndef SEAL_SEVERAL_H
#define SEAL_SEVERAL_H

#include "../rows/places.h"
#include "scores.h"

struct several {
	/* The rows, in the order of the first file, which decides which they are. */
	long n;
	struct several_row {
		char *id;
		uint64_t hash;
		long line; /* of the row in its own file; 0: the scores do not say */
		int files; /* how many files have scored it so far */
	} * row;           /* [n] */
	int files;
	char **name;    /* [files] */
	double **score; /* [files][n]; NaN: null */
	/* Its own. */
	struct places *at; /* by the id's hash: its place in row, plus 1 */
	long room;
};

/* Reads n files, by this formula.  Dies where one lacks a row of another, or scores one twice. */
void several_read(struct several *, char *const paths[], int n, const struct formula *);
void several_close(struct several *);

#endif
