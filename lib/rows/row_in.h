/* SPDX-License-Identifier: MIT */
/* row_in.h - where rows come from: files and pipes one after the other, of lines, of JSON that
 * spans lines, or of CSV.  Private to rows/. */
#ifndef SEAL_ROW_IN_H
#define SEAL_ROW_IN_H

#include "../format/values.h"
#include "csv_rows.h"
#include "row.h"

struct row_source {
	char *const *path;
	int paths, at; /* `at`: the file that is open */
	struct zin *in;
	int zstd;            /* the first is */
	const char *columns; /* --columns, or NULL */
	int allow_empty;     /* a file of no rows is no error */
	enum values_form form;
	struct csv_rows *csv; /* of this file, NULL: it is JSON */
	char separator;       /* that a line sep=... names; 0: none does */
	struct values values;
	struct buf record, header; /* a CSV row that spans lines; the header's lines */
	long line;                 /* the last that was read of this file */
	long rows;                 /* of this file, so far */
	long header_line;          /* where the header is; 0: there is none */
	uint64_t *begun;           /* [paths] lines that were read before this file */
	struct hash *hash;         /* of all bytes read */
};

/* Opens the first of n paths; none means stdin. */
void source_open(struct row_source *, char *const paths[], int n, const struct fate_opts *);
const char *source_name(const struct row_source *, int file);
/* 1: sets of the next row what precedes `id`, header and csv; 0 at the end; -1: it was dropped. */
int source_next(struct row_source *, struct row *);
void source_close(struct row_source *);

/* Marks a row as dropped, as row.h says.  is_broken: row->why says what is wrong; else nothing is,
 * but the row is not wanted.  Returns -1. */
int row_drop(struct row *, const char *id, const char *reason, int is_broken);

#endif
