/* SPDX-License-Identifier: MIT */
/* csv.c - any bytes as CSV, with one of four separators, fed by lines; what is read reads back from what is written. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../../lib/rows/csv_rows.h"

/* The record as CSV with every field in quotes. */
static void quote(struct buf *b, const struct csv *c)
{
	b->n = 0;
	for (long i = 0; i < csv_fields(c); i++) {
		size_t n;
		const char *p = csv_field(c, i, &n);

		buf_str(b, i ? ",\"" : "\"");
		for (size_t k = 0; k < n; k++)
			buf_add(b, p[k] == '"' ? "\"\"" : p + k, p[k] == '"' ? 2 : 1);
		buf_str(b, "\"");
	}
	buf_str(b, "\n");
}

static void again(struct csv_rows *t, struct buf *b)
{
	struct csv_rows *other = csv_rows_open(NULL, ',');
	struct fault f;

	quote(b, csv_rows_csv(t));
	assert(csv_line(csv_rows_csv(other), b->p, b->n, &f) == 1);
	assert(csv_fields(csv_rows_csv(other)) == csv_fields(csv_rows_csv(t)));
	assert(csv_rows_hash(other) == csv_rows_hash(t));
	csv_rows_close(other);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	static const char separators[] = ",;\t|";
	struct csv_rows *t = csv_rows_open(NULL, separators[size % 4]);
	const char *p = (const char *)data, *end = p + size, *next;
	struct buf b = {0};
	struct fault f;
	int utf8, got = 1;

	csv_separator(p, size, &f);
	for (int last = 0; !last; p = next) {
		last = p == end;
		next = last ? NULL : memchr(p, '\n', end - p);
		next = next ? next + 1 : end;
		if (last && got)
			break;
		got = last ? csv_end(csv_rows_csv(t), &f) : csv_line(csv_rows_csv(t), p, next - p, &f);
		if (got <= 0)
			continue;
		again(t, &b);
		if (!csv_rows_named(t))
			csv_rows_header(t, &f);
		else
			json_decref(csv_rows_row(t, &utf8, &f));
	}
	csv_rows_close(t);
	buf_free(&b);
	return 0;
}
