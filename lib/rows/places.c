/* SPDX-License-Identifier: MIT */
/* places.c - see places.h.
 *
 * Open addressing in which all entries are in the order of their keys: an entry is
 * at home = key n / 2^64 of n slots, or behind it where those are taken by smaller
 * keys.  So a search ends at the first larger key, and the table may be nine tenths
 * full.  It grows by an eighth where it stands, since order does not change: the
 * entries move to the end, and from there each to its new home.
 *
 * Entries may stand behind the last slot; as many as a few slots more than ever do.
 */
#include "places.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/pages.h"

struct places {
	struct item *place; /* [slots + spare], then one that is always empty; at 0: empty */
	size_t n, slots, spare, bytes;
};

enum { FEWEST = 1024, SPARE = 512 };

struct places *places_new(void)
{
	struct places *t = xzalloc(1, sizeof *t);

	t->slots = FEWEST;
	t->spare = SPARE;
	t->bytes = (FEWEST + SPARE + 1) * sizeof *t->place;
	t->place = pages_grow(NULL, 0, t->bytes);
	return t;
}

static size_t home(const struct places *t, uint64_t key) { return (key >> 32) * t->slots >> 32; }

/* Where the key is, or would be. */
static size_t search(const struct places *t, uint64_t key)
{
	size_t i = home(t, key);

	while (t->place[i].at && t->place[i].key < key)
		i++;
	return i;
}

/* Moves the entries, which are the last n places, to their homes; -1 (and they
 * remain as they are) when the last would not fit. */
static int spread(struct places *t)
{
	size_t end = t->slots + t->spare, next = 0;

	for (size_t i = end - t->n; i < end; i++) {
		size_t at = home(t, t->place[i].key);

		next = (at > next ? at : next) + 1;
	}
	if (next > end)
		return -1;
	next = 0;
	for (size_t i = end - t->n; i < end; i++) {
		struct item p = t->place[i];
		size_t at = home(t, p.key);

		t->place[i].at = 0;
		next = at > next ? at : next;
		t->place[next++] = p;
	}
	return 0;
}

/* To more slots, or more spare ones. */
static void grow(struct places *t, size_t slots, size_t spare)
{
	size_t old = t->slots + t->spare, end = slots + spare, to = end;

	if (t->bytes < (end + 1) * sizeof *t->place) {
		t->place = pages_grow(t->place, t->bytes, (end + 1) * sizeof *t->place);
		t->bytes = (end + 1) * sizeof *t->place;
	}
	memset(t->place + old, 0, (end + 1 - old) * sizeof *t->place);
	for (size_t i = old; i-- > 0;)
		if (t->place[i].at) {
			struct item p = t->place[i];

			t->place[i].at = 0;
			t->place[--to] = p;
		}
	t->slots = slots;
	t->spare = spare;
	if (spread(t))
		grow(t, slots, 2 * spare);
}

uint32_t *places_look(const struct places *t, uint64_t key)
{
	struct item *p = &t->place[search(t, key)];

	return p->at && p->key == key ? &p->at : NULL;
}

uint32_t *places_find(struct places *t, uint64_t key)
{
	size_t i = search(t, key), end;

	if (t->place[i].at && t->place[i].key == key)
		return &t->place[i].at;
	if (10 * (t->n + 1) > 9 * t->slots) {
		grow(t, t->slots + t->slots / 8, t->spare);
		i = search(t, key);
	}
	for (end = i; t->place[end].at; end++)
		;
	if (end == t->slots + t->spare) {
		grow(t, t->slots, 2 * t->spare);
		return places_find(t, key);
	}
	memmove(&t->place[i + 1], &t->place[i], (end - i) * sizeof *t->place);
	t->place[i] = (struct item){key, 0};
	t->n++;
	return &t->place[i].at;
}

struct places *places_of(struct item *p, long n, size_t bytes)
{
	struct places *t = xzalloc(1, sizeof *t);

	t->place = p;
	t->bytes = bytes;
	t->n = t->slots = n;
	grow(t, n + n / 8 + FEWEST, SPARE);
	return t;
}

void places_free(struct places *t)
{
	if (!t)
		return;
	pages_free(t->place, t->bytes);
	free(t);
}
