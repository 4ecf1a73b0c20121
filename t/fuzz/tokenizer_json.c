/* tokenizer_json.c - tokenizer.json.  What loads must encode, unless a pattern
 * of its own splits words: such a pattern may take for ever. */
#include <string.h>

#include "../../lib/data/tokenizer_in.h"

int LLVMFuzzerTestOneInput(const unsigned char *bytes, size_t n)
{
	static const char text[] = "Hello  w\xc3\xb6rld 12\n\xe2\x96\x81<s><|im_end|>a\xcc\x81 \xff";
	struct tokenizer *t = tokenizer_new();
	struct ids ids = {0};
	struct buf out = {0};
	struct fault f;
	int own = 0;

	if (!tokenizer_json(t, (const char *)bytes, n, &f) && !tokenizer_prepare(t, &f)) {
		for (int i = 0; i < t->pres; i++)
			own |= t->pre[i].kind == PRE_SPLIT && !t->pre[i].literal &&
			       strcmp(t->pre[i].from, GPT2_WORDS) && strcmp(t->pre[i].from, DIGIT) &&
			       strcmp(t->pre[i].from, LLAMA3_WORDS) && strcmp(t->pre[i].from, QWEN2_WORDS);
		for (int flags = 0; flags < 4 && !own; flags++)
			tokenizer_encode(t, text, sizeof text - 1, flags, 0, &ids);
		tokenizer_decode(t, ids.p, ids.n, 1, 1, &out);
	}
	tokenizer_close(t);
	ids_free(&ids);
	buf_free(&out);
	return 0;
}
