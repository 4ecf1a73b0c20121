/* SPDX-License-Identifier: MIT */
/* jsonl_objects.c - files of many objects, as evaluation has them; see jsonl.h. */
#include "jsonl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

struct objects_reader {
	struct zin *in;
	long line;
	void (*see)(void *, const json_t *, const char *);
	void *ctx;
};

static void see_value(struct objects_reader *r, const json_t *v, const char *unit, long at)
{
	char *where = xprintf("%s:%s%ld", zin_name(r->in), unit, at);

	if (!json_is_object(v))
		die("%s: not an object", where);
	r->see(r->ctx, v, where);
	free(where);
}

/* The array that begins with this line and ends with the input. */
static void read_array(struct objects_reader *r, const char *line, size_t n)
{
	struct buf all = {0};
	struct fault f;
	json_t *array;
	size_t raw;

	do {
		buf_add(&all, line, n);
		buf_str(&all, "\n");
	} while ((line = zin_line(r->in, &n, &raw)));
	array = json_parse(all.p, all.n, &f);
	if (!array)
		die("%s: %s", zin_name(r->in), f.text);
	for (size_t i = 0; i < json_array_size(array); i++)
		see_value(r, json_array_get(array, i), "element ", i + 1);
	json_decref(array);
	buf_free(&all);
}

static void read_one(struct objects_reader *r)
{
	int seen = 0;
	size_t n, raw;
	struct fault f;
	char *line;

	while ((line = zin_line(r->in, &n, &raw))) {
		char first = line[strspn(line, " \t\r")];
		json_t *v;

		r->line++;
		if (!first && n == strlen(line))
			continue;
		if (first == '[' && !seen) {
			read_array(r, line, n);
			return;
		}
		v = json_parse(line, n, &f);
		if (!v)
			die("%s:%ld: %s", zin_name(r->in), r->line, f.text);
		see_value(r, v, "", r->line);
		json_decref(v);
		seen = 1;
	}
}

void objects_read(char *const paths[], int n, void (*see)(void *, const json_t *, const char *),
                  void *ctx)
{
	for (int i = 0; i < (n ? n : 1); i++) {
		struct objects_reader r = {zin_open(n ? paths[i] : NULL), 0, see, ctx};

		read_one(&r);
		zin_close(r.in);
	}
}

const char *object_key(const json_t *object, const char *key, struct buf *b)
{
	const json_t *v = json_object_get(object, key);

	b->n = 0;
	if (json_is_string(v))
		buf_str(b, json_string_value(v));
	else if (v)
		json_put(b, v);
	else
		buf_str(b, "null");
	return b->p;
}

long object_group(json_t *groups, const json_t *object, const char *key)
{
	struct buf b = {0};
	const char *value = object_key(object, key, &b);
	json_t *number = json_object_get(groups, value);

	if (!number) {
		number = json_integer(json_object_size(groups));
		json_object_set_new(groups, value, number);
	}
	buf_free(&b);
	return json_integer_value(number);
}

json_t *real_or_null(double x) { return isfinite(x) ? json_real(x) : json_null(); }
