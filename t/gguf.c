/* SPDX-License-Identifier: MIT */
/* gguf.c - a file of every type of value, block decoders against gold values,
 * and the broken files of t/broken. */
#include "../lib/format/gguf.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/safetensors.h"
#include "../lib/format/zio.h"
#include "tap.h"

static void put(struct buf *b, uint64_t v, size_t n) { buf_add(b, &v, n); }

static void put_text(struct buf *b, const char *s)
{
	put(b, strlen(s), 8);
	buf_str(b, s);
}

static void put_number(struct buf *b, const char *key, int type, uint64_t v, size_t n)
{
	put_text(b, key);
	put(b, type, 4);
	put(b, v, n);
}

static void put_array(struct buf *b, const char *key, int type, uint64_t n)
{
	put_text(b, key);
	put(b, 9, 4);
	put(b, type, 4);
	put(b, n, 8);
}

static void put_tensor(struct buf *b, const char *name, long rows, long cols, int type, uint64_t offset)
{
	put_text(b, name);
	put(b, 2, 4);
	put(b, cols, 8);
	put(b, rows, 8);
	put(b, type, 4);
	put(b, offset, 8);
}

/* A file of every kind of value and two tensors. */
static void make(struct buf *b, int version)
{
	buf_str(b, "GGUF");
	put(b, version, 4);
	put(b, 2, 8);
	put(b, 16, 8);
	put_number(b, "u8", 0, 200, 1);
	put_number(b, "i8", 1, -3, 1);
	put_number(b, "u16", 2, 60000, 2);
	put_number(b, "i16", 3, -3000, 2);
	put_number(b, "u32", 4, 4000000000, 4);
	put_number(b, "i32", 5, -7, 4);
	put_number(b, "f32", 6, 0x3fc00000, 4);
	put_number(b, "bool", 7, 1, 1);
	put_number(b, "u64", 10, 1ull << 40, 8);
	put_number(b, "i64", 11, -1, 8);
	put_number(b, "f64", 12, 0x3ff4000000000000, 8);
	put_text(b, "text");
	put(b, 8, 4);
	put_text(b, "a few words");
	put_array(b, "texts", 8, 3);
	put_text(b, "one");
	put_text(b, "");
	put_text(b, "three");
	put_array(b, "reals", 6, 2);
	put(b, 0x3f8000003fc00000, 8);
	put_array(b, "ints", 5, 2);
	put(b, 0xfffffffe00000001, 8);
	put_number(b, "general.alignment", 4, 16, 4);
	put_tensor(b, "blk.0.weight", 2, 32, 8, 0);
	put_tensor(b, "plain", 3, 1, 0, 80);
	while (b->n % 16)
		put(b, 0, 1);
	for (int row = 0; row < 2; row++) {
		put(b, 0x3c00, 2);
		for (int i = 0; i < 32; i++)
			put(b, row ? -i : i, 1);
	}
	put(b, 0, 8);
	put(b, 0, 4);
	put(b, 0x400000003f800000, 8);
	put(b, 0x40400000, 4);
}

static void test_values(const struct gguf *g)
{
	static const struct { const char *key; long i; double r; } numbers[] = {
		{"u8", 200, 200}, {"i8", -3, -3}, {"u16", 60000, 60000}, {"i16", -3000, -3000},
		{"u32", 4000000000, 4e9}, {"i32", -7, -7}, {"f32", 1, 1.5}, {"bool", 1, 1},
		{"u64", 1l << 40, 1l << 40}, {"i64", -1, -1}, {"f64", 1, 1.25},
	};
	const struct gguf_value *v;
	size_t n;
	char *text;

	for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
		ok(gguf_int(g, numbers[i].key, 99) == numbers[i].i &&
		   gguf_real(g, numbers[i].key, 99) == numbers[i].r, "%s", numbers[i].key);
	ok(gguf_int(g, "absent", 99) == 99 && gguf_real(g, "text", 9.5) == 9.5, "defaults");
	text = gguf_text(g, "text");
	same(text, "a few words", "text");
	free(text);
	ok(!gguf_text(g, "u8") && !gguf_text(g, "absent"), "what is no text");
	v = gguf_find(g, "texts");
	ok(v && v->kind == GGUF_ARRAY && v->of == GGUF_TEXT && v->count == 3, "an array of texts");
	ok(!memcmp(gguf_item_text(v, 0, &n), "one", 3) && n == 3, "... the first");
	gguf_item_text(v, 1, &n);
	ok(n == 0, "... an empty one");
	ok(!memcmp(gguf_item_text(v, 2, &n), "three", 5) && n == 5, "... the last");
	v = gguf_find(g, "reals");
	ok(v->of == GGUF_REAL && gguf_item(v, 0) == 1.5 && gguf_item(v, 1) == 1, "an array of reals");
	v = gguf_find(g, "ints");
	ok(v->of == GGUF_INT && gguf_item(v, 0) == 1 && gguf_item(v, 1) == -2, "an array of integers");
}

static void test_whole(int version)
{
	struct buf b = {0};
	struct gguf g;
	struct fault f = {""};
	const struct gguf_tensor *t;
	float x[64];
	long bad = 0;

	make(&b, version);
	ok(gguf_is(b.p, b.n) && !gguf_parse(&g, b.p, b.n, &f), "version %d %s", version, f.text);
	ok(g.values == 16 && g.tensors == 2, "its counts");
	test_values(&g);
	t = gguf_tensor(&g, "blk.0.weight");
	ok(t && t->rank == 2 && t->shape[0] == 32 && t->shape[1] == 2 && t->bytes == 68, "a quantised tensor");
	dtype_decode(t->type, t->data, 64, x);
	for (int i = 0; i < 32; i++)
		bad += x[i] != i || x[32 + i] != -i;
	ok(!bad, "its values");
	t = gguf_tensor(&g, "plain");
	dtype_decode(t->type, t->data, 3, x);
	ok(x[0] == 1 && x[1] == 2 && x[2] == 3, "a plain tensor's values");
	ok(!gguf_tensor(&g, "absent"), "an absent tensor");
	gguf_close(&g);
	for (size_t n = 0; n < b.n; n++)
		bad += gguf_parse(&g, b.p, n, &f) != -1;
	ok(!bad, "cut anywhere it is refused");
	buf_free(&b);
}

static void test_decoders(void)
{
	static const enum dtype types[] = {DT_F32, DT_F16, DT_BF16, DT_Q4_0, DT_Q4_1, DT_Q5_0,
		DT_Q5_1, DT_Q8_0, DT_Q2_K, DT_Q3_K, DT_Q4_K, DT_Q5_K, DT_Q6_K, DT_IQ4_NL, DT_IQ4_XS, DT_MXFP4};
	size_t bytes, used;
	const void *map = zio_map("t/gold/gguf_quants.safetensors", &bytes);
	struct safetensors st;
	struct fault f;

	ok(!st_parse(&st, map, bytes, &used, &f) && used == bytes, "gold values");
	ok(sizeof types / sizeof *types == DT_TYPES, "every type");
	for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
		const char *name = dtype_name(types[i]);
		char blocks[32], values[32];
		const struct st_tensor *in, *out;
		float x[1024], want[1024];
		long n, bad = 0;

		snprintf(blocks, sizeof blocks, "%s.blocks", name);
		snprintf(values, sizeof values, "%s.values", name);
		in = st_find(&st, blocks);
		out = st_find(&st, values);
		n = out->shape[0];
		ok(n <= 1024 && (size_t)n / dtype_block(types[i]) * dtype_block_bytes(types[i]) == in->bytes,
		   "%s: %ld values", name, n);
		memcpy(want, out->data, out->bytes);
		dtype_decode(types[i], in->data, n, x);
		for (long j = 0; j < n; j++)
			bad += !(x[j] == want[j] || fabs(x[j] - want[j]) <= 1e-6 * fabs(want[j]) + 1e-7);
		ok(!bad, "%s: as the reference decodes them (%ld differ)", name, bad);
	}
	st_close(&st);
	zio_unmap(map, bytes);
}

/* A file of one tensor, [values], without its data. */
static int parse_type(struct gguf *g, int type, long values, size_t data, struct fault *f)
{
	struct buf b = {0};
	int rc;

	buf_str(&b, "GGUF");
	put(&b, 3, 4);
	put(&b, 1, 8);
	put(&b, 0, 8);
	put_tensor(&b, "t", 1, values, type, 0);
	while (b.n % 32)
		put(&b, 0, 1);
	for (size_t i = 0; i < data; i++)
		put(&b, 0, 1);
	rc = gguf_parse(g, b.p, b.n, f);
	buf_free(&b);
	return rc;
}

/* Names and sizes of all types, of those also that cannot be decoded. */
static void test_types(void)
{
	size_t bytes, used;
	const void *map = zio_map("t/gold/gguf_quants.safetensors", &bytes);
	struct safetensors st;
	struct fault f;
	const struct st_tensor *types;
	const char *name;
	long decoded = 0;

	ok(!st_parse(&st, map, bytes, &used, &f), "gold types");
	types = st_find(&st, "types");
	name = st_meta(&st, "types");
	for (long i = 0; i < types->shape[0]; i++, name += strcspn(name, " ") + 1) {
		int size[3], n = (int)strcspn(name, " ");
		struct gguf g;
		int large, wide;

		memcpy(size, (const char *)types->data + i * sizeof size, sizeof size);
		large = parse_type(&g, size[0], size[1], size[2] - 1, &f);
		wide = size[1] == 1 || parse_type(&g, size[0], size[1] + 1, size[2] + 1, &f);
		if (!ok(!parse_type(&g, size[0], size[1], size[2], &f) && large && wide,
		        "%.*s has blocks of %d values, %d bytes", n, name, size[1], size[2]))
			continue;
		ok(strlen(g.tensor[0].kind) == (size_t)n && !memcmp(g.tensor[0].kind, name, n), "... and its name");
		decoded += g.tensor[0].type != DT_TYPES;
		gguf_close(&g);
	}
	ok(decoded == DT_TYPES, "%ld can be decoded", decoded);
	st_close(&st);
	zio_unmap(map, bytes);
}

static void broken(const char *name, const char *want)
{
	char *path = xprintf("t/broken/gguf-%s.gguf", name);
	size_t bytes;
	const void *map = zio_map(path, &bytes);
	struct gguf g;
	struct fault f = {"nothing"};
	int rc = gguf_parse(&g, map, bytes, &f);

	ok(rc == -1, "%s is refused", name);
	same(f.text, want, "... and the fault says why");
	zio_unmap(map, bytes);
	free(path);
}

static void test_broken(void)
{
	broken("magic", "no GGUF file");
	broken("old-magic", "\"GGML\" is the mark of a format that llama.cpp had before GGUF, which is not supported: "
	       "convert the model anew");
	broken("older-magic", "\"tjgg\" is the mark of a format that llama.cpp had before GGUF, which is not supported: "
	       "convert the model anew");
	broken("big-endian", "a big-endian GGUF file is not supported: gguf-convert-endian makes it little-endian");
	broken("version", "GGUF version 1, not 2 or 3: convert the model anew");
	broken("version-0", "GGUF version 0, not 2 or 3: convert the model anew");
	broken("cut-header", "cut short at byte 9");
	broken("values-count", "cut short: 1152921504606846976 values and 0 tensors in 128 bytes");
	broken("tensors-count", "cut short: 0 values and 1152921504606846976 tensors in 128 bytes");
	broken("cut-text", "cut short at byte 128");
	broken("cut-array", "k: cut short, an array of 2305843009213693952 items");
	broken("cut-text-array", "cut short at byte 160");
	broken("nested-array", "k: an array of type 9");
	broken("value-type", "k: unknown type 77");
	broken("bool", "k: a truth value of 2");
	broken("key-twice", "k is there twice");
	broken("key-control", "a control character in a name, at byte 33");
	broken("alignment", "general.alignment is 24, no power of 2");
	broken("tensor-twice", "t is there twice");
	broken("tensor-type", "tensor t: type 99 is not known");
	broken("tensor-type-old", "tensor t: type Q4_0_4_4, which ggml gave up, is not supported: convert the model anew");
	broken("tensor-type-cut", "tensor t: cut short, its 66 bytes at 64 end beyond the file");
	broken("tensor-rank", "tensor t: 5 dimensions");
	broken("tensor-rows", "tensor t: rows of 33 are no multiple of Q4_0's 32");
	broken("tensor-overflow", "tensor t: the shape overflows");
	broken("tensor-cut", "tensor t: cut short, its 400 bytes at 64 end beyond the file");
	broken("tensor-offset", "tensor t: cut short, its 16 bytes at 1099511627840 end beyond the file");
	broken("tensor-misaligned", "tensor t: offset 4 is not aligned to 32");
}

int main(void)
{
	test_whole(2);
	test_whole(3);
	test_decoders();
	test_types();
	test_broken();
	return tap_done();
}
