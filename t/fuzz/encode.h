/* SPDX-License-Identifier: MIT */
/* encode.h - what a tokenizer that loaded must survive. */
#include "../../lib/text/tokenizer_in.h"

/* encode: 0 where a pattern of its own may take for ever. */
static inline void use_tokenizer(const struct tokenizer *t, int encode)
{
	static const char text[] = "Hello  w\xc3\xb6rld 1234\n\xe2\x96\x81'S<s><|im_end|><|eot_id|>a\xcc\x81 \xff";
	struct ids ids = {0};
	struct buf out = {0};
	char hex[17];

	for (int flags = 0; flags < 4 && encode; flags++)
		tokenizer_encode(t, text, sizeof text - 1, flags, 0, &ids);
	tokenizer_decode(t, ids.p, ids.n, 1, 1, &out);
	tokenizer_fingerprint(t, 0, hex);
	ids_free(&ids);
	buf_free(&out);
}
