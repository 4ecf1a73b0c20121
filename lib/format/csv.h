/* SPDX-License-Identifier: MIT */
/* csv.h - CSV (RFC 4180) through libcsv: fed with lines, it gives records.
 *
 * Fields are separated by commas, or by another character; a field in double quotes may hold
 * commas, line ends and doubled quotes.  Spaces belong to fields.  A quote within a field that does
 * not begin with one is a fault, and so is text behind a closing quote.
 */
#ifndef SEAL_CSV_H
#define SEAL_CSV_H

#include <stddef.h>

#include "../base/die.h"

struct csv;

/* What separates the fields of a line: a comma, a semicolon or a tab, whichever is there outside
 * quotes; a comma where none is.  0 with a fault when several are. */
char csv_separator(const char *line, size_t n, struct fault *);

struct csv *csv_open(char separator);
void csv_separate(struct csv *, char separator); /* from the next record on */
/* Feeds a line, with its LF or CR LF where it has one.  Returns 1 when a record is complete, 0
 * when it goes on in the next line, -1 with a fault when it is broken; then the record is given
 * up, and the next line begins another. */
int csv_line(struct csv *, const char *p, size_t n, struct fault *);
/* To be called after the last line when csv_line returned 0 for it: 1 or -1 as above, 0 when no
 * record was begun. */
int csv_end(struct csv *, struct fault *);

/* The fields of the complete record, valid until the next line is fed. */
long csv_fields(const struct csv *);
const char *csv_field(const struct csv *, long i, size_t *n);
void csv_close(struct csv *);

#endif
