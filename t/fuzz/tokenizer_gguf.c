/* tokenizer_gguf.c - a tokenizer in GGUF metadata; what loads must encode. */
#include "../../lib/data/tokenizer_in.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	static const char text[] = "Hello  w\xc3\xb6rld 12\n\xe2\x96\x81<s><|im_end|>a\xcc\x81 \xff";
	struct tokenizer *t = tokenizer_new();
	struct ids ids = {0};
	struct buf out = {0};
	struct fault f;
	char hex[17];

	if (!tokenizer_gguf(t, bytes, n, &f) && !tokenizer_prepare(t, &f)) {
		for (int flags = 0; flags < 4; flags++)
			tokenizer_encode(t, text, sizeof text - 1, flags, 0, &ids);
		tokenizer_decode(t, ids.p, ids.n, 1, 1, &out);
		tokenizer_fingerprint(t, 0, hex);
	}
	tokenizer_close(t);
	ids_free(&ids);
	buf_free(&out);
	return 0;
}
