/* SPDX-License-Identifier: MIT */
/* tokenizer_vocab.c - tokens by id and ids by text (an open-addressed table), and the
 * byte alphabet of GPT-2, in which every byte is a printable character. */
#include "tokenizer_in.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

int vocab_set(struct vocab *v, int32_t id, const char *p, size_t n, int kind, struct fault *f)
{
	if (id < 0 || id >= TOKENS_MOST)
		return fault(f, "token id %d is out of range", id);
	if (v->text.n + n > UINT32_MAX)
		return fault(f, "vocabulary larger than 4 GB");
	if (id >= v->cap) {
		int32_t cap = id + id / 2 + 1024;

		v->token = xrealloc(v->token, cap * sizeof *v->token);
		memset(v->token + v->cap, 0, (cap - v->cap) * sizeof *v->token);
		v->cap = cap;
	}
	if (v->token[id].kind != TOKEN_NONE)
		return fault(f, "two tokens have the id %d", id);
	v->token[id] = (struct token){v->text.n, n, kind};
	buf_add(&v->text, p, n);
	if (id >= v->n)
		v->n = id + 1;
	if (kind == TOKEN_MODEL && n > v->longest)
		v->longest = n;
	return 0;
}

static inline uint64_t mix(uint64_t h, uint64_t x)
{
	h = (h ^ x) * 0x9e3779b97f4a7c15;
	return h ^ h >> 29;
}

static inline uint64_t hash_text(const char *p, size_t n)
{
	uint64_t h = n, x;

	for (; n >= 8; p += 8, n -= 8) {
		memcpy(&x, p, 8);
		h = mix(h, x);
	}
	for (x = 0; n; n--)
		x = x << 8 | (unsigned char)p[n - 1];
	h = mix(h, x);
	return h ^ h >> 32;
}

struct view vocab_text(const struct vocab *v, int32_t id)
{
	return (struct view){v->text.p + v->token[id].at, v->token[id].n};
}

void vocab_index(struct vocab *v)
{
	uint32_t size = 16;

	while (size < 2 * (uint32_t)v->n)
		size *= 2;
	v->mask = size - 1;
	v->slot = xalloc(size * sizeof *v->slot);
	for (uint32_t i = 0; i < size; i++)
		v->slot[i].id = -1;
	for (int32_t id = 0; id < v->n; id++) {
		struct view s;
		uint64_t h;
		uint32_t i;

		if (v->token[id].kind != TOKEN_MODEL)
			continue;
		s = vocab_text(v, id);
		if (vocab_find(v, s.p, s.n) >= 0)
			continue;
		h = hash_text(s.p, s.n);
		for (i = h & v->mask; v->slot[i].id >= 0; i = (i + 1) & v->mask)
			;
		v->slot[i] = (struct slot){h >> 32, id};
	}
}

int32_t vocab_find(const struct vocab *v, const char *p, size_t n)
{
	uint64_t h;

	if (!v->slot || n > v->longest)
		return -1;
	h = hash_text(p, n);
	for (uint32_t i = h & v->mask; v->slot[i].id >= 0; i = (i + 1) & v->mask) {
		const struct token *t = &v->token[v->slot[i].id];

		if (v->slot[i].tag == h >> 32 && t->n == n && !memcmp(v->text.p + t->at, p, n))
			return v->slot[i].id;
	}
	return -1;
}

/* The alphabet: printable Latin-1 characters stand for their own bytes, U+0100
 * and on for the other bytes in order: 0..32, 127..160, 173. */
static int byte_of_code(int32_t code)
{
	int k = code - 256;

	if ((code >= '!' && code <= '~') || (code >= 0xa1 && code <= 0xac) ||
	    (code >= 0xae && code <= 0xff))
		return code;
	return k < 0 || k > 67 ? -1 : k <= 32 ? k : k <= 66 ? k - 33 + 127 : 173;
}

int bytes_of_text(struct view *s, struct buf *to)
{
	size_t at = 0;

	to->n = 0;
	while (at < s->n) {
		int32_t code;
		char byte;
		int b;

		at += utf8_first(s->p + at, s->n - at, &code);
		b = byte_of_code(code);
		if (b < 0)
			return -1;
		byte = b;
		buf_add(to, &byte, 1);
	}
	*s = (struct view){to->p ? to->p : "", to->n};
	return 0;
}

int byte_of_name(struct view s)
{
	if (s.n != 6 || memcmp(s.p, "<0x", 3) || s.p[5] != '>' ||
	    !isxdigit((unsigned char)s.p[3]) || !isxdigit((unsigned char)s.p[4]))
		return -1;
	return strtol(s.p + 3, NULL, 16);
}
