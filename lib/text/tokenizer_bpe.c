/* SPDX-License-Identifier: MIT */
/* tokenizer_bpe.c - byte-pair merges (Sennrich, Haddow, Birch 2016): of all neighbours in a
 * word that a merge joins, join those of the lowest rank, the leftmost first,
 * until none is left.
 *
 * Short words look for the lowest rank each time; long ones keep a heap, so
 * that n characters take n log n steps.  Most words are one token: whether the
 * merges make a token of its own text is found out once, when the tokenizer is
 * opened, so that for those one look-up does.
 */
#include "tokenizer_in.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"

enum { SHORT = 32 };
#define NEVER UINT32_MAX

static inline uint64_t pair_key(int32_t left, int32_t right)
{
	return (uint64_t)(uint32_t)left << 32 | (uint32_t)right;
}

static inline uint64_t pair_place(const struct merges *m, uint64_t key)
{
	uint64_t h = key * 0x9e3779b97f4a7c15;

	return (h ^ h >> 32) & m->mask;
}

static const struct merge *merge_find(const struct merges *m, int32_t left, int32_t right)
{
	uint64_t key = pair_key(left, right);

	for (uint64_t i = pair_place(m, key);; i = (i + 1) & m->mask) {
		const struct merge *p = &m->pair[i];

		if (p->key == key)
			return p;
		if (p->key == UINT64_MAX)
			return NULL;
	}
}

static void merge_put(struct merges *m, struct merge put)
{
	uint64_t i = pair_place(m, put.key);

	while (m->pair[i].key != UINT64_MAX && m->pair[i].key != put.key)
		i = (i + 1) & m->mask;
	m->n += m->pair[i].key != put.key;
	m->pair[i] = put;
}

static void merges_grow(struct merges *m, long cap)
{
	struct merges old = *m;

	m->cap = cap;
	m->mask = cap - 1;
	m->n = 0;
	m->pair = xalloc(cap * sizeof *m->pair);
	memset(m->pair, 0xff, cap * sizeof *m->pair);
	for (long i = 0; i < old.cap; i++)
		if (old.pair[i].key != UINT64_MAX)
			merge_put(m, old.pair[i]);
	free(old.pair);
}

void merge_add_ids(struct tokenizer *t, uint32_t rank, int32_t left, int32_t right, int32_t made)
{
	if (2 * t->merges.n + 2 > t->merges.cap)
		merges_grow(&t->merges, t->merges.cap ? 2 * t->merges.cap : 1024);
	merge_put(&t->merges, (struct merge){pair_key(left, right), rank, made});
}

int merge_add(struct tokenizer *t, uint32_t rank, struct view left, struct view right,
              struct fault *f)
{
	struct buf both = {0}, l = {0}, r = {0};
	int32_t a = -1, b = -1, made = -1;
	int bad;

	if (!t->byte_level || (!bytes_of_text(&left, &l) && !bytes_of_text(&right, &r))) {
		a = vocab_find(&t->vocab, left.p, left.n);
		b = vocab_find(&t->vocab, right.p, right.n);
		buf_add(&both, left.p, left.n);
		buf_add(&both, right.p, right.n);
		made = vocab_find(&t->vocab, both.p, both.n);
	}
	bad = a < 0 || b < 0 || made < 0;
	if (bad)
		fault(f, "merge %u, \"%.*s\" and \"%.*s\", is not of the vocabulary", rank,
		      (int)size_min(left.n, 60), left.p, (int)size_min(right.n, 60), right.p);
	else
		merge_add_ids(t, rank, a, b, made);
	buf_free(&both);
	buf_free(&l);
	buf_free(&r);
	return -bad;
}

/* The rank of joining s to what has the id `right`. */
static inline void look(const struct merges *m, struct sym *s, int32_t right)
{
	const struct merge *p = merge_find(m, s->id, right);

	s->rank = p ? p->rank : NEVER;
	s->made = p ? p->made : -1;
}

static long merge_short(const struct merges *m, struct sym *s, long n)
{
	for (long i = 0; i + 1 < n; i++)
		look(m, &s[i], s[i + 1].id);
	s[n - 1].rank = NEVER;
	for (;;) {
		uint32_t least = NEVER;
		long at = 0;

		for (long i = 0; i < n - 1; i++) {
			if (s[i].rank < least) {
				least = s[i].rank;
				at = i;
			}
		}
		if (least == NEVER)
			return n;
		s[at].id = s[at].made;
		memmove(&s[at + 1], &s[at + 2], (n - at - 2) * sizeof *s);
		n--;
		if (at + 1 < n)
			look(m, &s[at], s[at + 1].id);
		else
			s[at].rank = NEVER;
		if (at)
			look(m, &s[at - 1], s[at].id);
	}
}

/* The heap's items are rank, place: the smallest on top. */
static void heap_down(uint64_t *h, long n, long i)
{
	uint64_t x = h[i];

	for (long k; (k = 2 * i + 1) < n; i = k) {
		if (k + 1 < n && h[k + 1] < h[k])
			k++;
		if (x <= h[k])
			break;
		h[i] = h[k];
	}
	h[i] = x;
}

static void heap_push(struct job *j, uint64_t x)
{
	long i = j->heap_n++;

	j->heap = xgrow(j->heap, i, &j->heap_cap, sizeof *j->heap);
	for (; i && x < j->heap[(i - 1) / 2]; i = (i - 1) / 2)
		j->heap[i] = j->heap[(i - 1) / 2];
	j->heap[i] = x;
}

static inline void consider(struct job *j, struct sym *s, int32_t at)
{
	look(&j->t->merges, &s[at], s[s[at].next].id);
	if (s[at].rank != NEVER)
		heap_push(j, (uint64_t)s[at].rank << 32 | at);
}

static long merge_long(struct job *j, struct sym *s, long n)
{
	long kept = 0;

	j->heap_n = 0;
	for (int32_t i = 0; i < n; i++) {
		s[i].prev = i - 1;
		s[i].next = i + 1 < n ? i + 1 : -1;
	}
	for (int32_t i = 0; i + 1 < n; i++)
		consider(j, s, i);
	s[n - 1].rank = NEVER;
	while (j->heap_n) {
		uint64_t top = j->heap[0];
		int32_t at = (int32_t)top, right;

		j->heap[0] = j->heap[--j->heap_n];
		if (j->heap_n)
			heap_down(j->heap, j->heap_n, 0);
		if (s[at].rank != top >> 32)
			continue; /* it has changed since */
		right = s[at].next;
		s[at].id = s[at].made;
		s[at].next = s[right].next;
		s[at].rank = s[right].rank = NEVER;
		if (s[at].next >= 0) {
			s[s[at].next].prev = at;
			consider(j, s, at);
		}
		if (s[at].prev >= 0)
			consider(j, s, s[at].prev);
	}
	for (int32_t i = 0; i >= 0; i = s[i].next)
		s[kept++].id = s[i].id;
	return kept;
}

/* Room for n more symbols. */
static void sym_need(struct job *j, long n)
{
	if (n <= j->syms)
		return;
	if (n > INT32_MAX / 2)
		die("a word of more than 1 GB");
	j->syms = n + n / 2 + SHORT;
	j->sym = xrealloc(j->sym, j->syms * sizeof *j->sym);
}

/* The token of each byte or character of the word; what has none becomes bytes,
 * else the unknown token, which swallows its like where fuse_unk says so.  (It
 * comes after bytes that follow it, as in Hugging Face's tokenizers.) */
static long symbols(struct job *j, struct view s)
{
	const struct tokenizer *t = j->t;
	const struct bpe *b = &t->bpe;
	long n = 0;
	int unknown = 0;

	sym_need(j, s.n + 1);
	assert(j->sym); /* it made room for one symbol at least */
	for (size_t at = 0; at < s.n;) {
		const unsigned char *p = (const unsigned char *)s.p + at;
		int32_t code, id;
		int bytes = 1, named = 0;

		if (t->byte_level) {
			id = b->byte[*p];
		} else {
			bytes = utf8_first(s.p + at, s.n - at, &code);
			id = code < 0 ? -1 : b->character[code] - 1;
		}
		at += bytes;
		if (id >= 0) {
			if (unknown)
				j->sym[n++].id = t->unk;
			unknown = 0;
			j->sym[n++].id = id;
			continue;
		}
		while (!t->byte_level && t->byte_fallback && named < bytes &&
		       b->byte[p[named]] >= 0)
			named++;
		if (named == bytes) {
			for (int i = 0; i < bytes; i++)
				j->sym[n++].id = b->byte[p[i]];
		} else if (t->unk >= 0) {
			if (unknown && !t->fuse_unk)
				j->sym[n++].id = t->unk;
			unknown = 1;
		}
	}
	if (unknown)
		j->sym[n++].id = t->unk;
	return n;
}

static void word_merged(struct job *j, struct view s)
{
	long n = symbols(j, s);

	if (n > SHORT)
		n = merge_long(j, j->sym, n);
	else if (n > 1)
		n = merge_short(&j->t->merges, j->sym, n);
	for (long i = 0; i < n; i++)
		ids_add(j->out, j->sym[i].id);
}

static void word(struct job *j, struct view s)
{
	const struct tokenizer *t = j->t;
	int32_t id = vocab_find(&t->vocab, s.p, s.n);

	if (id >= 0 && (t->ignore_merges || t->bpe.whole[id]))
		ids_add(j->out, id);
	else
		word_merged(j, s);
}

/* The next place in s from `at` on where a space mark follows another character. */
static size_t next_cut(struct view s, size_t at)
{
	while (at < s.n) {
		const char *hit =
			text_find((struct view){s.p + at, s.n - at}, SPACE_MARK, SPACE_MARK_BYTES);

		if (!hit)
			break;
		at = hit - s.p;
		if (at && (at < SPACE_MARK_BYTES ||
		           memcmp(hit - SPACE_MARK_BYTES, SPACE_MARK, SPACE_MARK_BYTES)))
			return at;
		at += SPACE_MARK_BYTES;
	}
	return s.n;
}

/* Where no merge crosses from a word to the space marks after it, words can be
 * merged one by one with the same result. */
void bpe_text(struct job *j, struct view s)
{
	size_t at = 0, end;

	if (!j->t->bpe.cuts || j->t->ignore_merges) {
		word(j, s);
		return;
	}
	for (; at < s.n && j->out->n < j->stop; at = end) {
		end = next_cut(s, at + 1);
		word(j, (struct view){s.p + at, end - at});
	}
}

static void find_units(struct tokenizer *t)
{
	struct bpe *b = &t->bpe;
	const struct vocab *v = &t->vocab;

	memset(b->byte, 0xff, sizeof b->byte);
	if (!t->byte_level)
		b->character = xzalloc(0x110000, sizeof *b->character);
	for (int32_t id = 0; id < v->n; id++) {
		struct view s = vocab_text(v, id);
		int32_t code;
		int byte = byte_of_name(s);

		if (v->token[id].kind != TOKEN_MODEL || !s.n || vocab_find(v, s.p, s.n) != id)
			continue;
		if (t->byte_level && s.n == 1)
			b->byte[(unsigned char)*s.p] = id;
		if (!t->byte_level && byte >= 0)
			b->byte[byte] = id;
		if (!t->byte_level && (size_t)utf8_first(s.p, s.n, &code) == s.n && code >= 0)
			b->character[code] = id + 1;
	}
}

/* Merges may cross what is dropped for want of a token, so nothing may be. */
static int marks_cut(const struct tokenizer *t)
{
	if (t->byte_level || t->unk < 0 || vocab_find(&t->vocab, SPACE_MARK, SPACE_MARK_BYTES) < 0)
		return 0;
	for (long i = 0; i < t->merges.cap; i++) {
		struct view s;

		if (t->merges.pair[i].key == UINT64_MAX)
			continue;
		s = vocab_text(&t->vocab, t->merges.pair[i].made);
		if (next_cut(s, 0) < s.n)
			return 0;
	}
	return 1;
}

void bpe_prepare(struct tokenizer *t)
{
	struct ids ids = {0};
	struct job j = {.t = t, .out = &ids, .stop = INT32_MAX};

	if (!t->merges.cap)
		merges_grow(&t->merges, 16);
	find_units(t);
	t->bpe.whole = xzalloc(t->vocab.n, 1);
	for (int32_t id = 0; id < t->vocab.n; id++) {
		if (t->vocab.token[id].kind != TOKEN_MODEL)
			continue;
		ids.n = 0;
		word_merged(&j, vocab_text(&t->vocab, id));
		t->bpe.whole[id] = ids.n == 1 && ids.p[0] == id;
	}
	t->bpe.cuts = marks_cut(t);
	ids_free(&ids);
	free(j.sym);
	free(j.heap);
}
