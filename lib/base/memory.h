/* SPDX-License-Identifier: MIT */
/* memory.h - memory and texts in it that cannot fail: the program dies when there is none left.
 *
 * What these return is owned by the caller, who frees it with free(). */
#ifndef SEAL_MEMORY_H
#define SEAL_MEMORY_H

#include <stddef.h>
#include <string.h>

#include "die.h"

/* As malloc, calloc, realloc, strdup, strndup and asprintf. */
void *xalloc(size_t bytes);
void *xzalloc(size_t count, size_t size);
void *xrealloc(void *, size_t bytes);
char *xstrdup(const char *);
char *xstrndup(const char *, size_t); /* copies n bytes, also beyond a NUL */
char *xprintf(const char *fmt, ...) PRINTF(1, 2);

/* The array p of *room elements of `size` bytes, of which n are in use, with room for at least
 * one more.  It may move, and *room becomes half as much again, so that appending costs the
 * same however long the array gets:
 *
 *	a->item = xgrow(a->item, a->n, &a->room, sizeof *a->item);
 *	a->item[a->n++] = ...;
 */
static inline void *xgrow(void *p, long n, long *room, size_t size)
{
	if (n < *room)
		return p;
	*room = n + n / 2 + 64;
	return xrealloc(p, *room * size);
}

/* Tells the system that all of these n bytes will be used, so that it may give them in pages of
 * 2 MB.  AMX reads 16 rows of a matrix at a time, each a page of its own, and of pages of 4 KB a
 * processor knows too few: training is 1.1 to 1.2 times as fast.  Other products are no faster, and
 * a virtual machine was seen to take seconds more to start. */
void memory_all_used(void *p, size_t n);

/* As memcpy; by all threads where it is much, since one reads a mapped file at 2 to 4 GB/s. */
void memory_copy(void *to, const void *from, size_t n);

/* Whether a text ends so. */
static inline int ends_with(const char *s, const char *end)
{
	size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

#endif
