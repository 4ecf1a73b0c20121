/* SPDX-License-Identifier: MIT */
/* jsonl_objects.c - files of many objects, as evaluation has them; see jsonl.h. */
#include "jsonl.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/utf8.h"
#include "values.h"

struct objects_reader {
	struct zin *in;
	long seen; /* of this input */
	void (*see)(void *, const json_t *, const char *);
	void *ctx;
};

static void see_value(struct objects_reader *r, const char *text, size_t n, long line, long element)
{
	char *where = element ? xprintf("%s:%ld: element %ld", zin_name(r->in), line, element)
	                      : xprintf("%s:%ld", zin_name(r->in), line);
	struct fault f;
	json_t *v = json_parse_row(text, n, &f);

	if (!v)
		die("%s: %s", where, f.text);
	if (!json_is_object(v))
		die("%s: not an object", where);
	r->see(r->ctx, v, where);
	r->seen++;
	json_decref(v);
	free(where);
}

static void read_lines(struct objects_reader *r)
{
	size_t n, raw, bom;
	char *p;

	for (long line = 1; (p = zin_line(r->in, &n, &raw)); line++) {
		bom = utf8_bom(p, n);
		p += bom;
		n -= bom;
		if (n != strspn(p, " \t\r"))
			see_value(r, p, n, line, 0);
	}
}

static void read_values(struct objects_reader *r)
{
	struct values v = {0};
	struct fault f;
	int got;

	while ((got = values_next(&v, r->in, NULL, &f)) > 0)
		see_value(r, v.text.p, v.text.n, v.line, v.element);
	if (got < 0)
		die("%s:%ld: %s", zin_name(r->in), v.line, f.text);
	values_free(&v);
}

void objects_read(char *const paths[], int n, void (*see)(void *, const json_t *, const char *),
                  void *ctx)
{
	struct objects_reader r = {.see = see, .ctx = ctx};

	for (int i = 0; i < (n ? n : 1); i++) {
		r.in = zin_open_text(n ? paths[i] : NULL);
		r.seen = 0;
		(values_form(r.in) == VALUES_TEXT ? read_values : read_lines)(&r);
		if (!r.seen)
			die("%s: no objects", zin_name(r.in));
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
