/* SPDX-License-Identifier: MIT */
/* dsir_grams.c - the hashed n-grams of DSIR; see dsir_grams.h.
 *
 *   bucket(gram) = SHA-256(gram), a 256-bit big-endian number, mod 10000
 *
 * as in the authors' own code.  The grams are the words of the lower-cased text, and every two
 * neighbours joined by a space.  Few make up most of a text, so their buckets are remembered: a
 * gram's place in the cache is its XXH64 modulo PLACES, and the latest has the place.  The cache
 * is small enough to stay near the processor.
 */
#include "dsir_grams.h"

#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../text/words.h"

enum {
	PLACES = 1 << 14,
	SHORT = 29 /* bytes of the longest gram that is remembered: a place has 32 */
};

struct gram {
	char text[SHORT];
	uint8_t n; /* bytes; 0: the place is empty */
	uint16_t bucket;
};

struct gram_cache {
	struct gram gram[PLACES];
	struct buf lower, pair;
};

struct gram_cache *gram_cache_open(void) { return xzalloc(1, sizeof(struct gram_cache)); }

void gram_cache_close(struct gram_cache *c)
{
	buf_free(&c->lower);
	buf_free(&c->pair);
	free(c);
}

static uint16_t bucket_of(struct gram_cache *c, const char *p, size_t n)
{
	struct gram *g;

	if (n > SHORT)
		return sha256_modulo(p, n, DSIR_BUCKETS);
	g = &c->gram[hash_bytes(p, n) % PLACES];
	if (g->n != n || memcmp(g->text, p, n)) {
		g->n = n;
		memcpy(g->text, p, n);
		g->bucket = sha256_modulo(p, n, DSIR_BUCKETS);
	}
	return g->bucket;
}

static void add(struct grams *g, uint16_t bucket)
{
	g->p = xgrow(g->p, g->n, &g->room, sizeof *g->p);
	g->p[g->n++] = bucket;
}

void grams_add(struct grams *g, const char *text, size_t n, struct gram_cache *c)
{
	const char *p, *end, *word, *before = NULL;
	size_t length = 0;

	c->lower.n = 0;
	text_lower(text, n, &c->lower);
	p = c->lower.p;
	end = p + c->lower.n;
	while ((word = next_word(&p, end))) {
		add(g, bucket_of(c, word, p - word));
		if (before) {
			c->pair.n = 0;
			buf_add(&c->pair, before, length);
			buf_add(&c->pair, " ", 1);
			buf_add(&c->pair, word, p - word);
			add(g, bucket_of(c, c->pair.p, c->pair.n));
		}
		before = word;
		length = p - word;
	}
}
