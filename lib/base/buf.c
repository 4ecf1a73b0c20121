/* SPDX-License-Identifier: MIT */
/* buf.c - see buf.h. */
#include "buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "utf8.h"

void buf_need(struct buf *b, size_t more)
{
	if (b->n + more + 1 <= b->cap)
		return;
	b->cap = (b->n + more + 1) * 3 / 2 + 64;
	b->p = xrealloc(b->p, b->cap);
}

void buf_add(struct buf *b, const void *p, size_t n)
{
	buf_need(b, n);
	if (n)
		memcpy(b->p + b->n, p, n);
	b->n += n;
	b->p[b->n] = 0;
}

long buf_utf8(struct buf *b, const char *s, size_t n)
{
	long characters = 0;
	int32_t c;

	for (; n; characters++) {
		int bytes = utf8_first(s, n, &c);

		buf_add(b, c < 0 ? UTF8_REPLACEMENT : s, c < 0 ? 3 : bytes);
		s += bytes;
		n -= bytes;
	}
	return characters;
}

void buf_str(struct buf *b, const char *s) { buf_add(b, s, strlen(s)); }

void buf_fmt(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		die("out of memory");
	buf_need(b, n);
	va_start(ap, fmt);
	vsnprintf(b->p + b->n, n + 1, fmt, ap);
	va_end(ap);
	b->n += n;
}

void buf_free(struct buf *b)
{
	free(b->p);
	*b = (struct buf){0};
}
