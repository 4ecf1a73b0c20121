/* SPDX-License-Identifier: MIT */
/* minhash.c - see minhash.h.
 *
 *   A. Broder, On the resemblance and containment of documents, 1997: MinHash.
 *   A. Rajaraman, J. Ullman, Mining of Massive Datasets, 3.4: bands, and P(J).
 *   K. Lee et al., Deduplicating Training Data Makes Language Models Better, 2022: J >= 0.8
 *     of runs of five words, r = 20, b = 450, candidates compared, connected groups.
 *
 * Lee et al. look at pages of the web.  Rows for tuning are far shorter, and one word changes as
 * many shingles as these have words: three of the 58 in a row of 60 words, which is J = 0.9, where
 * five would be 0.84.  Their 9000 permutations find J = 0.8 with 0.995; the 208 used here do so
 * with 0.99, and only let more pairs below 0.8 come to be compared, of which none is taken.
 *
 * A permutation of the numbers of 32 bits is MurmurHash3's last step (a bijection) after the number
 * was xored with one that is the permutation's own.
 */
#include "minhash.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../text/unicode.h"
#include "../text/words.h"

static const double found = 0.99; /* of pairs that are just alike enough */

static void add(struct shingles *s, uint64_t hash, int kind)
{
	assert(kind >= 0 && kind < SHINGLE_KINDS);
	s->p = xgrow(s->p, s->n, &s->room, sizeof *s->p);
	s->p[s->n++] = (uint32_t)(hash >> 32 & ~(uint64_t)(SHINGLE_KINDS - 1)) | (uint32_t)kind;
}

void shingles_add(struct shingles *s, const void *p, size_t bytes, int kind)
{
	add(s, hash_bytes(p, bytes), kind);
}

/* Thai and Lao, Burmese, Khmer, Chinese and Japanese: scripts without spaces between words. */
static int is_unspaced(int32_t c)
{
	static const int32_t block[][2] = {{0xe00, 0xeff},     {0x1000, 0x109f}, {0x1780, 0x17ff},
	                                   {0x2e80, 0x312f},   {0x31a0, 0x9fff}, {0xf900, 0xfaff},
	                                   {0x20000, 0x3ffff}, {0xff66, 0xff9f}};

	for (size_t i = 0; i < sizeof block / sizeof *block; i++)
		if (c >= block[i][0] && c <= block[i][1])
			return 1;
	return 0;
}

/* The end of what is one word of what next_word takes for one. */
static const char *word_end(const char *word, const char *end)
{
	const char *p = word;
	int32_t c;

	while (p < end) {
		int n = 1;

		if ((unsigned char)*p >= 0xe0) { /* below are none of them */
			n = utf8_first(p, end - p, &c);
			if (is_unspaced(c))
				return p == word ? p + n : p;
		}
		p += n;
	}
	return p;
}

void shingles_of_text(struct shingles *s, const char *text, size_t n, int kind, struct buf *lower)
{
	uint64_t last[SHINGLE]; /* the hashes of the last words */
	const char *p, *end, *word, *next;
	long words = 0;

	lower->n = 0;
	text_lower(text, n, lower);
	p = lower->p;
	end = p + lower->n;
	while ((word = next_word(&p, end)))
		for (; word < p; word = next) {
			next = word_end(word, p);
			memmove(last, last + 1, sizeof last - sizeof *last);
			last[SHINGLE - 1] = hash_bytes(word, next - word);
			if (++words >= SHINGLE)
				add(s, hash_bytes(last, sizeof last), kind);
		}
	if (words && words < SHINGLE)
		add(s, hash_bytes(last + SHINGLE - words, words * sizeof *last), kind);
}

static int u32_order(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

void shingles_sort(struct shingles *s)
{
	long n = 0;

	if (s->n)
		qsort(s->p, s->n, sizeof *s->p, u32_order);
	for (long i = 0; i < s->n; i++)
		if (!n || s->p[n - 1] != s->p[i])
			s->p[n++] = s->p[i];
	s->n = n;
}

void shingles_free(struct shingles *s)
{
	free(s->p);
	*s = (struct shingles){0};
}

HOT void minhash(const struct shingles *s, uint32_t least[], int k)
{
	memset(least, 0xff, k * sizeof *least);
	for (long i = 0; i < s->n; i++) {
		uint32_t x = s->p[i];

		for (int j = 0; j < k; j++) {
			uint32_t h = x ^ (uint32_t)(j + 1) * 0x9e3779b9u;

			h = (h ^ h >> 16) * 0x85ebca6bu;
			h = (h ^ h >> 13) * 0xc2b2ae35u;
			h ^= h >> 16;
			least[j] = h < least[j] ? h : least[j];
		}
	}
}

int shingles_alike(const uint32_t a[], long an, const uint32_t b[], long bn, double least)
{
	long both[SHINGLE_KINDS] = {0}, either[SHINGLE_KINDS] = {0};

	for (long i = 0, j = 0; i < an || j < bn;) {
		int in_a = i < an && (j == bn || a[i] <= b[j]);
		int in_b = j < bn && (i == an || b[j] <= a[i]);
		int kind = (in_a ? a[i] : b[j]) % SHINGLE_KINDS;

		either[kind]++;
		both[kind] += in_a && in_b;
		i += in_a;
		j += in_b;
	}
	for (int kind = 0; kind < SHINGLE_KINDS; kind++)
		if (both[kind] < least * either[kind] - 1e-9) /* 0.55 * 20 is a bit above 11 */
			return 0;
	return 1;
}

double bands_find(struct bands b, double j) { return 1 - pow(1 - pow(j, b.rows), b.n); }

struct bands bands_for(double least)
{
	for (int rows = MINHASH_MOST; rows; rows--) {
		double n = ceil(log1p(-found) / log1p(-pow(least, rows)));

		if (least == 1)
			n = 1;
		if (n * rows <= MINHASH_MOST)
			return (struct bands){rows, (int)n};
	}
	assert(0);
	return (struct bands){1, MINHASH_MOST};
}
