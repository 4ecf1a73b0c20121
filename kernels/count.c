/* SPDX-License-Identifier: MIT */
/* count.c - a device that computes nothing and holds nothing: what is opened on it
 * tells how much memory it would take. */
#include <stdlib.h>
#include <string.h>

#include "../lib/base/memory.h"
#include "ops.h"

struct counted {
	size_t owned, adopted;
};

static char somewhere[64];

static void *count_alloc(struct dev *d, size_t bytes)
{
	struct counted *c = d->self;

	c->owned += (bytes / 64 + 1) * 64;
	return somewhere;
}

static void count_free(struct dev *d, void *p)
{
	(void)d;
	(void)p;
}

static void count_put(struct dev *d, void *dst, const void *host, size_t bytes)
{
	(void)d;
	(void)dst;
	(void)host;
	(void)bytes;
}

static void count_get(struct dev *d, void *host, const void *src, size_t bytes)
{
	(void)d;
	(void)src;
	memset(host, 0, bytes);
}

static void count_zero(struct dev *d, void *p, size_t bytes)
{
	(void)d;
	(void)p;
	(void)bytes;
}

static const void *count_adopt(struct dev *d, const void *host, size_t bytes)
{
	struct counted *c = d->self;

	c->adopted += bytes;
	return host;
}

static void count_disown(struct dev *d, const void *p)
{
	(void)d;
	(void)p;
}
static void count_copy(struct dev *d, struct mat y, struct mat x)
{
	(void)d;
	(void)y;
	(void)x;
}

static const struct ops count_ops = {
	.alloc = count_alloc,
	.free = count_free,
	.put = count_put,
	.get = count_get,
	.zero = count_zero,
	.adopt = count_adopt,
	.disown = count_disown,
	.copy = count_copy,
};

struct dev *dev_counting(void)
{
	struct dev *d = xzalloc(1, sizeof *d);

	*d = (struct dev){.op = &count_ops,
	                  .name = "none",
	                  .self = xzalloc(1, sizeof(struct counted)),
	                  .counts = 1};
	return d;
}

size_t dev_counted(const struct dev *d) { return ((const struct counted *)d->self)->owned; }
size_t dev_counted_adopted(const struct dev *d)
{
	return ((const struct counted *)d->self)->adopted;
}

void dev_counting_close(struct dev *d)
{
	free(d->self);
	free(d);
}
