/* SPDX-License-Identifier: MIT */
/* csv_rows.h - records of CSV as rows: an object of the columns' texts. */
#ifndef SEAL_CSV_ROWS_H
#define SEAL_CSV_ROWS_H

#include <stdint.h>

#include "../format/csv.h"
#include "../format/jsonl.h"

struct table;

/* Whether a file that begins with this line is CSV: all but a line of JSON,
 * which an opening brace or bracket tells. */
int table_is(const char *line, size_t n);

/* columns: names as a line of CSV; NULL: the first record is the header. */
struct table *table_open(const char *columns); /* dies of bad columns */
struct csv *table_csv(struct table *);         /* to be fed */
/* The complete record is the header; -1 with a fault. */
int table_header(struct table *, struct fault *);
int table_named(const struct table *); /* the columns are known */
/* The complete record as an owned object; NULL with a fault, *utf8 whether that
 * is about the encoding. */
json_t *table_row(const struct table *, int *utf8, struct fault *);
/* XXH64 over the fields, each behind its length as 8 bytes, little-endian. */
uint64_t table_hash(const struct table *);
void table_close(struct table *);

#endif
