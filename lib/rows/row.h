/* SPDX-License-Identifier: MIT */
/* row.h - rows of JSONL or CSV, plain or zstd, from files or stdin, and who they are.
 *
 * hash: XXH64 of the line's bytes without CR LF; of a CSV row, of its fields (csv_rows.h).
 * id: the row's "id" (an integer as decimal text), else the hash as 16 hex digits, with .2, .3
 * and so on for repeats.  Blank lines are no rows but count as lines.
 */
#ifndef SEAL_ROW_H
#define SEAL_ROW_H

#include "../base/die.h"
#include "../format/jsonl.h"
#include "fate.h"

struct row {
	const char *bytes;
	size_t n;      /* the line (of CSV: lines) as read, without LF (CR included) */
	size_t text_n; /* its length without CR LF: what is hashed of a line */
	const char *file;
	long line; /* line: from 1, within its file */
	const char *id;
	uint64_t key, hash; /* key: XXH64 of the id */
	json_t *json;       /* borrowed; always an object, but see rows_known, rows_again */
	long at;            /* from 0, among all rows, the broken ones too */
	int ended;          /* the line had its LF */
	const char *header;
	size_t header_n; /* CSV: the file's header with its line end, else NULL, 0 */
	int csv;
};

struct rows;

/* paths: n names; none means stdin.  A file is CSV when fate_opts.columns is given, or when
 * csv_rows.h takes its first line that is not blank for CSV.  Of the rows, the first
 * fate_opts.limit are read (0: all).  Broken ones (bad JSON, bad UTF-8, not an object, a second
 * row of one explicit id) have their fates told here; dedupe: a second row of one explicit id
 * is not broken but dropped. */
struct rows *rows_open(char *const paths[], int n, struct fates *, const struct fate_opts *,
                       int dedupe);
/* What the caller knows of rows beforehand. */
struct rows_known {
	/* Spares the reading of JSON: given a line with its bytes and hash, sets *id, of *n
	 * bytes, to the row's own id; *n 0: it has none.  0: the JSON must tell, else 1, and
	 * the row's json is NULL.  NULL: always reads it. */
	int (*id)(void *ctx, const struct row *, const char **id, size_t *n);
	/* Where to remember the line of the row whose id has this key, 0 before it came; NULL:
	 * the reader remembers. */
	uint32_t *(*line)(void *ctx, uint64_t key);
	void *ctx;
};
void rows_known(struct rows *, const struct rows_known *); /* borrowed */
/* Regular files are read, and unpacked, ahead of the rows by another thread. */
void rows_ahead(struct rows *);
/* After the last row: begins again.  Then every row comes, the broken and dropped ones too,
 * with bytes, place and header alone, and no fate; dies at the end of other bytes than before.
 * The inputs were spooled. */
void rows_again(struct rows *);
/* 1 and the next row, valid until the next call; 0 at the end. */
int rows_next(struct rows *, struct row *);
/* Sets the next rows, at most `most` of them, and returns how many; 0 at the end.  Their ids
 * and json last until rows_release; bytes and header are NULL.  It stops short of a broken
 * row, whose fate the next call tells, so that a caller who settles the rows of one call
 * before the next has all fates in the rows' order. */
int rows_take(struct rows *, struct row row[], int most);
void rows_release(struct row row[], int n);
uint64_t rows_hash(const struct rows *); /* XXH64 of all bytes read so far */
int rows_zstd(const struct rows *);      /* the (first) input is zstd */
void rows_close(struct rows *);

#endif
