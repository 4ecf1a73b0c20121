/* SPDX-License-Identifier: MIT */
/* jsonl.h - JSON values, one to a line or a file, through jansson. */
#ifndef SEAL_JSONL_H
#define SEAL_JSONL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "../base/buf.h"
#include "../base/die.h"
#include "../base/opt.h"
#include "zio.h"

/* An owned value, or NULL with the fault set ("column 17: ...").  Duplicate
 * keys, bad UTF-8, NUL bytes and nesting deeper than jansson's limit are faults. */
json_t *json_parse(const char *text, size_t n, struct fault *);
/* The same where a key may stand twice: the last counts. */
json_t *json_parse_twice(const char *text, size_t n, struct fault *);
/* As json_parse_twice, of what Python's json module may have written.  A byte order mark is
 * skipped; a whole number beyond 64 bits becomes a real; NaN, infinities and numbers beyond a
 * double become JSON_NOT_FINITE, which no lookup returns and json_check refuses; a NUL character
 * in a text or a key becomes JSON_NUL, which is no character, and json_check refuses it too. */
json_t *json_parse_python(const char *text, size_t n, struct fault *);
#define JSON_NUL        "\xef\xb7\x90" /* U+FDD0 */
#define JSON_NOT_FINITE __DBL_MAX__
/* As json_parse, of a row.  A value that jansson cannot hold, or that no text can, becomes an
 * object {JSON_UNREAD: its text} of which json_why_unread says what it "is" or "holds": NaN, an
 * infinity, a number beyond 64 bits or a double's, a text with the character NUL.  json_why_unread
 * is NULL of all others. */
json_t *json_parse_row(const char *text, size_t n, struct fault *);
#define JSON_UNREAD JSON_NUL "unread" /* a key that no row has: its first character is none */
const char *json_why_unread(const json_t *);
const char *json_unread_in(const json_t *); /* the same of what is anywhere in the value */
/* A file of others (a model's config.json, say), read so; dies; owned. */
json_t *json_read_file(const char *path);

/* Lookups that never fail: the default when the key is missing or of another type. */
const char *json_text(const json_t *object, const char *key, const char *otherwise);
double json_number(const json_t *object, const char *key, double otherwise);
long json_long(const json_t *object, const char *key, long otherwise);
int json_flag(const json_t *object, const char *key, int otherwise);
double json_double(const json_t *); /* a number's value, NAN when it is not finite; others: 0 */

/* The lookups take a key of the wrong type for a missing one; so what is used is checked first.
 * -1 with a fault that names the first of these keys whose value is there, is not null, and is
 * not what it should be: a (t)ext, finite (n)umber, (w)hole number of 64 bits, (f)lag or
 * (o)bject.  The list ends with a NULL name. */
struct json_key {
	const char *name;
	char is;
};
int json_check(const json_t *object, const struct json_key[], struct fault *);

/* A string of these bytes, with U+FFFD for each byte that is no UTF-8 and for each NUL, which rows
 * may not have; owned. */
json_t *json_repaired(const char *text, size_t n);
/* A text of the 16 hexadecimal digits of a hash; owned. */
json_t *json_hash(uint64_t);

/* Appends compact JSON: keys in the order in which they were inserted, numbers as the shortest
 * text that reads back to the same double, characters beyond ASCII as they are. */
void json_put(struct buf *, const json_t *);
void json_put_text(struct buf *, const char *, size_t); /* a quoted string */
void json_put_real(struct buf *, double);               /* null when not finite */
/* The value, owned, of a number that was computed in floats: its text is the shortest that reads
 * back to the same float, at most 9 digits; null when that is not finite. */
json_t *json_float(double);
void json_write_line(struct zout *, const json_t *);

/* The recorded options of these groups that have a value, as one flat object; numbers are
 * numbers. */
json_t *json_settings(const struct opt_group *);
/* Dies where this value, or these options, are not those of all ranks (world.h). */
void json_same(const char *what, const json_t *);
void json_settings_same(const struct opt_group *);

/* Calls see() for every object of n inputs (0: of stdin), each of which is JSONL or JSON as
 * values.h has it; dies on one that is neither, or has no object.  `where` names the place of the
 * object, for die("%s: ...", where). */
void objects_read(char *const paths[], int n,
                  void (*see)(void *ctx, const json_t *object, const char *where), void *ctx);

/* The value of a key as a text to group by: a string as it is, anything else as compact JSON, a
 * missing one as "null".  It is written to b, whose text is returned. */
const char *object_key(const json_t *object, const char *key, struct buf *b);
/* The number of the object's group by that value, from 0 in the order of first sight.  groups: a
 * JSON object of value -> number, {} before the first call. */
long object_group(json_t *groups, const json_t *object, const char *key);

json_t *real_or_null(double); /* null when not finite; owned */

#endif
