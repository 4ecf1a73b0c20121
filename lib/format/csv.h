/* SPDX-License-Identifier: MIT */
/* csv.h - CSV (RFC 4180) through libcsv, fed by lines, a record at a time.
 *
 * Fields are separated by commas; one in double quotes may hold commas, line
 * ends and doubled quotes.  Spaces belong to fields.  A quote within a field
 * that does not begin with one, and text behind a closing quote, are faults.
 */
#ifndef SEAL_CSV_H
#define SEAL_CSV_H

#include <stddef.h>

#include "../base/die.h"

struct csv;

struct csv *csv_open(void);
/* Feeds a line, with its LF or CR LF where it has one.  1: a record is complete;
 * 0: it goes on in the next line.  -1 with a fault: the record is given up, the
 * next line begins another. */
int csv_line(struct csv *, const char *p, size_t n, struct fault *);
/* After the last line, when csv_line said 0: 1 or -1 as above, 0 when no record was begun. */
int csv_end(struct csv *, struct fault *);

/* Of the complete record, valid until the next line. */
long csv_fields(const struct csv *);
const char *csv_field(const struct csv *, long i, size_t *n);
void csv_close(struct csv *);

#endif
