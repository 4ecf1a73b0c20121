/* SPDX-License-Identifier: MIT */
/* tokenizer_rank.c - a tiktoken rank file: lines of a token in base64 and its
 * rank, which is its id.  Two neighbours merge if their text joined is a token,
 * those of the lowest rank first.
 *
 * The file says no more, so what Meta's code adds for Llama 3 is taken: the
 * words, and 256 special tokens behind the last rank.
 */
#include "tokenizer_in.h"

#include <nettle/base64.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/num.h"

enum { TOKEN_BYTES = 1024, TOKEN_ROOM = TOKEN_BYTES + 4, SPECIALS = 256 };

/* -1 unless s is base64 with its padding, of 1 to TOKEN_BYTES bytes. */
static int from_base64(struct view s, char bytes[TOKEN_ROOM], size_t *n)
{
	struct base64_decode_ctx c;

	if (s.n % 4 || !s.n || BASE64_DECODE_LENGTH(s.n) > TOKEN_ROOM)
		return -1;
	base64_decode_init(&c);
	if (!base64_decode_update(&c, n, (uint8_t *)bytes, s.n, s.p) || !base64_decode_final(&c))
		return -1;
	/* White space, which nettle skips, would make them fewer. */
	if (*n != s.n / 4 * 3 - (s.p[s.n - 1] == '=') - (s.p[s.n - 2] == '='))
		return -1;
	return *n <= TOKEN_BYTES ? 0 : -1;
}

/* The next line without its end; 0 when there is none. */
static int next_line(struct view *rest, struct view *line)
{
	const char *end;

	if (!rest->n)
		return 0;
	end = memchr(rest->p, '\n', rest->n);
	line->p = rest->p;
	line->n = end ? (size_t)(end - rest->p) : rest->n;
	rest->p += line->n + !!end;
	rest->n -= line->n + !!end;
	if (line->n && line->p[line->n - 1] == '\r')
		line->n--;
	return 1;
}

/* A line's token and rank. */
static int read_line(struct view line, char bytes[TOKEN_ROOM], size_t *n, int32_t *rank)
{
	const char *space = memchr(line.p, ' ', line.n);
	size_t at;

	if (!space || from_base64((struct view){line.p, space - line.p}, bytes, n))
		return -1;
	at = space - line.p + 1;
	*rank = 0;
	if (at == line.n)
		return -1;
	for (; at < line.n; at++) {
		if (line.p[at] < '0' || line.p[at] > '9' || *rank >= TOKENS_MOST)
			return -1;
		*rank = *rank * 10 + line.p[at] - '0';
	}
	return 0;
}

int tokenizer_rank_is(const void *bytes, size_t n)
{
	struct view rest = {bytes, n}, line;
	char token[TOKEN_ROOM];
	size_t length;
	int32_t rank;

	return next_line(&rest, &line) && !read_line(line, token, &length, &rank);
}

static int load_ranks(struct tokenizer *t, struct view rest, struct fault *f)
{
	struct view line;
	char token[TOKEN_ROOM];
	int32_t rank, count = 0;
	size_t n;

	for (long at = 1; next_line(&rest, &line); at++) {
		if (!line.n)
			continue;
		if (read_line(line, token, &n, &rank))
			return fault(f, "line %ld is not a token in base64 and a rank", at);
		if (vocab_set(&t->vocab, rank, token, n, TOKEN_MODEL, f))
			return -1;
		count++;
	}
	if (count != t->vocab.n)
		return fault(f, "ranks are missing: there are %d, and the largest is %d", count,
		             t->vocab.n - 1);
	vocab_index(&t->vocab);
	for (int32_t id = 0; id < count; id++) {
		struct view s = vocab_text(&t->vocab, id);

		if (vocab_find(&t->vocab, s.p, s.n) != id)
			return fault(f, "the token of rank %d has another rank, too", id);
	}
	for (int byte = 0; byte < 256; byte++)
		if (vocab_find(&t->vocab, &(char){byte}, 1) < 0)
			return fault(f, "byte %d is no token", byte);
	return 0;
}

/* Of the ways to cut one token in two, those of lower left, then right parts
 * come first, as when Hugging Face converts such a file. */
static int rank_merges(struct tokenizer *t, struct fault *f)
{
	uint64_t cut[TOKEN_BYTES];
	uint32_t order = 0;

	for (int32_t id = 0; id < t->vocab.n; id++) {
		struct view s = vocab_text(&t->vocab, id);
		int cuts = 0;

		for (size_t i = 1; i < s.n; i++) {
			int32_t left = vocab_find(&t->vocab, s.p, i);
			int32_t right = left < 0 ? -1 : vocab_find(&t->vocab, s.p + i, s.n - i);

			if (right >= 0)
				cut[cuts++] = (uint64_t)left << 32 | right;
		}
		qsort(cut, cuts, sizeof *cut, u64_order);
		if (order > UINT32_MAX - 1 - cuts)
			return fault(f, "too many merges");
		for (int i = 0; i < cuts; i++)
			merge_add_ids(t, order++, cut[i] >> 32, (int32_t)cut[i], id);
	}
	return 0;
}

static int load_specials(struct tokenizer *t, struct fault *f)
{
	static const struct {
		int at;
		const char *name;
	} named[] = {
		{0, "begin_of_text"}, {1, "end_of_text"}, {6, "start_header_id"},
		{7, "end_header_id"}, {9, "eot_id"},      {SPECIALS, NULL},
	};
	int32_t first = t->vocab.n;

	for (int i = 0, k = 0, reserved = 0; i < SPECIALS; i++) {
		char text[40];
		int n = named[k].at == i ? snprintf(text, sizeof text, "<|%s|>", named[k++].name)
		                         : snprintf(text, sizeof text,
		                                    "<|reserved_special_token_%d|>", reserved++);

		if (vocab_set(&t->vocab, first + i, text, n, TOKEN_PLAIN, f))
			return -1;
		tokenizer_add(t, (struct added_token){.text = text,
		                                      .n = n,
		                                      .id = first + i,
		                                      .special = 1});
	}
	t->bos = first;
	t->eos = first + 1;
	t->adds_bos = 1;
	return 0;
}

int tokenizer_rank(struct tokenizer *t, const void *bytes, size_t n, struct fault *f)
{
	t->byte_level = t->ignore_merges = 1;
	if (!tokenizer_step(t, PRE_SPLIT, LLAMA3_WORDS, NULL, f) ||
	    load_ranks(t, (struct view){bytes, n}, f))
		return -1;
	return rank_merges(t, f) || load_specials(t, f) ? -1 : 0;
}
