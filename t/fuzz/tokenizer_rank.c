/* tokenizer_rank.c - a rank file: as it is, and behind the 256 lines that every
 * such file needs.  What loads must encode. */
#include "../../lib/data/tokenizer_in.h"

static void load(const char *bytes, size_t n)
{
	static const char text[] = "Hello  w\xc3\xb6rld 1234\n\xe2\x96\x81'S<|eot_id|>a\xcc\x81 \xff";
	struct tokenizer *t = tokenizer_new();
	struct ids ids = {0};
	struct buf out = {0};
	struct fault f;
	char hex[17];

	rank_is(bytes, n);
	if (!tokenizer_rank(t, bytes, n, &f) && !tokenizer_prepare(t, &f)) {
		for (int flags = 0; flags < 4; flags++)
			tokenizer_encode(t, text, sizeof text - 1, flags, 0, &ids);
		tokenizer_decode(t, ids.p, ids.n, 1, 1, &out);
		tokenizer_fingerprint(t, 0, hex);
	}
	tokenizer_close(t);
	ids_free(&ids);
	buf_free(&out);
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
