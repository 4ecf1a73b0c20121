/* SPDX-License-Identifier: MIT */
/* jsonl.c - see jsonl.h. */
#include "jsonl.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/world.h"
#include "../base/utf8.h"

static json_t *parse(const char *text, size_t n, size_t flags, struct fault *f)
{
	json_error_t e;
	json_t *j = json_loadb(text, n, flags | JSON_DECODE_ANY, &e);

	if (j)
		return j;
	if (json_error_code(&e) == json_error_null_character)
		strcpy(e.text, "a NUL character");
	if (e.line > 1)
		fault(f, "line %d, column %d: %s", e.line, e.column, e.text);
	else
		fault(f, "column %d: %s", e.column, e.text);
	return NULL;
}

json_t *json_parse(const char *text, size_t n, struct fault *f)
{
	return parse(text, n, JSON_REJECT_DUPLICATES, f);
}

json_t *json_parse_twice(const char *text, size_t n, struct fault *f)
{
	return parse(text, n, 0, f);
}

const char *json_text(const json_t *o, const char *key, const char *otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_string(v) ? json_string_value(v) : otherwise;
}

double json_number(const json_t *o, const char *key, double otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_number(v) ? json_double(v) : otherwise;
}

double json_double(const json_t *v)
{
	double x = json_number_value(v);

	return fabs(x) < JSON_NOT_FINITE ? x : NAN;
}

long json_long(const json_t *o, const char *key, long otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_integer(v) ? json_integer_value(v) : otherwise;
}

int json_flag(const json_t *o, const char *key, int otherwise)
{
	const json_t *v = json_object_get(o, key);

	return json_is_boolean(v) ? json_is_true(v) : otherwise;
}

static const char *not_as(const json_t *v, char is)
{
	if (json_is_real(v) && isnan(json_double(v)) && (is == 'n' || is == 'w'))
		return "a finite number";
	switch (is) {
	case 't':
		if (json_is_string(v) && strstr(json_string_value(v), JSON_NUL))
			return "text without a NUL character";
		return json_is_string(v) ? NULL : "text";
	case 'n': return json_is_number(v) ? NULL : "a number";
	case 'w':
		if (json_is_real(v) && fabs(json_real_value(v)) >= 0x1p63)
			return "a whole number of 64 bits";
		return json_is_integer(v) ? NULL : "a whole number";
	case 'f': return json_is_boolean(v) ? NULL : "true or false";
	default: return json_is_object(v) ? NULL : "an object";
	}
}

int json_check(const json_t *o, const struct json_key key[], struct fault *f)
{
	for (; key->name; key++) {
		const json_t *v = json_object_get(o, key->name);
		const char *want = v && !json_is_null(v) ? not_as(v, key->is) : NULL;

		if (want)
			return fault(f, "\"%s\" is not %s", key->name, want);
	}
	return 0;
}

static void put_escaped(struct buf *b, unsigned char c)
{
	static const char plain[] = "\"\\\b\f\n\r\t", escaped[] = "\"\\bfnrt";
	const char *at = c ? strchr(plain, c) : NULL;

	if (at)
		buf_add(b, (char[]){'\\', escaped[at - plain]}, 2);
	else
		buf_fmt(b, "\\u%04x", c);
}

void json_put_text(struct buf *b, const char *s, size_t n)
{
	size_t from = 0, i = 0;
	int32_t c;

	buf_str(b, "\"");
	while (i < n) {
		int len = utf8_first(s + i, n - i, &c);

		if (c >= ' ' && c != '"' && c != '\\') {
			i += len;
			continue;
		}
		buf_add(b, s + from, i - from);
		if (c < 0)
			buf_str(b, UTF8_REPLACEMENT);
		else
			put_escaped(b, c);
		from = ++i;
	}
	buf_add(b, s + from, i - from);
	buf_str(b, "\"");
}

/* The shortest text that reads back to x.  Text of p digits is nearer to x the larger p is, so
 * the least such p can be searched by halving. */
void json_put_real(struct buf *b, double x)
{
	int low = 1, high = 17;
	char s[32];

	if (!isfinite(x)) {
		buf_str(b, "null");
		return;
	}
	if (x == rint(x) && fabs(x) < 1e15) {
		buf_fmt(b, "%.0f", x);
		return;
	}
	while (low < high) {
		int p = (low + high) / 2;

		snprintf(s, sizeof s, "%.*g", p, x);
		if (strtod(s, NULL) == x)
			high = p;
		else
			low = p + 1;
	}
	buf_fmt(b, "%.*g", low, x);
}

json_t *json_hash(uint64_t hash)
{
	char hex[17];

	hash_hex(hash, hex);
	return json_string(hex);
}

json_t *json_float(double x)
{
	char s[32] = "";

	if (!isfinite((float)x))
		return json_null();
	for (int p = 1; p <= 9 && (p == 1 || strtof(s, NULL) != (float)x); p++)
		snprintf(s, sizeof s, "%.*g", p, (float)x);
	return json_real(strtod(s, NULL));
}

static void put_object(struct buf *b, const json_t *o)
{
	const char *key, *between = "{";
	json_t *v;

	json_object_foreach((json_t *)o, key, v)
	{
		buf_str(b, between);
		json_put_text(b, key, strlen(key));
		buf_str(b, ":");
		json_put(b, v);
		between = ",";
	}
	buf_str(b, *between == '{' ? "{}" : "}");
}

void json_put(struct buf *b, const json_t *j)
{
	switch (json_typeof(j)) {
	case JSON_OBJECT: put_object(b, j); break;
	case JSON_ARRAY:
		buf_str(b, "[");
		for (size_t i = 0; i < json_array_size(j); i++) {
			if (i)
				buf_str(b, ",");
			json_put(b, json_array_get(j, i));
		}
		buf_str(b, "]");
		break;
	case JSON_STRING: json_put_text(b, json_string_value(j), json_string_length(j)); break;
	case JSON_INTEGER: buf_fmt(b, "%" JSON_INTEGER_FORMAT, json_integer_value(j)); break;
	case JSON_REAL: json_put_real(b, json_real_value(j)); break;
	case JSON_TRUE: buf_str(b, "true"); break;
	case JSON_FALSE: buf_str(b, "false"); break;
	case JSON_NULL: buf_str(b, "null"); break;
	}
}

void json_write_line(struct zout *z, const json_t *j)
{
	struct buf b = {0};

	json_put(&b, j);
	buf_str(&b, "\n");
	zout_write(z, b.p, b.n);
	buf_free(&b);
}

/* The value of an option, NULL when it has none.  A real that is whole becomes an integer, as it
 * does when what is written of it is read again. */
static json_t *setting(const struct opt *o, const void *field)
{
	const char *text;
	json_t *v;
	double x;

	switch (o->type) {
	case OPT_FLAG: return json_boolean(*(const int *)field);
	case OPT_TEXTS: assert(!o->recorded); return NULL;
	case OPT_COUNT:
	case OPT_SEED:
	case OPT_SIZE: return json_integer(*(const long *)field);
	case OPT_REAL:
		x = *(const double *)field;
		return x == rint(x) && fabs(x) < 1e15 ? json_integer(x) : json_real(x);
	default: text = *(const char *const *)field;
	}
	v = text ? json_string(text) : NULL;
	if (text && !v)
		die("--%s: the value is not UTF-8", o->name);
	return v;
}

json_t *json_settings(const struct opt_group *g)
{
	json_t *all = json_object(), *v;

	for (; g->table; g++)
		for (const struct opt *o = g->table; o->name; o++)
			if (o->recorded && (v = setting(o, opt_field(g, o))))
				json_object_set_new(all, o->name, v);
	return all;
}

void json_same(const char *what, const json_t *j)
{
	struct buf b = {0};

	if (world_size() == 1)
		return;
	json_put(&b, j);
	world_same(what, hash_bytes(b.p, b.n));
	buf_free(&b);
}

void json_settings_same(const struct opt_group *g)
{
	json_t *all = world_size() > 1 ? json_settings(g) : NULL;

	json_same("the options", all);
	json_decref(all);
}

json_t *json_repaired(const char *s, size_t n)
{
	struct buf b = {0};
	json_t *j;

	for (const char *nul; (nul = n ? memchr(s, 0, n) : NULL); s = nul + 1) {
		buf_utf8(&b, s, nul - s);
		buf_str(&b, "\xef\xbf\xbd");
		n -= nul + 1 - s;
	}
	buf_utf8(&b, s, n);
	j = json_stringn(b.p ? b.p : "", b.n);
	buf_free(&b);
	return j;
}
