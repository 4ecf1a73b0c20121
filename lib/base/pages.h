/* SPDX-License-Identifier: MIT */
/* pages.h - large arrays that grow without being copied. */
#ifndef SEAL_PAGES_H
#define SEAL_PAGES_H

#include <stddef.h>

/* From so many bytes (0: p is NULL) to more, the new ones zero. */
void *pages_grow(void *p, size_t from, size_t to);
void pages_free(void *p, size_t bytes); /* NULL: nothing */

#endif
