/* SPDX-License-Identifier: MIT */
/* places.h - a number under each of many 64-bit keys, such as the hashes of ids. */
#ifndef SEAL_PLACES_H
#define SEAL_PLACES_H

#include <stdint.h>

struct places;

struct places *places_new(void);
/* The number under key, for the caller to change, valid until the next call.  0: the
 * key is new, and is forgotten unless another number is put there at once. */
uint32_t *places_find(struct places *, uint64_t key);
/* The same, but NULL for a new key. */
const uint32_t *places_look(const struct places *, uint64_t key);
void places_free(struct places *); /* NULL: nothing */

#endif
