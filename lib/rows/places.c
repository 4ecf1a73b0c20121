/* SPDX-License-Identifier: MIT */
/* places.c - see places.h.
 *
 * A hash table with linear probing, at most seven eighths full, of 12 bytes a slot in two
 * arrays.  It grows by a half at a time, so that a key takes 14 to 21 bytes.
 */
#include "places.h"

#include <stdlib.h>

#include "../base/memory.h"

struct places {
	uint64_t *key;
	uint32_t *number; /* 0: the slot is empty */
	uint64_t n, slots;
};

static void allocate(struct places *t, uint64_t slots)
{
	t->slots = slots;
	t->key = xalloc(slots * sizeof *t->key);
	t->number = xzalloc(slots, sizeof *t->number);
}

struct places *places_new(void)
{
	struct places *t = xzalloc(1, sizeof *t);

	allocate(t, 1024);
	return t;
}

/* Where the key is, or would be.  The keys may be of any pattern: what picks the slot are
 * the high bits of a product that depends on all of theirs. */
static uint64_t search(const struct places *t, uint64_t key)
{
	uint64_t i = (key * 0x9e3779b97f4a7c15 >> 32) * t->slots >> 32;

	while (t->number[i] && t->key[i] != key)
		i = i + 1 == t->slots ? 0 : i + 1;
	return i;
}

static void grow(struct places *t)
{
	struct places old = *t;

	allocate(t, old.slots + old.slots / 2);
	for (uint64_t k = 0; k < old.slots; k++)
		if (old.number[k]) {
			uint64_t i = search(t, old.key[k]);

			t->key[i] = old.key[k];
			t->number[i] = old.number[k];
		}
	free(old.key);
	free(old.number);
}

const uint32_t *places_look(const struct places *t, uint64_t key)
{
	uint64_t i = search(t, key);

	return t->number[i] ? &t->number[i] : NULL;
}

uint32_t *places_find(struct places *t, uint64_t key)
{
	uint64_t i = search(t, key);

	if (t->number[i])
		return &t->number[i];
	if (8 * (t->n + 1) > 7 * t->slots) {
		grow(t);
		i = search(t, key);
	}
	t->n++;
	t->key[i] = key;
	return &t->number[i];
}

void places_free(struct places *t)
{
	if (!t)
		return;
	free(t->key);
	free(t->number);
	free(t);
}
