/* SPDX-License-Identifier: MIT */
/* tokenizer_added.c - cuts added tokens (<|im_end|>, runs of spaces) out of text.
 *
 * Of all tokens that begin at the leftmost place where one does, the longest
 * is taken.  A special token that is not wanted, or a single_word token inside
 * a word, is passed over, and so is any other that overlaps it: as in Hugging
 * Face's tokenizers.
 */
#include "tokenizer_in.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

static int32_t node_new(struct trie *t, unsigned char byte)
{
	t->node = xgrow(t->node, t->n, &t->cap, sizeof *t->node);
	t->node[t->n] = (struct node){byte, -1, -1, -1};
	return t->n++;
}

static int32_t sibling(const struct trie *t, int32_t node, unsigned char byte)
{
	while (node >= 0 && t->node[node].byte != byte)
		node = t->node[node].next;
	return node;
}

static void trie_add(struct trie *t, const char *text, size_t n, int32_t which)
{
	int32_t at = t->root[(unsigned char)*text];

	if (at < 0)
		at = t->root[(unsigned char)*text] = node_new(t, *text);
	for (size_t i = 1; i < n; i++) {
		int32_t down = sibling(t, t->node[at].child, text[i]);

		if (down < 0) {
			down = node_new(t, text[i]);
			t->node[down].next = t->node[at].child;
			t->node[at].child = down;
		}
		at = down;
	}
	if (t->node[at].which < 0)
		t->node[at].which = which;
}

/* The longest match at s's beginning, -1: none; *n: its bytes. */
static int32_t trie_at(const struct trie *t, struct view s, size_t *n)
{
	int32_t node = s.n ? t->root[(unsigned char)*s.p] : -1, which = -1;

	for (size_t k = 1; node >= 0; k++) {
		if (t->node[node].which >= 0) {
			which = t->node[node].which;
			*n = k;
		}
		node = k < s.n ? sibling(t, t->node[node].child, s.p[k]) : -1;
	}
	return which;
}

/* The first, longest match in s from *start on. */
static int32_t trie_find(const struct trie *t, struct view s, size_t *start, size_t *end)
{
	for (size_t i = *start, n; i < s.n; i++) {
		int32_t which = trie_at(t, (struct view){s.p + i, s.n - i}, &n);

		if (which >= 0) {
			*start = i;
			*end = i + n;
			return which;
		}
	}
	return -1;
}

int32_t tokenizer_next_special(const struct tokenizer *t, const char *text, size_t n, size_t *start,
                               size_t *end)
{
	int32_t which = trie_find(&t->special, (struct view){text, n}, start, end);

	return which < 0 ? -1 : t->added[which].id;
}

static int inside_word(struct view s, size_t start, size_t end)
{
	int32_t before = -1, after = -1;

	if (start)
		utf8_last(s.p, start, &before);
	if (end < s.n)
		utf8_first(s.p + end, s.n - end, &after);
	return unicode_is_word(before) || unicode_is_word(after);
}

/* Widens start..end over the white space that the token takes with it. */
static void widen(const struct added_token *a, struct view s, size_t least, size_t *start,
                  size_t *end)
{
	int32_t code;
	int n;

	while (a->lstrip && *start > least) {
		n = utf8_last(s.p, *start, &code);
		if (!unicode_is_space(code))
			break;
		*start -= n;
	}
	while (a->rstrip && *end < s.n) {
		n = utf8_first(s.p + *end, s.n - *end, &code);
		if (!unicode_is_space(code))
			break;
		*end += n;
	}
}

void added_cut(struct job *j, const struct trie *t, struct view s, int first,
               void (*rest)(struct job *, struct view, int first))
{
	size_t done = 0, start = 0, end = 0, next;
	int32_t which;

	if (!t->n || (!t->ordinary && !(j->flags & TOKENIZE_CONTROL))) {
		rest(j, s, first);
		return;
	}
	while (j->out->n < j->stop && (which = trie_find(t, s, &start, &end)) >= 0) {
		const struct added_token *a = &j->t->added[which];

		next = end;
		if (!(a->special && !(j->flags & TOKENIZE_CONTROL)) &&
		    !(a->single_word && inside_word(s, start, end))) {
			widen(a, s, done, &start, &end);
			if (start > done)
				rest(j, (struct view){s.p + done, start - done}, first && !done);
			ids_add(j->out, a->id);
			done = end;
		}
		start = next;
	}
	if (done < s.n && j->out->n < j->stop)
		rest(j, (struct view){s.p + done, s.n - done}, first && !done);
}

void added_prepare(struct tokenizer *t)
{
	struct buf work[2] = {{0}};

	for (int i = 0; i < 256; i++)
		t->raw.root[i] = t->norm_trie.root[i] = t->special.root[i] = -1;
	for (long i = 0; i < t->n_added; i++) {
		const struct added_token *a = &t->added[i];
		struct trie *trie = a->normalized ? &t->norm_trie : &t->raw;
		struct view s = {a->text, a->n};

		if (a->special && a->n)
			trie_add(&t->special, a->text, a->n, i);
		if (a->normalized)
			s = tokenizer_normalize(t, work, s, 1);
		if (!s.n)
			continue;
		trie_add(trie, s.p, s.n, i);
		trie->ordinary |= !a->special;
	}
	buf_free(&work[0]);
	buf_free(&work[1]);
}
