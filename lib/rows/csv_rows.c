/* SPDX-License-Identifier: MIT */
/* csv_rows.c - see csv_rows.h. */
#include "csv_rows.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

struct table {
	struct csv *csv;
	json_t *name; /* array of texts */
};

int table_is(const char *p, size_t n)
{
	while (n && (*p == ' ' || *p == '\t'))
		p++, n--;
	return n && *p != '{' && *p != '[';
}

struct table *table_open(const char *columns)
{
	struct table *t = xzalloc(1, sizeof *t);
	struct fault f;
	int got = 1;

	t->csv = csv_open();
	if (columns) {
		got = csv_line(t->csv, columns, strlen(columns), &f);
		if (got || csv_end(t->csv, &f) < 0 || table_header(t, &f))
			die_usage("--columns: %s", got > 0 ? "more than one line" : f.text);
	}
	return t;
}

struct csv *table_csv(struct table *t) { return t->csv; }
int table_named(const struct table *t) { return t->name != NULL; }

/* A field as JSON text; NULL with a fault that names its column. */
static json_t *field(const struct table *t, long i, const char *what, struct fault *f)
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

int table_header(struct table *t, struct fault *f)
{
	json_t *names = json_array(), *seen = json_object(), *name;
	int bad = 0;

	for (long i = 0; !bad && i < csv_fields(t->csv); i++) {
		name = field(t, i, "the name of column", f);
		if (name && json_object_get(seen, json_string_value(name))) {
			fault(f, "two columns have one name (the second is column %ld)", i + 1);
			json_decref(name);
			name = NULL;
		}
		bad = !name;
		if (name) {
			json_object_set(seen, json_string_value(name), name);
			json_array_append_new(names, name);
		}
	}
	json_decref(seen);
	if (!bad)
		t->name = names;
	else
		json_decref(names);
	return bad ? -1 : 0;
}

json_t *table_row(const struct table *t, int *utf8, struct fault *f)
{
	long n = json_array_size(t->name);
	json_t *row, *text;

	*utf8 = 0;
	if (csv_fields(t->csv) != n) {
		fault(f, "%ld fields where there are %ld columns", csv_fields(t->csv), n);
		return NULL;
	}
	row = json_object();
	for (long i = 0; i < n; i++) {
		text = field(t, i, "column", f);
		if (!text) {
			*utf8 = 1;
			json_decref(row);
			return NULL;
		}
		json_object_set_new(row, json_string_value(json_array_get(t->name, i)), text);
	}
	return row;
}

uint64_t table_hash(const struct table *t)
{
	struct hash *h = hash_new();
	uint64_t value;

	for (long i = 0; i < csv_fields(t->csv); i++) {
		unsigned char length[8];
		size_t n;
		const char *p = csv_field(t->csv, i, &n);

		for (int k = 0; k < 8; k++)
			length[k] = (uint64_t)n >> 8 * k;
		hash_add(h, length, 8);
		hash_add(h, p, n);
	}
	value = hash_value(h);
	hash_free(h);
	return value;
}

void table_close(struct table *t)
{
	if (!t)
		return;
	csv_close(t->csv);
	json_decref(t->name);
	free(t);
}
