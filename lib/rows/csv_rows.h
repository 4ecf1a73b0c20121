/* SPDX-License-Identifier: MIT */
/* csv_rows.h - records of CSV as rows: a table of named columns makes each record an object,
 * with a text for each column. */
#ifndef SEAL_CSV_ROWS_H
#define SEAL_CSV_ROWS_H

#include <stdint.h>

#include "../format/csv.h"
#include "../format/jsonl.h"

struct table;

/* Whether a file that begins with this line is CSV: it is unless the line opens a brace or a
 * bracket, as JSON does. */
int table_is(const char *line, size_t n);

/* columns: names as a line of CSV, and wrong usage if they are none; NULL: the first record
 * is the header. */
struct table *table_open(const char *columns);
struct csv *table_csv(struct table *); /* to be fed with lines until it has a record */
/* Takes the record for the header; -1 with a fault. */
int table_header(struct table *, struct fault *);
int table_named(const struct table *); /* 1 once the columns are known */
/* The record as an object, which the caller owns; NULL with a fault, and *utf8 tells whether
 * its encoding is at fault. */
json_t *table_row(const struct table *, int *utf8, struct fault *);
/* The record's hash: XXH64 over its fields, each behind its length as 8 bytes, little-endian. */
uint64_t table_hash(const struct table *);
void table_close(struct table *);

#endif
