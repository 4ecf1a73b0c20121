/* SPDX-License-Identifier: MIT */
/* tokenizer_gguf.c - a tokenizer in GGUF metadata; what loads must encode. */
#include "encode.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct tokenizer *t = tokenizer_new();
	struct fault f;

	if (!tokenizer_gguf(t, bytes, n, &f) && !tokenizer_prepare(t, &f))
		use_tokenizer(t, 1);
	tokenizer_close(t);
	return 0;
}
