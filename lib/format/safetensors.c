/* SPDX-License-Identifier: MIT */
/* safetensors.c - see safetensors.h. */
#include "safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "jsonl.h"

enum { HEADER_LIMIT = 100000000 }; /* the reference implementation's */

static const struct {
	const char *name;
	size_t size;
} types[ST_TYPES] = {
	[ST_F64] = {"F64", 8},   [ST_F32] = {"F32", 4}, [ST_F16] = {"F16", 2},
	[ST_BF16] = {"BF16", 2}, [ST_I64] = {"I64", 8}, [ST_I32] = {"I32", 4},
	[ST_I16] = {"I16", 2},   [ST_I8] = {"I8", 1},   [ST_U64] = {"U64", 8},
	[ST_U32] = {"U32", 4},   [ST_U16] = {"U16", 2}, [ST_U8] = {"U8", 1},
	[ST_BOOL] = {"BOOL", 1},
};

size_t st_size(enum st_type t) { return types[t].size; }
const char *st_name(enum st_type t) { return types[t].name; }

enum dtype st_dtype(enum st_type t)
{
	return t == ST_F32 ? DT_F32 : t == ST_BF16 ? DT_BF16 : t == ST_F16 ? DT_F16 : DT_TYPES;
}

enum st_type st_of_dtype(enum dtype t)
{
	assert(dtype_block(t) == 1);
	return t == DT_F32 ? ST_F32 : t == DT_BF16 ? ST_BF16 : ST_F16;
}

int st_header_bytes(const void *first8, size_t *bytes, struct fault *f)
{
	uint64_t n;

	memcpy(&n, first8, 8);
	if (n > HEADER_LIMIT)
		return fault(f, "a header of %llu bytes: no safetensors", (unsigned long long)n);
	*bytes = n;
	return 0;
}

/* A count that JSON gives: -1 unless it is an integer of 0 or more. */
static long count_of(const json_t *v) { return json_is_integer(v) ? json_integer_value(v) : -1; }

static int read_type(struct st_tensor *t, const json_t *v, struct fault *f)
{
	const char *name = json_text(v, "dtype", NULL);
	int type = 0;

	if (!name)
		return fault(f, "tensor %.80s: no dtype", t->name);
	while (type < ST_TYPES && strcmp(types[type].name, name))
		type++;
	if (type == ST_TYPES && (!strncmp(name, "F8", 2) || !strncmp(name, "F4", 2)))
		return fault(f, "tensor %.80s: dtype %.20s: quantised weights are not read",
		             t->name, name);
	if (type == ST_TYPES)
		return fault(f, "tensor %.80s: unknown dtype %.20s", t->name, name);
	t->type = type;
	return 0;
}

/* Sets shape, and bytes to what it takes. */
static int read_shape(struct st_tensor *t, const json_t *v, struct fault *f)
{
	const json_t *shape = json_object_get(v, "shape");
	long n = st_size(t->type);

	if (!json_is_array(shape))
		return fault(f, "tensor %.80s: no shape", t->name);
	if (json_array_size(shape) > ST_RANK)
		return fault(f, "tensor %.80s: a shape of %zu dimensions", t->name,
		             json_array_size(shape));
	t->rank = json_array_size(shape);
	for (int i = 0; i < t->rank; i++) {
		t->shape[i] = count_of(json_array_get(shape, i));
		if (t->shape[i] < 0)
			return fault(f, "tensor %.80s: dimension %d is no count", t->name, i);
		if (__builtin_mul_overflow(n, t->shape[i], &n))
			return fault(f, "tensor %.80s: the shape overflows", t->name);
	}
	t->bytes = n;
	return 0;
}

static int read_tensor(struct st_tensor *t, const json_t *v, struct fault *f)
{
	const json_t *at = json_object_get(v, "data_offsets");
	long begin = count_of(json_array_get(at, 0)), end = count_of(json_array_get(at, 1));

	if (!json_is_object(v))
		return fault(f, "tensor %.80s: not an object", t->name);
	if (read_type(t, v, f) || read_shape(t, v, f))
		return -1;
	if (json_array_size(at) != 2 || begin < 0 || end < begin)
		return fault(f, "tensor %.80s: no data_offsets", t->name);
	if ((size_t)(end - begin) != t->bytes)
		return fault(f, "tensor %.80s: %ld bytes of data, its shape takes %zu", t->name,
		             end - begin, t->bytes);
	t->data = (const char *)(uintptr_t)begin;
	return 0;
}

static int read_meta(struct safetensors *st, const json_t *v, struct fault *f)
{
	const char *key;
	json_t *text;

	if (!json_is_object(v))
		return fault(f, "__metadata__ is not an object");
	st->meta = xzalloc(json_object_size(v), sizeof *st->meta);
	json_object_foreach((json_t *)v, key, text)
	{
		if (!json_is_string(text))
			return fault(f, "__metadata__: %.80s is not a string", key);
		st->meta[st->metas++] =
			(struct st_meta){xstrdup(key), xstrdup(json_string_value(text))};
	}
	return 0;
}

static int by_place(const void *a, const void *b)
{
	const struct st_tensor *x = *(struct st_tensor *const *)a,
			       *y = *(struct st_tensor *const *)b;
	uintptr_t p = (uintptr_t)x->data, q = (uintptr_t)y->data;

	return p != q ? (p > q) - (p < q) : (x->bytes > y->bytes) - (x->bytes < y->bytes);
}

/* In order of place, each tensor begins where the one before it ends. */
static int check_places(const struct safetensors *st, size_t *data_bytes, struct fault *f)
{
	struct st_tensor **order = xalloc(st->n * sizeof *order);
	const char *last = "";
	size_t end = 0;
	int bad = 0;

	for (int i = 0; i < st->n; i++)
		order[i] = &st->tensor[i];
	qsort(order, st->n, sizeof *order, by_place);
	for (int i = 0; i < st->n && !bad; i++) {
		size_t begin = (uintptr_t)order[i]->data;

		if (begin < end)
			bad = fault(f, "tensors %.80s and %.80s overlap", last, order[i]->name);
		else if (begin > end)
			bad = fault(f, "a hole of %zu bytes before tensor %.80s", begin - end,
			            order[i]->name);
		last = order[i]->name;
		end = begin + order[i]->bytes;
	}
	free(order);
	*data_bytes = end;
	return bad;
}

static int read_entries(struct safetensors *st, const json_t *header, size_t *data_bytes,
                        struct fault *f)
{
	const char *key;
	json_t *v;

	if (!json_is_object(header))
		return fault(f, "the header is not an object");
	st->tensor = xzalloc(json_object_size(header), sizeof *st->tensor);
	json_object_foreach((json_t *)header, key, v)
	{
		if (!strcmp(key, "__metadata__")) {
			if (read_meta(st, v, f))
				return -1;
			continue;
		}
		st->tensor[st->n].name = xstrdup(key);
		if (read_tensor(&st->tensor[st->n++], v, f))
			return -1;
	}
	return check_places(st, data_bytes, f);
}

int st_parse_header(struct safetensors *st, const void *p, size_t header, size_t *data_bytes,
                    struct fault *f)
{
	struct fault inner;
	json_t *j = json_parse(p, header, &inner);
	int bad;

	*st = (struct safetensors){0};
	if (!j)
		return fault(f, "the header is no JSON: %.200s", inner.text);
	bad = read_entries(st, j, data_bytes, f);
	json_decref(j);
	if (!bad)
		return 0;
	st_close(st);
	return -1;
}

int st_parse(struct safetensors *st, const void *p, size_t bytes, size_t *used, struct fault *f)
{
	const char *text = (const char *)p + 8;
	size_t header = 0, data = 0;

	*st = (struct safetensors){0};
	if (bytes < 8)
		return fault(f, "%zu bytes: no safetensors", bytes);
	if (st_header_bytes(p, &header, f))
		return -1;
	bytes -= 8;
	if (header > bytes)
		return fault(f, "cut short: %zu bytes of a header of %zu", bytes, header);
	if (st_parse_header(st, text, header, &data, f))
		return -1;
	bytes -= header;
	if (data > bytes) {
		st_close(st);
		return fault(f, "cut short: %zu bytes of %zu of data", bytes, data);
	}
	for (int i = 0; i < st->n; i++)
		st->tensor[i].data = text + header + (uintptr_t)st->tensor[i].data;
	*used = 8 + header + data;
	return 0;
}

void st_close(struct safetensors *st)
{
	for (int i = 0; i < st->n; i++)
		free(st->tensor[i].name);
	for (int i = 0; i < st->metas; i++) {
		free(st->meta[i].key);
		free(st->meta[i].value);
	}
	free(st->tensor);
	free(st->meta);
	*st = (struct safetensors){0};
}

const struct st_tensor *st_find(const struct safetensors *st, const char *name)
{
	for (int i = 0; i < st->n; i++)
		if (!strcmp(st->tensor[i].name, name))
			return &st->tensor[i];
	return NULL;
}

const char *st_meta(const struct safetensors *st, const char *key)
{
	for (int i = 0; i < st->metas; i++)
		if (!strcmp(st->meta[i].key, key))
			return st->meta[i].value;
	return NULL;
}

static void put_pair(struct buf *b, const char *between, const char *key)
{
	buf_str(b, between);
	json_put_text(b, key, strlen(key));
	buf_str(b, ":");
}

static void put_entry(struct buf *b, const char *between, const struct st_tensor *t, size_t begin)
{
	size_t n = st_size(t->type);

	for (int i = 0; i < t->rank; i++)
		n *= t->shape[i];
	assert(n == t->bytes);
	put_pair(b, between, t->name);
	buf_fmt(b, "{\"dtype\":\"%s\",\"shape\":[", st_name(t->type));
	for (int i = 0; i < t->rank; i++)
		buf_fmt(b, "%s%ld", i ? "," : "", t->shape[i]);
	buf_fmt(b, "],\"data_offsets\":[%zu,%zu]}", begin, begin + t->bytes);
}

void st_head(struct buf *out, const struct st_tensor *t, int n, const struct st_meta *meta,
             int metas)
{
	struct buf b = {0};
	const char *between = "{";
	size_t at = 0;

	if (metas) {
		put_pair(&b, "{", "__metadata__");
		for (int i = 0; i < metas; i++) {
			put_pair(&b, i ? "," : "{", meta[i].key);
			json_put_text(&b, meta[i].value, strlen(meta[i].value));
		}
		buf_str(&b, "}");
		between = ",";
	}
	for (int i = 0; i < n; i++, between = ",") {
		put_entry(&b, between, &t[i], at);
		at += t[i].bytes;
	}
	buf_str(&b, *between == '{' ? "{}" : "}");
	while (b.n % 8)
		buf_str(&b, " ");
	buf_add(out, &b.n, 8);
	buf_add(out, b.p, b.n);
	buf_free(&b);
}

void st_write(struct buf *out, const struct st_tensor *t, int n, const struct st_meta *meta,
              int metas, int align)
{
	static const char zeros[8];
	struct st_tensor *padded = xalloc((n + 1) * sizeof *padded);
	size_t bytes = 0;

	for (int i = 0; i < n; i++) {
		padded[i] = t[i];
		bytes += t[i].bytes;
	}
	if (align && bytes % 8) {
		long pad = 8 - bytes % 8;

		padded[n++] = (struct st_tensor){"pad", ST_U8, 1, {pad}, zeros, pad};
	}
	st_head(out, padded, n, meta, metas);
	for (int i = 0; i < n; i++)
		buf_add(out, padded[i].data, padded[i].bytes);
	free(padded);
}
