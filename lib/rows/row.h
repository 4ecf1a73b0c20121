/* SPDX-License-Identifier: MIT */
/* row.h - rows of JSON or CSV, plain or packed, from files or stdin, and who they are.
 *
 * hash: XXH64 of the line's bytes without CR LF; of JSON that is no line of JSONL (values.h), of it
 * in compact form; of a CSV row, of its fields (csv_rows.h).
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
	size_t n; /* the line (of CSV: lines) as read, without LF (CR included); else compact */
	size_t text_n; /* its length without CR LF: what is hashed of a line */
	const char *file;
	int source;   /* the file's place among the paths, from 0 */
	long line;    /* where it begins, from 1, within its file */
	long element; /* from 1, within its array; 0: in none */
	const char *id;
	size_t id_n; /* without its NUL */
	uint64_t hash;
	json_t *json; /* borrowed; always an object, but NULL for a row that was expected */
	int ended;    /* the line had its LF */
	const char *header;
	size_t header_n; /* CSV: the file's header with its line end, else NULL, 0 */
	int csv;
	/* Why it is dropped, NULL when it is not; then id may be NULL, json is, and what follows says
	 * whether it is broken, and how. */
	const char *dropped;
	int is_broken;
	struct fault why;
};

struct rows;

/* What becomes of a second row of one explicit id. */
enum row_repeats {
	ROWS_UNIQUE = 0, /* it is broken */
	ROWS_FIRST = 1,  /* it is dropped */
	ROWS_EQUAL = 2, /* it is dropped where its bytes are those of the row before, else broken */
};

/* paths: n names; none means stdin.  A file is CSV when fate_opts.columns is given, or when it
 * begins neither with { nor with [.  Of the rows, the first fate_opts.limit are read (0: all).
 * Broken ones (bad JSON, bad UTF-8, not an object, a second row of one explicit id) have their
 * fates told here.  Reading dies at a file of no rows, and rows_next when all were dropped, but
 * with fate_opts.allow_empty. */
struct rows *rows_open(char *const paths[], int n, struct fates *, const struct fate_opts *,
                       enum row_repeats);
/* What the caller knows of the next row, to spare the reading of its JSON: when its hash is
 * this one, its id is this one too, and row->json will be NULL. */
void rows_expect(struct rows *, uint64_t hash, const char *id, size_t n);
/* 1 and the next row, valid until the next call; 0 at the end.  The fates of those that are dropped
 * in between are told. */
int rows_next(struct rows *, struct row *);
/* Sets the next rows, at most `most` of them, and returns how many; 0 at the end.  Their ids and
 * json last until rows_release; bytes and header are NULL.  Those that are dropped are among them,
 * for the caller to tell in the rows' order. */
int rows_take(struct rows *, struct row row[], int most);
void row_tell_dropped(const struct row *, struct fates *);
void rows_release(struct row row[], int n);
uint64_t rows_hash(const struct rows *); /* XXH64 of all bytes read so far */
int rows_zstd(const struct rows *);      /* the (first) input is zstd */
void rows_close(struct rows *);

#endif
