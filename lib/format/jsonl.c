/* SPDX-License-Identifier: MIT */
/* jsonl.c - see jsonl.h. */
#include "jsonl.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"

json_t *json_parse(const char *text, size_t n, struct fault *f)
{
	json_error_t e;
	json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES | JSON_DECODE_ANY, &e);

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
	case 't': return json_is_string(v) ? NULL : "text";
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

/* The length of the UTF-8 character at s, 0 when it is none (Unicode 3.9, table 3-7). */
static int utf8_length(const unsigned char *s, size_t n)
{
	unsigned char c = s[0], low = 0x80, high = 0xbf;
	int len = c < 0x80 ? 1 : c < 0xc2 ? 0 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : c < 0xf5 ? 4 : 0;

	if (len < 2 || (size_t)len > n)
		return len == 1;
	if (c == 0xe0)
		low = 0xa0;
	else if (c == 0xed)
		high = 0x9f;
	else if (c == 0xf0)
		low = 0x90;
	else if (c == 0xf4)
		high = 0x8f;
	if (s[1] < low || s[1] > high)
		return 0;
	for (int i = 2; i < len; i++)
		if (s[i] >> 6 != 2)
			return 0;
	return len;
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

void json_put_text(struct buf *b, const char *text, size_t n)
{
	const unsigned char *s = (const unsigned char *)text;
	size_t from = 0, i = 0;

	buf_str(b, "\"");
	while (i < n) {
		int len = utf8_length(s + i, n - i);

		if (len && s[i] >= ' ' && s[i] != '"' && s[i] != '\\') {
			i += len;
			continue;
		}
		buf_add(b, s + from, i - from);
		if (len)
			put_escaped(b, s[i]);
		else
			buf_str(b, "\xef\xbf\xbd"); /* U+FFFD for a byte that is no UTF-8 */
		from = ++i;
	}
	buf_add(b, s + from, i - from);
	buf_str(b, "\"");
}

static int reads_back(const char *s, double x, int as_float)
{
	return as_float ? strtof(s, NULL) == (float)x : strtod(s, NULL) == x;
}

/* The shortest text that reads back to x.  Text of p digits is nearer to x the larger p is, so
 * the least such p can be searched by halving. */
static void put_shortest(struct buf *b, double x, int as_float)
{
	int low = 1, high = as_float ? 9 : 17;
	char s[32];

	if (!isfinite(x)) {
		buf_str(b, "null");
		return;
	}
	if (x == rint(x) && fabs(x) < (as_float ? 1e9 : 1e15)) {
		buf_fmt(b, "%.0f", x);
		return;
	}
	while (low < high) {
		int p = (low + high) / 2;

		snprintf(s, sizeof s, "%.*g", p, x);
		if (reads_back(s, x, as_float))
			high = p;
		else
			low = p + 1;
	}
	buf_fmt(b, "%.*g", low, x);
}

void json_put_real(struct buf *b, double x) { put_shortest(b, x, 0); }
void json_put_float(struct buf *b, double x) { put_shortest(b, (float)x, 1); }

json_t *json_float(double x)
{
	struct buf b = {0};
	json_t *j;

	json_put_float(&b, x);
	j = isfinite((float)x) ? json_real(strtod(b.p, NULL)) : json_null();
	buf_free(&b);
	return j;
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

struct settings {
	const struct opt_group *groups;
	json_t *object;
};

static enum opt_type type_of(const struct opt_group *g, const char *name)
{
	for (; g->table; g++)
		for (const struct opt *o = g->table; o->name; o++)
			if (!strcmp(o->name, name))
				return o->type;
	return OPT_TEXT;
}

static void put_setting(void *ctx, const char *name, const char *value)
{
	struct settings *s = ctx;
	enum opt_type type = type_of(s->groups, name);
	struct fault why;
	json_t *v = NULL;

	if (type == OPT_FLAG)
		v = json_boolean(strcmp(value, "0") && strcmp(value, "false"));
	else if (type == OPT_COUNT || type == OPT_SEED || type == OPT_REAL)
		v = json_parse(value, strlen(value), &why);
	if (!v)
		v = json_string(value);
	if (json_object_set_new(s->object, name, v))
		die("--%s: the value is not UTF-8", name);
}

json_t *json_settings(const struct opt_group *groups)
{
	struct settings s = {groups, json_object()};

	opt_settings(groups, put_setting, &s);
	return s.object;
}

json_t *json_repaired(const char *s, size_t n)
{
	struct buf b = {0};
	json_t *j;

	buf_need(&b, n);
	for (size_t i = 0, len; i < n; i += len ? len : 1) {
		len = utf8_length((const unsigned char *)s + i, n - i);
		buf_add(&b, len ? s + i : "\xef\xbf\xbd", len ? len : 3);
	}
	j = json_stringn(b.p, b.n);
	buf_free(&b);
	return j;
}

json_t *json_hash(uint64_t hash)
{
	char hex[17];

	hash_hex(hash, hex);
	return json_string(hex);
}
