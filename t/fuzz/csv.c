/* SPDX-License-Identifier: MIT */
/* csv.c - any bytes as CSV, fed by lines; what is read reads back from what is written. */
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

static void again(struct table *t, struct buf *b)
{
	struct table *other = table_open(NULL);
	struct fault f;

	quote(b, table_csv(t));
	assert(csv_line(table_csv(other), b->p, b->n, &f) == 1);
	assert(csv_fields(table_csv(other)) == csv_fields(table_csv(t)));
	assert(table_hash(other) == table_hash(t));
	table_close(other);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t size)
{
	struct table *t = table_open(NULL);
	const char *p = (const char *)data, *end = p + size, *next;
	struct buf b = {0};
	struct fault f;
	int utf8, got = 1;

	table_is(p, size);
	for (int last = 0; !last; p = next) {
		last = p == end;
		next = last ? NULL : memchr(p, '\n', end - p);
		next = next ? next + 1 : end;
		if (last && got)
			break;
		got = last ? csv_end(table_csv(t), &f) : csv_line(table_csv(t), p, next - p, &f);
		if (got <= 0)
			continue;
		again(t, &b);
		if (!table_named(t))
			table_header(t, &f);
		else
			json_decref(table_row(t, &utf8, &f));
	}
	table_close(t);
	buf_free(&b);
	return 0;
}
