/* SPDX-License-Identifier: MIT */
/* gguf.c - see gguf.h.  All numbers of a file are little-endian, as the machine's are.
 *
 *   "GGUF"  u32 version  u64 tensors  u64 values
 *   values:  text key, u32 type, the value; an array is u32 type, u64 count, items
 *   tensors: text name, u32 rank, u64 shape[rank], u32 type, u64 offset
 *   padding to general.alignment; the data, to which offsets are relative
 *
 * A text is its length, a u64, and its bytes.
 */
#include "gguf_in.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"

enum { U8, I8, U16, I16, U32, I32, R32, BOOL, TEXT, ARRAY, U64, I64, R64, TYPES };

/* clang-format off */
static const struct {
	enum gguf_kind kind;
	size_t size; /* of an array: at least */
} types[TYPES] = {
	[U8] = {GGUF_INT, 1},  [U16] = {GGUF_INT, 2},  [U32] = {GGUF_INT, 4},  [U64] = {GGUF_INT, 8},
	[I8] = {GGUF_INT, 1},  [I16] = {GGUF_INT, 2},  [I32] = {GGUF_INT, 4},  [I64] = {GGUF_INT, 8},
	[R32] = {GGUF_REAL, 4}, [R64] = {GGUF_REAL, 8},
	[BOOL] = {GGUF_BOOL, 1}, [TEXT] = {GGUF_TEXT, 8}, [ARRAY] = {GGUF_ARRAY, 12},
};
/* clang-format on */

enum { VALUE_LEAST = 8 + 4 + 1, TENSOR_LEAST = 8 + 4 + 4 + 8 };

struct reader {
	const char *p;
	size_t at, n;
	struct fault *f;
};

static const void *take(struct reader *r, size_t n)
{
	const char *p = r->p + r->at;

	if (n > r->n - r->at) {
		fault(r->f, "cut short at byte %zu", r->n);
		return NULL;
	}
	r->at += n;
	return p;
}

/* n bytes, at most 8, as a little-endian number. */
static int take_uint(struct reader *r, size_t n, uint64_t *v)
{
	const void *p = take(r, n);

	*v = 0;
	if (!p)
		return -1;
	memcpy(v, p, n);
	return 0;
}

static int take_text(struct reader *r, const char **text, size_t *n)
{
	uint64_t length;

	if (take_uint(r, 8, &length))
		return -1;
	*n = length;
	*text = take(r, length);
	return *text ? 0 : -1;
}

/* A name: an owned text that holds no control character, hence no NUL. */
static int take_name(struct reader *r, const char **name)
{
	const char *text;
	size_t n;

	if (take_text(r, &text, &n))
		return -1;
	for (size_t i = 0; i < n; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 127)
			return fault(r->f, "a control character in a name, at byte %zu",
			             r->at - n + i);
	*name = xstrndup(text, n);
	return 0;
}

/* Sets v to the number at p, which is of a type of the file.  As an integer, NaN and what does
 * not fit are 0. */
static void number(struct gguf_value *v, int type, const void *p)
{
	uint64_t u = 0;
	float r32;

	memcpy(&u, p, types[type].size);
	memcpy(&r32, &u, sizeof r32);
	v->i = type == I8    ? (int8_t)u
	       : type == I16 ? (int16_t)u
	       : type == I32 ? (int32_t)u
	                     : (int64_t)u;
	v->r = type == U64 ? (double)u : (double)v->i;
	if (types[type].kind != GGUF_REAL)
		return;
	memcpy(&v->r, &u, sizeof v->r);
	if (type == R32)
		v->r = r32;
	v->i = v->r >= -0x1p63 && v->r < 0x1p63 ? (int64_t)v->r : 0;
}

static int take_array(struct reader *r, struct gguf_value *v)
{
	uint64_t type, count;
	const char *text;
	size_t n;

	if (take_uint(r, 4, &type) || take_uint(r, 8, &count))
		return -1;
	if (type >= TYPES || type == ARRAY)
		return fault(r->f, "%.80s: an array of type %u", v->key, (unsigned)type);
	if (count > (r->n - r->at) / types[type].size)
		return fault(r->f, "%.80s: cut short, an array of %llu items", v->key,
		             (unsigned long long)count);
	v->of = types[type].kind;
	v->item_type = type;
	v->count = count;
	v->items = r->p + r->at;
	if (type != TEXT)
		return take(r, count * types[type].size) ? 0 : -1;
	v->at = xalloc(count * sizeof *v->at);
	for (uint64_t i = 0; i < count; i++) {
		v->at[i] = r->p + r->at - (const char *)v->items;
		if (take_text(r, &text, &n))
			return -1;
	}
	return 0;
}

static int take_value(struct reader *r, struct gguf_value *v)
{
	const void *p;
	uint64_t type;

	if (take_name(r, &v->key) || take_uint(r, 4, &type))
		return -1;
	if (type >= TYPES)
		return fault(r->f, "%.80s: unknown type %u", v->key, (unsigned)type);
	v->kind = types[type].kind;
	if (type == TEXT)
		return take_text(r, &v->text, &v->n);
	if (type == ARRAY)
		return take_array(r, v);
	p = take(r, types[type].size);
	if (!p)
		return -1;
	number(v, type, p);
	if (type == BOOL && v->i > 1)
		return fault(r->f, "%.80s: a truth value of %u", v->key, (unsigned)v->i);
	return 0;
}

/* Sets t but for its data, whose offset stands there until place_tensors. */
static int take_tensor(struct reader *r, struct gguf_tensor *t)
{
	uint64_t rank, type, size, offset;
	long n = 1;

	if (take_name(r, &t->name) || take_uint(r, 4, &rank))
		return -1;
	if (rank > 4)
		return fault(r->f, "tensor %.80s: %u dimensions", t->name, (unsigned)rank);
	t->rank = rank;
	for (int i = 0; i < 4; i++) {
		size = 1;
		if (i < t->rank && take_uint(r, 8, &size))
			return -1;
		if (size > LONG_MAX || __builtin_mul_overflow(n, (long)size, &n))
			return fault(r->f, "tensor %.80s: the shape overflows", t->name);
		t->shape[i] = size;
	}
	if (take_uint(r, 4, &type) || take_uint(r, 8, &offset))
		return -1;
	t->data = (const char *)(uintptr_t)offset;
	return gguf_type(t, type, n, r->f);
}

static int place_tensors(struct gguf *g, struct reader *r)
{
	long align = gguf_int(g, "general.alignment", 32);
	size_t begin, room;

	if (align < 1 || align > 1 << 30 || (align & (align - 1)))
		return fault(r->f, "general.alignment is %ld, no power of 2", align);
	begin = (r->at + align - 1) & ~(size_t)(align - 1);
	room = begin < r->n ? r->n - begin : 0;
	for (long i = 0; i < g->tensors; i++) {
		struct gguf_tensor *t = &g->tensor[i];
		size_t offset = (uintptr_t)t->data;

		if (offset % align)
			return fault(r->f, "tensor %.80s: offset %zu is not aligned to %ld",
			             t->name, offset, align);
		if (offset > room || t->bytes > room - offset)
			return fault(r->f,
			             "tensor %.80s: cut short, its %zu bytes at %zu end beyond the "
			             "file",
			             t->name, t->bytes, begin + offset);
		t->data = r->p + begin + offset;
	}
	return 0;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* The first name, in alphabetical order, that is there twice, or NULL.  The names are the first
 * members of n structs of `size` bytes. */
static const char *repeated(const void *first, long n, size_t size)
{
	const char **name = xalloc(n * sizeof *name), *twice = NULL;

	for (long i = 0; i < n; i++)
		name[i] = *(const char *const *)((const char *)first + i * size);
	qsort(name, n, sizeof *name, by_name);
	for (long i = 1; i < n && !twice; i++)
		if (!strcmp(name[i - 1], name[i]))
			twice = name[i];
	free(name);
	return twice;
}

static int parse(struct gguf *g, struct reader *r)
{
	uint64_t version, tensors, values;
	const char *twice;

	r->at = 4;
	if (take_uint(r, 4, &version) || take_uint(r, 8, &tensors) || take_uint(r, 8, &values))
		return -1;
	if (version && !(version & 0xffff))
		return fault(r->f, "a big-endian GGUF file is not supported: "
		                   "gguf-convert-endian makes it little-endian");
	if (version < 2 || version > 3)
		return fault(r->f, "GGUF version %u, not 2 or 3: convert the model anew",
		             (unsigned)version);
	if (values > (r->n - r->at) / VALUE_LEAST || tensors > (r->n - r->at) / TENSOR_LEAST)
		return fault(r->f, "cut short: %llu values and %llu tensors in %zu bytes",
		             (unsigned long long)values, (unsigned long long)tensors, r->n);
	g->value = xzalloc(values, sizeof *g->value);
	while (g->values < (long)values)
		if (take_value(r, &g->value[g->values++]))
			return -1;
	g->tensor = xzalloc(tensors, sizeof *g->tensor);
	while (g->tensors < (long)tensors)
		if (take_tensor(r, &g->tensor[g->tensors++]))
			return -1;
	twice = repeated(g->value, g->values, sizeof *g->value);
	if (!twice)
		twice = repeated(g->tensor, g->tensors, sizeof *g->tensor);
	if (twice)
		return fault(r->f, "%.80s is there twice", twice);
	return place_tensors(g, r);
}

int gguf_is(const void *p, size_t bytes) { return bytes >= 4 && !memcmp(p, "GGUF", 4); }

/* The marks were written as numbers, hence backwards. */
int gguf_old(const void *p, size_t bytes)
{
	static const char mark[][5] = {"lmgg", "fmgg", "tjgg", "algg", "ggml",
	                               "ggmf", "ggjt", "ggla", "GGML"};

	for (size_t i = 0; i < sizeof mark / sizeof *mark; i++)
		if (bytes >= 4 && !memcmp(p, mark[i], 4))
			return 1;
	return 0;
}

int gguf_parse(struct gguf *g, const void *map, size_t bytes, struct fault *f)
{
	struct reader r = {map, 0, bytes, f};

	*g = (struct gguf){.map = map, .bytes = bytes};
	if (gguf_old(map, bytes))
		return fault(f,
		             "\"%.4s\" is the mark of a format that llama.cpp had before GGUF, "
		             "which is not supported: convert the model anew",
		             (const char *)map);
	if (!gguf_is(map, bytes))
		return fault(f, "no GGUF file");
	if (!parse(g, &r))
		return 0;
	gguf_close(g);
	return -1;
}

void gguf_close(struct gguf *g)
{
	for (long i = 0; i < g->values; i++) {
		free((char *)g->value[i].key);
		free(g->value[i].at);
	}
	for (long i = 0; i < g->tensors; i++)
		free((char *)g->tensor[i].name);
	free(g->value);
	free(g->tensor);
	*g = (struct gguf){0};
}

int gguf_part(const struct gguf *g, long *no, long *of, struct fault *f)
{
	*no = gguf_int(g, "split.no", 0);
	*of = gguf_int(g, "split.count", 1);
	if (!*of)
		*of = 1;
	if (*of < 1 || *of > UINT16_MAX || *no < 0 || *no >= *of)
		return fault(f, "split.no %ld of split.count %ld", *no, *of);
	return 0;
}

int gguf_first(const struct gguf *g, struct fault *f)
{
	long no, of;

	if (gguf_part(g, &no, &of, f))
		return -1;
	return no ? fault(f,
	                  "is part %ld of %ld: give the first, whose name ends in "
	                  "-00001-of-%05ld.gguf",
	                  no + 1, of, of)
	          : 0;
}

int gguf_join(struct gguf *g, struct gguf *part, struct fault *f)
{
	const char *twice;

	g->tensor = xrealloc(g->tensor, (g->tensors + part->tensors) * sizeof *g->tensor);
	if (part->tensors)
		memcpy(g->tensor + g->tensors, part->tensor, part->tensors * sizeof *g->tensor);
	g->tensors += part->tensors;
	part->tensors = 0;
	gguf_close(part);
	twice = repeated(g->tensor, g->tensors, sizeof *g->tensor);
	return twice ? fault(f, "%.80s is in two parts", twice) : 0;
}

const struct gguf_value *gguf_find(const struct gguf *g, const char *key)
{
	for (long i = 0; i < g->values; i++)
		if (!strcmp(g->value[i].key, key))
			return &g->value[i];
	return NULL;
}

static const struct gguf_value *find_number(const struct gguf *g, const char *key)
{
	const struct gguf_value *v = gguf_find(g, key);

	return v && v->kind <= GGUF_BOOL ? v : NULL;
}

long gguf_int(const struct gguf *g, const char *key, long otherwise)
{
	const struct gguf_value *v = find_number(g, key);

	return v ? v->i : otherwise;
}

double gguf_real(const struct gguf *g, const char *key, double otherwise)
{
	const struct gguf_value *v = find_number(g, key);

	return v ? v->r : otherwise;
}

char *gguf_text(const struct gguf *g, const char *key)
{
	const struct gguf_value *v = gguf_find(g, key);

	return v && v->kind == GGUF_TEXT ? xstrndup(v->text, v->n) : NULL;
}

const char *gguf_item_text(const struct gguf_value *v, long i, size_t *n)
{
	const char *p = (const char *)v->items + v->at[i];
	uint64_t length;

	memcpy(&length, p, 8);
	*n = length;
	return p + 8;
}

double gguf_item(const struct gguf_value *v, long i)
{
	struct gguf_value item;

	number(&item, v->item_type, (const char *)v->items + i * types[v->item_type].size);
	return item.r;
}

const struct gguf_tensor *gguf_tensor(const struct gguf *g, const char *name)
{
	for (long i = 0; i < g->tensors; i++)
		if (!strcmp(g->tensor[i].name, name))
			return &g->tensor[i];
	return NULL;
}

static void put(struct buf *b, uint64_t x, int bytes) { buf_add(b, &x, bytes); }

static void put_text(struct buf *b, const char *s)
{
	put(b, strlen(s), 8);
	buf_str(b, s);
}

enum { ALIGN = 32 };

static void align(struct buf *b)
{
	while (b->n % ALIGN)
		put(b, 0, 1);
}

static void put_pair(struct buf *b, const struct gguf_pair *p)
{
	put_text(b, p->key);
	put(b, p->text ? TEXT : R32, 4);
	if (p->text)
		put_text(b, p->text);
	else
		buf_add(b, &p->real, 4);
}

void gguf_write(struct buf *out, const struct gguf_pair *pair, int pairs,
                const struct gguf_tensor *t, int n)
{
	size_t at = 0;

	buf_str(out, "GGUF");
	put(out, 3, 4);
	put(out, n, 8);
	put(out, pairs, 8);
	for (int i = 0; i < pairs; i++)
		put_pair(out, &pair[i]);
	for (int i = 0; i < n; i++) {
		put_text(out, t[i].name);
		put(out, t[i].rank, 4);
		for (int k = 0; k < t[i].rank; k++)
			put(out, t[i].shape[k], 8);
		put(out, gguf_number(t[i].type), 4);
		put(out, at, 8);
		at += size_round_up(t[i].bytes, ALIGN);
	}
	align(out);
	for (int i = 0; i < n; i++) {
		buf_add(out, t[i].data, t[i].bytes);
		align(out);
	}
}
