/* places.c - see places.h.
 *
 * A text is remembered as 16 bytes: its XXH64, and the number.  Two different
 * texts of one hash would be taken for one; among a million the chance is 3e-8.
 */
#include "places.h"

#include <stdlib.h>

#include "../base/die.h"
#include "../base/hash.h"

struct places {
	struct place *place;             /* open addressing, at most 3/4 full; key 0: empty */
	size_t n, slots;                 /* slots: a power of 2 */
};

struct places *places_new(void)
{
	struct places *t = xzalloc(1, sizeof *t);

	t->slots = 1024;
	t->place = xzalloc(t->slots, sizeof *t->place);
	return t;
}

static struct place *slot_of(struct place *place, size_t slots, uint64_t key)
{
	size_t i = key & (slots - 1);

	while (place[i].key && place[i].key != key)
		i = (i + 1) & (slots - 1);
	return &place[i];
}

static void grow(struct places *t, size_t slots)
{
	struct place *place = xzalloc(slots, sizeof *place);

	for (size_t i = 0; i < t->slots; i++)
		if (t->place[i].key)
			*slot_of(place, slots, t->place[i].key) = t->place[i];
	free(t->place);
	t->place = place;
	t->slots = slots;
}

void places_expect(struct places *t, size_t n)
{
	size_t slots = t->slots;

	while (3 * slots < 4 * n)
		slots *= 2;
	grow(t, slots);
}

struct place *places_find(struct places *t, const void *p, size_t n, int *fresh)
{
	uint64_t key = hash_bytes(p, n);
	struct place *s;

	if (4 * (t->n + 1) > 3 * t->slots)
		grow(t, 2 * t->slots);
	key += !key;
	s = slot_of(t->place, t->slots, key);
	*fresh = !s->key;
	if (*fresh) {
		s->key = key;
		t->n++;
	}
	return s;
}

void places_free(struct places *t)
{
	if (!t)
		return;
	free(t->place);
	free(t);
}
