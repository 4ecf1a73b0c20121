/* SPDX-License-Identifier: MIT */
/* tokenizer_rank.c - a rank file: as it is, and behind the 256 lines that every
 * such file needs.  What loads must encode. */
#include "encode.h"

static void load(const char *bytes, size_t n)
{
	struct tokenizer *t = tokenizer_new();
	struct fault f;

	tokenizer_rank_is(bytes, n);
	if (!tokenizer_rank(t, bytes, n, &f) && !tokenizer_prepare(t, &f))
		use_tokenizer(t, 1);
	tokenizer_close(t);
}

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	static const char sign[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	struct buf b = {0};

	load((const char *)bytes, n);
	for (int i = 0; i < 256; i++)
		buf_fmt(&b, "%c%c== %d\n", sign[i >> 2], sign[(i & 3) << 4], i);
	buf_add(&b, bytes, n);
	load(b.p, b.n);
	buf_free(&b);
	return 0;
}
