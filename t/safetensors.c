/* SPDX-License-Identifier: MIT */
/* safetensors.c - blobs out and in, and the broken files of t/broken. */
#include "../lib/format/safetensors.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/zio.h"
#include "tap.h"

static const float a[6] = {1, 2, 3, 4, 5, 6};
static const uint8_t b[3] = {7, 8, 9};
static const struct st_tensor tensors[] = {
	{"a", ST_F32, 2, {2, 3}, a, sizeof a},
	{"none", ST_I64, 1, {0}, NULL, 0},
	{"b \"quoted\"", ST_U8, 1, {3}, b, sizeof b},
	{"scalar", ST_U8, 0, {0}, b, 1},
};
static const struct st_meta meta[] = {{"seal.kind", "tokens"}, {"note", "two\nlines"}};

static void test_round_trip(int align)
{
	struct buf out = {0}, again = {0};
	struct safetensors st;
	struct fault f = {""};
	size_t used, data = 0;

	buf_str(&out, "12345678");
	st_write(&out, tensors, 4, meta, 2, align);
	st_write(&again, tensors, 4, meta, 2, align);
	ok(out.n == again.n + 8 && !memcmp(out.p + 8, again.p, again.n), "equal input, equal bytes; appended");
	buf_add(&out, "the next blob", 13);
	ok(!st_parse(&st, out.p + 8, out.n - 8, &used, &f) && used == again.n, "its length, align %d", align);
	ok(st.n == 4 + align && st.metas == 2 && !*f.text, "all tensors");
	ok(!align || (used % 8 == 0 && st_find(&st, "pad")), "padded when asked");
	ok(!memcmp(st.tensor[0].data, a, sizeof a) && st.tensor[0].rank == 2 && st.tensor[0].shape[1] == 3 &&
	   st.tensor[0].type == ST_F32 && st.tensor[0].bytes == sizeof a, "a matrix");
	ok(((const char *)st.tensor[0].data - (out.p + 8)) % 8 == 0, "its data are aligned in the blob");
	ok(st_find(&st, "b \"quoted\"") && !memcmp(st_find(&st, "b \"quoted\"")->data, b, 3), "a name with quotes");
	ok(st_find(&st, "none")->bytes == 0 && st_find(&st, "scalar")->bytes == 1, "no values, one value");
	ok(!st_find(&st, "absent"), "an absent tensor");
	same(st_meta(&st, "note"), "two\nlines", "metadata");
	ok(!st_meta(&st, "absent"), "absent metadata");
	st_close(&st);
	for (size_t n = 0, bad = 0; n < again.n; n++) {
		bad += st_parse(&st, again.p, n, &used, &f) != -1;
		if (n + 1 == again.n)
			ok(!bad, "cut anywhere it is refused");
	}
	ok(!st_header_bytes(again.p, &used, &f) && !st_parse_header(&st, again.p + 8, used, &data, &f) &&
	   data == again.n - 8 - used && (uintptr_t)st.tensor[2].data == sizeof a, "the header alone");
	st_close(&st);
	buf_free(&out);
	buf_free(&again);
}

static void test_empty(void)
{
	struct buf out = {0};
	struct safetensors st;
	struct fault f;
	size_t used;

	st_write(&out, NULL, 0, NULL, 0, 1);
	ok(!st_parse(&st, out.p, out.n, &used, &f) && used == out.n && !st.n && !st.metas, "no tensors");
	st_close(&st);
	buf_free(&out);
}

static void broken(const char *name, const char *want)
{
	char *path = xprintf("t/broken/safetensors-%s.safetensors", name);
	struct zin *z = zin_open(path);
	char bytes[4096];
	size_t n = zin_read(z, bytes, sizeof bytes), used;
	struct safetensors st;
	struct fault f = {"nothing"};
	int rc = st_parse(&st, bytes, n, &used, &f);

	ok(rc == -1, "%s is refused", name);
	same(f.text, want, "... and the fault says why");
	zin_close(z);
	free(path);
}

static void test_broken(void)
{
	broken("overlap", "tensors a and b overlap");
	broken("hole", "a hole of 4 bytes before tensor b");
	broken("cut", "cut short: 16 bytes of 32 of data");
	broken("cut-header", "cut short: 78 bytes of a header of 1000");
	broken("huge-header", "a header of 1152921504606846976 bytes: no safetensors");
	broken("no-json", "the header is no JSON: column 5: unexpected token near end of file");
	broken("no-object", "the header is not an object");
	broken("twice", "the header is no JSON: column 58: duplicate object key near '\"a\"'");
	broken("dtype", "tensor a: unknown dtype F99");
	broken("shape", "tensor a: 16 bytes of data, its shape takes 12");
	broken("shape-overflow", "tensor a: the shape overflows");
	broken("shape-negative", "tensor a: dimension 0 is no count");
	broken("rank", "tensor a: a shape of 9 dimensions");
	broken("offsets-backward", "tensor a: no data_offsets");
	broken("metadata", "__metadata__: a is not a string");
	broken("empty", "0 bytes: no safetensors");
}

int main(void)
{
	test_round_trip(0);
	test_round_trip(1);
	test_empty();
	test_broken();
	return tap_done();
}
