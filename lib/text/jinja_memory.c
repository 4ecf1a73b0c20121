/* SPDX-License-Identifier: MIT */
/* jinja_memory.c - an arena, and what bounds a template: memory, steps, depth. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "jinja_in.h"

enum { CHUNK = 1 << 16, ALIGN = 16 };

struct jchunk {
	struct jchunk *before;
	size_t n, at;
	_Alignas(ALIGN) char bytes[];
};

static void *take(struct jrun *r, size_t bytes)
{
	struct jarena *a = r->arena;
	struct jchunk *c = a->last;
	void *p;

	if (bytes > a->most)
		jfail(r, "the template takes more than %zu MB of memory", a->most >> 20);
	bytes = (bytes + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (!c || c->n - c->at < bytes) {
		size_t n = bytes > CHUNK ? bytes : CHUNK;

		if (a->used + n > a->most)
			jfail(r, "the template takes more than %zu MB of memory", a->most >> 20);
		a->used += n;
		c = xalloc(sizeof *c + n);
		*c = (struct jchunk){.before = a->last, .n = n};
		a->last = c;
	}
	p = c->bytes + c->at;
	c->at += bytes;
	return p;
}

void *jalloc(struct jrun *r, size_t bytes)
{
	void *p = take(r, bytes);

	return memset(p, 0, bytes);
}

/* What was allocated last grows where it is. */
void *jgrow(struct jrun *r, void *p, size_t was, size_t now)
{
	struct jchunk *c = r->arena->last;
	size_t more;
	void *to;

	was = (was + ALIGN - 1) & ~(size_t)(ALIGN - 1);
	if (p && now >= was && (char *)p + was == c->bytes + c->at && now - was < c->n - c->at) {
		more = (now - was + ALIGN - 1) & ~(size_t)(ALIGN - 1);
		if (more <= c->n - c->at) {
			c->at += more;
			return p;
		}
	}
	to = take(r, now);
	if (p)
		memcpy(to, p, was < now ? was : now);
	return to;
}

void jarena_free(struct jarena *a)
{
	while (a->last) {
		struct jchunk *c = a->last;

		a->last = c->before;
		free(c);
	}
}

void jfail(struct jrun *r, const char *fmt, ...)
{
	char text[sizeof r->f->text];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof text, fmt, ap);
	va_end(ap);
	if (r->line)
		fault(r->f, "line %d: %s", r->line, text);
	else
		fault(r->f, "%s", text);
	longjmp(r->out, 1);
}

void jspend(struct jrun *r, long steps)
{
	if ((r->steps += steps) > r->steps_most)
		jfail(r, "the template takes more than %ld steps", r->steps_most);
}

void jdeeper(struct jrun *r)
{
	if (++r->depth > r->depth_most)
		jfail(r, "the template or its values are nested more than %d deep", r->depth_most);
	jspend(r, 1);
}

long jadd(struct jrun *r, long a, long b)
{
	long sum;

	if (__builtin_add_overflow(a, b, &sum))
		jfail(r, "%ld + %ld is beyond 64 bits", a, b);
	return sum;
}

long jmul(struct jrun *r, long a, long b)
{
	long product;

	if (__builtin_mul_overflow(a, b, &product))
		jfail(r, "%ld * %ld is beyond 64 bits", a, b);
	return product;
}
