/* SPDX-License-Identifier: MIT */
/* gguf_write.c - see gguf.h: version 3, data aligned to 32 bytes. */
#include "gguf.h"

#include <string.h>

#include "../base/num.h"

enum { ALIGN = 32, KIND_REAL = 6, KIND_TEXT = 8 }; /* the format's numbers: FLOAT32, STRING */

static void put(struct buf *b, uint64_t x, int bytes) { buf_add(b, &x, bytes); }

static void put_text(struct buf *b, const char *s)
{
	put(b, strlen(s), 8);
	buf_str(b, s);
}

static void align(struct buf *b)
{
	while (b->n % ALIGN)
		put(b, 0, 1);
}

static void put_pair(struct buf *b, const struct gguf_pair *p)
{
	put_text(b, p->key);
	put(b, p->text ? KIND_TEXT : KIND_REAL, 4);
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
