/* SPDX-License-Identifier: MIT */
/* csv_rows.h - records of CSV as rows: each becomes an object, with a text for each column, whose
 * names the first record, or the caller, gives. */
#ifndef SEAL_CSV_ROWS_H
#define SEAL_CSV_ROWS_H

#include <stdint.h>

#include "../format/csv.h"
#include "../format/jsonl.h"

struct csv_rows;

/* columns: names as a line of CSV, with its own separator, and wrong usage if they are none; NULL:
 * the first record is the header.  separator: that of records; 0: that of the columns,
 * or a comma. */
struct csv_rows *csv_rows_open(const char *columns, char separator);
struct csv *csv_rows_csv(struct csv_rows *); /* to be fed with lines until it has a record */
/* Takes the record for the header; -1 with a fault. */
int csv_rows_header(struct csv_rows *, struct fault *);
int csv_rows_named(const struct csv_rows *); /* 1 once the columns are known */
/* The record as an object, which the caller owns; NULL with a fault, and *utf8 tells whether
 * its encoding is at fault. */
json_t *csv_rows_row(const struct csv_rows *, int *utf8, struct fault *);
/* The record's hash: XXH64 over its fields, each behind its length as 8 bytes, little-endian. */
uint64_t csv_rows_hash(const struct csv_rows *);
void csv_rows_close(struct csv_rows *);

#endif
