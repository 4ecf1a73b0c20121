/* SPDX-License-Identifier: MIT */
/* jsonl.h - JSON values through jansson, one to a line or a file. */
#ifndef SEAL_JSONL_H
#define SEAL_JSONL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/die.h"
#include "../base/opt.h"
#include "zio.h"

/* An owned value, or NULL with the fault set ("column 17: ...").  Duplicate
 * keys, bad UTF-8, NUL bytes and nesting deeper than jansson's limit are faults. */
json_t *json_parse(const char *text, size_t n, struct fault *);
/* As json_parse, of what Python's json module may have written.  A byte order mark is skipped;
 * a whole number beyond 64 bits becomes a real; NaN, infinities and numbers beyond a double
 * become JSON_NOT_FINITE, which no lookup returns and json_check refuses. */
json_t *json_parse_python(const char *text, size_t n, struct fault *);
#define JSON_NOT_FINITE __DBL_MAX__
/* A file of others (a model's config.json, say), read so; dies; owned. */
json_t *json_read_file(const char *path);

/* Lookups that never fail: the default when the key is missing or of another type. */
const char *json_text(const json_t *object, const char *key, const char *otherwise);
double json_number(const json_t *object, const char *key, double otherwise);
long json_long(const json_t *object, const char *key, long otherwise);
int json_flag(const json_t *object, const char *key, int otherwise);
double json_double(const json_t *); /* a number's value, NAN when it is not finite; others: 0 */

/* So that a key of another type does not count as missing: -1 with a fault for the first
 * of these keys whose value is there, not null, and not what it should be: a (t)ext,
 * (n)umber, (w)hole number, (f)lag, (o)bject.  The list ends with NULL. */
struct json_key {
	const char *name;
	char is;
};
int json_check(const json_t *object, const struct json_key[], struct fault *);

/* A string of these bytes, U+FFFD for each that is no UTF-8; owned. */
json_t *json_repaired(const char *text, size_t n);

/* Appends compact JSON (keys in insertion order, numbers as the shortest text
 * that reads back to the same double, no ASCII escaping). */
void json_put(struct buf *, const json_t *);
void json_put_text(struct buf *, const char *, size_t); /* a quoted string */
void json_put_real(struct buf *, double);               /* null when not finite */
/* Of a number that was computed in floats: the shortest text that reads back to the same float,
 * at most 9 digits; and the same as a value. */
void json_put_float(struct buf *, double);
json_t *json_float(double); /* owned */
void json_write_line(struct zout *, const json_t *);

/* The recorded options of these groups as one flat object, numbers as numbers. */
json_t *json_settings(const struct opt_group *);

#endif
