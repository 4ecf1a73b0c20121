/* SPDX-License-Identifier: MIT */
/* csv_rows.c - see csv_rows.h. */
#include "csv_rows.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

struct csv_rows {
	struct csv *csv;
	json_t *names; /* an object whose keys they are, in order; NULL: not known yet */
};

struct csv_rows *csv_rows_open(const char *columns, char separator)
{
	struct csv_rows *t = xzalloc(1, sizeof *t);
	char own = separator ? separator : ',';
	struct fault f;
	int got = 1;

	if (columns && !(own = csv_separator(columns, strlen(columns), &f)))
		die_usage("--columns: %s", f.text);
	t->csv = csv_open(own);
	if (columns) {
		got = csv_line(t->csv, columns, strlen(columns), &f);
		if (got || csv_end(t->csv, &f) < 0 || csv_rows_header(t, &f))
			die_usage("--columns: %s", got > 0 ? "more than one line" : f.text);
	}
	if (separator)
		csv_separate(t->csv, separator);
	return t;
}

struct csv *csv_rows_csv(struct csv_rows *t) { return t->csv; }
int csv_rows_named(const struct csv_rows *t) { return t->names != NULL; }

/* A field as JSON text; NULL with a fault that names its column. */
static json_t *field(const struct csv_rows *t, long i, const char *what, struct fault *f)
{
	size_t n;
	const char *p = csv_field(t->csv, i, &n);
	json_t *text = json_stringn(p, n);

	if (text && !memchr(p, 0, n))
		return text;
	fault(f, "%s %ld %s", what, i + 1, text ? "holds a NUL character" : "is not UTF-8");
	json_decref(text);
	return NULL;
}

int csv_rows_header(struct csv_rows *t, struct fault *f)
{
	json_t *names = json_object();
	int bad = 0;

	for (long i = 0; !bad && i < csv_fields(t->csv); i++) {
		json_t *name = field(t, i, "the name of column", f);

		if (!name)
			bad = -1;
		else if (json_object_get(names, json_string_value(name)))
			bad = fault(f, "two columns have one name (the second is column %ld)",
			            i + 1);
		else
			json_object_set(names, json_string_value(name), name);
		json_decref(name);
	}
	if (bad)
		json_decref(names);
	else
		t->names = names;
	return bad;
}

json_t *csv_rows_row(const struct csv_rows *t, int *utf8, struct fault *f)
{
	long n = json_object_size(t->names), i = 0;
	json_t *row, *text, *name;
	const char *key;

	*utf8 = 0;
	if (csv_fields(t->csv) != n) {
		fault(f, "%ld fields where there are %ld columns", csv_fields(t->csv), n);
		return NULL;
	}
	row = json_object();
	json_object_foreach(t->names, key, name)
	{
		text = field(t, i++, "column", f);
		if (!text) {
			*utf8 = 1;
			json_decref(row);
			return NULL;
		}
		json_object_set_new(row, key, text);
	}
	return row;
}

uint64_t csv_rows_hash(const struct csv_rows *t)
{
	struct hash *h = hash_new();
	uint64_t value;

	for (long i = 0; i < csv_fields(t->csv); i++) {
		size_t n;
		const char *p = csv_field(t->csv, i, &n);

		hash_add(h, &n, sizeof n);
		hash_add(h, p, n);
	}
	value = hash_value(h);
	hash_free(h);
	return value;
}

void csv_rows_close(struct csv_rows *t)
{
	if (!t)
		return;
	csv_close(t->csv);
	json_decref(t->names);
	free(t);
}
