/* SPDX-License-Identifier: MIT */
/* sort.c - see sort.h.
 *
 * Eleven bits of all keys at a time, the lowest first, from one array to another and
 * back: six times, so the last ends where the first began.
 */
#include "sort.h"

#include <stdlib.h>
#include <string.h>

#include "memory.h"

enum { BITS = 11, DIGITS = 1 << BITS };

static void pass(const struct item from[], struct item to[], long n, int shift)
{
	uint32_t start[DIGITS + 1] = {0};

	for (long i = 0; i < n; i++)
		start[(from[i].key >> shift) % DIGITS + 1]++;
	for (int d = 0; d < DIGITS; d++)
		start[d + 1] += start[d];
	for (long i = 0; i < n; i++)
		to[start[(from[i].key >> shift) % DIGITS]++] = from[i];
}

void sort_items(struct item p[], long n)
{
	struct item *q = xalloc(n * sizeof *q);

	for (int shift = 0; shift < 64; shift += 2 * BITS) {
		pass(p, q, n, shift);
		pass(q, p, n, shift + BITS);
	}
	free(q);
}
