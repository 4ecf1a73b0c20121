/* places.h - texts seen before, and a number for each. */
#ifndef SEAL_PLACES_H
#define SEAL_PLACES_H

#include <stddef.h>
#include <stdint.h>

struct place { uint64_t key, where; };   /* key: not the caller's */
struct places;

struct places *places_new(void);
void places_expect(struct places *, size_t n);   /* about so many will come */
/* The place of these bytes, valid until the next call; *fresh when they are new,
 * and then their `where` is 0. */
struct place *places_find(struct places *, const void *p, size_t n, int *fresh);
void places_free(struct places *);               /* NULL: nothing */

#endif
