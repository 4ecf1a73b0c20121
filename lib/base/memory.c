/* SPDX-License-Identifier: MIT */
/* memory.c - see memory.h. */
#include "memory.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

void *xrealloc(void *p, size_t bytes)
{
	p = realloc(p, bytes ? bytes : 1);
	if (!p)
		die("out of memory (%zu bytes)", bytes);
	return p;
}

void *xalloc(size_t bytes) { return xrealloc(NULL, bytes); }

void *xzalloc(size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size ? size : 1);

	if (!p)
		die("out of memory (%zu x %zu bytes)", count, size);
	return p;
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xalloc(n + 1);

	memcpy(p, s, n);
	p[n] = 0;
	return p;
}

char *xstrdup(const char *s) { return xstrndup(s, strlen(s)); }

char *xprintf(const char *fmt, ...)
{
	va_list ap;
	char *s;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		die("out of memory");
	return s;
}

void memory_copy(void *to, const void *from, size_t n)
{
	enum { EACH = 1 << 20 };

#pragma omp parallel for schedule(static) if (n > EACH)
	for (size_t at = 0; at < n; at += EACH)
		memcpy((char *)to + at, (const char *)from + at, n - at < EACH ? n - at : EACH);
}

void memory_all_used(void *p, size_t n)
{
	size_t page = sysconf(_SC_PAGESIZE), before = -(uintptr_t)p % page;

	if (n > before + page)
		madvise((char *)p + before, (n - before) / page * page, MADV_HUGEPAGE);
}
