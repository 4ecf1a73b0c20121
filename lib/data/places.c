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

#include "../base/die.h"

struct place { uint32_t high, low, number; };    /* number 0: empty; the key in halves, for 12 bytes */

struct places {
	struct place *place;             /* [slots + spare], then one that is always empty */
	size_t n, slots, spare;
};

enum { FEWEST = 1024, SPARE = 512 };

struct places *places_new(void)
{
	struct places *t = xzalloc(1, sizeof *t);

	t->slots = FEWEST;
	t->spare = SPARE;
	t->place = xzalloc(t->slots + t->spare + 1, sizeof *t->place);
	return t;
}

static uint64_t key_of(const struct place *p) { return (uint64_t)p->high << 32 | p->low; }

/* Where the key is, or would be. */
static size_t search(const struct places *t, uint64_t key)
{
	size_t i = (key >> 32) * t->slots >> 32;

	while (t->place[i].number && key_of(&t->place[i]) < key)
		i++;
	return i;
}

/* Moves the entries, which are the last n places, to their homes; -1 (and they
 * remain as they are) when the last would not fit. */
static int spread(struct places *t)
{
	size_t end = t->slots + t->spare, next = 0;

	for (size_t i = end - t->n; i < end; i++) {
		size_t home = t->place[i].high * (uint64_t)t->slots >> 32;

		next = (home > next ? home : next) + 1;
	}
	if (next > end)
		return -1;
	next = 0;
	for (size_t i = end - t->n; i < end; i++) {
		struct place p = t->place[i];
		size_t home = p.high * (uint64_t)t->slots >> 32;

		t->place[i].number = 0;
		next = home > next ? home : next;
		t->place[next++] = p;
	}
	return 0;
}

/* To more slots, or more spare ones. */
static void grow(struct places *t, size_t slots, size_t spare)
{
	size_t old = t->slots + t->spare, end = slots + spare, to = end;

	t->place = xrealloc(t->place, (end + 1) * sizeof *t->place);
	memset(t->place + old, 0, (end + 1 - old) * sizeof *t->place);
	for (size_t i = old; i-- > 0; )
		if (t->place[i].number) {
			struct place p = t->place[i];

			t->place[i].number = 0;
			t->place[--to] = p;
		}
	t->slots = slots;
	t->spare = spare;
	if (spread(t))
		grow(t, slots, 2 * spare);
}

uint32_t *places_look(const struct places *t, uint64_t key)
{
	struct place *p = &t->place[search(t, key)];

	return p->number && key_of(p) == key ? &p->number : NULL;
}

uint32_t *places_find(struct places *t, uint64_t key)
{
	size_t i = search(t, key), end;

	if (t->place[i].number && key_of(&t->place[i]) == key)
		return &t->place[i].number;
	if (10 * (t->n + 1) > 9 * t->slots) {
		grow(t, t->slots + t->slots / 8, t->spare);
		i = search(t, key);
	}
	for (end = i; t->place[end].number; end++)
		;
	if (end == t->slots + t->spare) {
		grow(t, t->slots, 2 * t->spare);
		return places_find(t, key);
	}
	memmove(&t->place[i + 1], &t->place[i], (end - i) * sizeof *t->place);
	t->place[i] = (struct place){ key >> 32, (uint32_t)key, 0 };
	t->n++;
	return &t->place[i].number;
}

void places_free(struct places *t)
{
	if (!t)
		return;
	free(t->place);
	free(t);
}
