/* SPDX-License-Identifier: MIT */
/* Words and n-gram buckets as Python makes them (t/gold/dsir.py). */
#include "tap.h"

#include <stdlib.h>

#include "../lib/base/hash.h"
#include "../lib/text/unicode.h"
#include "../lib/text/words.h"
#include "../lib/format/jsonl.h"
#include "../lib/score/dsir_grams.h"

/* 'w': c is of \w, 's': of \s, 'o': neither; seen from whether it joins the word before it. */
static char kind_of(int32_t c)
{
	char text[8];
	int bytes = 2;
	const char *p = text, *word;

	text[0] = 'a';
	text[1] = '_';
	bytes += utf8_put(c, text + 2);
	text[bytes++] = '!';
	word = next_word(&p, text + bytes);
	if (word == text && p == text + bytes - 1)
		return 'w';
	return next_word(&p, text + bytes) == text + 2 ? 'o' : 's';
}

static void kinds(const json_t *ranges)
{
	const json_t *r;
	long wrong = 0, seen = 0;
	size_t i;

	json_array_foreach(ranges, i, r) {
		char want = *json_string_value(json_array_get(r, 2));
		int32_t c = json_integer_value(json_array_get(r, 0));

		for (; c <= json_integer_value(json_array_get(r, 1)); c++, seen++)
			if (kind_of(c) != want && ++wrong < 10)
				printf("# U+%04X is %c, want %c\n", (unsigned)c, kind_of(c), want);
	}
	ok(seen > 140000 && !wrong, "%ld characters are words, spaces or neither as in Python", seen);
}

static void lower(const json_t *pair)
{
	const json_t *from = json_array_get(pair, 0);
	struct buf b = {0};

	text_lower(json_string_value(from), json_string_length(from), &b);
	same(b.p, json_string_value(json_array_get(pair, 1)), "lower case");
	buf_free(&b);
}

static int same_words(const char *text, size_t n, const json_t *want)
{
	struct buf b = {0};
	const char *p, *word;
	size_t i = 0;
	int good = 1;

	text_lower(text, n, &b);
	p = b.p;
	for (; (word = next_word(&p, b.p + b.n)); i++) {
		const json_t *w = json_array_get(want, i);

		good &= w && json_string_length(w) == (size_t)(p - word) && !memcmp(json_string_value(w), word, p - word);
	}
	buf_free(&b);
	return good && i == json_array_size(want);
}

static int same_buckets(struct gram_cache *c, const char *text, size_t n, const json_t *want)
{
	struct grams g = {0};
	int good;

	grams_add(&g, text, n, c);
	good = (size_t)g.n == json_array_size(want);
	for (long i = 0; good && i < g.n; i++)
		good = g.p[i] == json_integer_value(json_array_get(want, i));
	free(g.p);
	return good;
}

static void texts(const json_t *list)
{
	struct gram_cache *c = gram_cache_open();
	const json_t *t;
	size_t i;

	for (int again = 0; again < 2; again++)         /* hashed, then remembered */
		json_array_foreach(list, i, t) {
			const json_t *text = json_object_get(t, "text");
			const char *p = json_string_value(text);
			size_t n = json_string_length(text);

			if (!again)
				ok(same_words(p, n, json_object_get(t, "words")), "text %zu: words", i);
			ok(same_buckets(c, p, n, json_object_get(t, "buckets")), "text %zu: buckets", i);
		}
	gram_cache_close(c);
}

int main(void)
{
	json_t *gold = json_read_file("t/gold/dsir.json");
	struct gram_cache *c = gram_cache_open();
	struct grams g = {0};

	/* facts of p-lambda/dsir's own tests */
	ok(sha256_modulo("alice", 5, 10000) == 6720, "hash of alice");
	ok(sha256_modulo("alice went", 10, 10000) == 114, "hash of alice went");
	grams_add(&g, "Alice went to the store", 23, c);
	ok(g.n == 9, "five words make nine n-grams");
	free(g.p);
	gram_cache_close(c);
	kinds(json_object_get(gold, "kinds"));
	lower(json_object_get(gold, "lower"));
	texts(json_object_get(gold, "texts"));
	json_decref(gold);
	return tap_done();
}
