/* SPDX-License-Identifier: MIT */
/* tokenizer_json.c - tokenizer.json.  What loads must encode, unless a pattern
 * of its own splits words: such a pattern may take for ever. */
#include <string.h>

#include "encode.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	struct tokenizer *t = tokenizer_new();
	struct fault f;
	int own = 0;

	if (!tokenizer_json(t, (const char *)bytes, n, NULL, &f) && !tokenizer_prepare(t, &f)) {
		for (int i = 0; i < t->pres; i++)
			own |= t->pre[i].kind == PRE_SPLIT && !t->pre[i].literal &&
			       strcmp(t->pre[i].from, GPT2_WORDS) && strcmp(t->pre[i].from, DIGIT) &&
			       strcmp(t->pre[i].from, LLAMA3_WORDS) && strcmp(t->pre[i].from, QWEN2_WORDS);
		use_tokenizer(t, !own);
	}
	tokenizer_close(t);
	return 0;
}
