/* SPDX-License-Identifier: MIT */
/* places.h - numbers under 64-bit keys, at 13 to 15 bytes each. */
#ifndef SEAL_PLACES_H
#define SEAL_PLACES_H

#include <stddef.h>
#include <stdint.h>

#include "../base/sort.h"

struct places;

struct places *places_new(void);
/* With these, sorted; the numbers are their `at`, not 0.  Of equal keys the first is
 * found.  p: is taken over, from pages_grow with so many bytes. */
struct places *places_of(struct item *p, long n, size_t bytes);
/* The number under key, for the caller to change, valid until the next call.  0: the
 * key is new, and is forgotten unless another number is put there at once. */
uint32_t *places_find(struct places *, uint64_t key);
/* The same, but NULL for a new key. */
uint32_t *places_look(const struct places *, uint64_t key);
void places_free(struct places *); /* NULL: nothing */

#endif
