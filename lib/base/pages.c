/* SPDX-License-Identifier: MIT */
/* pages.c - see pages.h.  The heap would copy, and keep the place of the smaller. */
#include "pages.h"

#include <sys/mman.h>

#include "die.h"

void *pages_grow(void *p, size_t from, size_t to)
{
	p = p ? mremap(p, from, to, MREMAP_MAYMOVE)
	      : mmap(NULL, to, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		die("out of memory (%zu bytes)", to);
	return p;
}

void pages_free(void *p, size_t bytes)
{
	if (p)
		munmap(p, bytes);
}
