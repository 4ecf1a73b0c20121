/* SPDX-License-Identifier: MIT */
/* zio_claim.c - see zio_claim.h. */
#include "zio_claim.h"

#include <stdlib.h>

#include "../base/memory.h"

static struct claim {
	dev_t dev;
	ino_t ino;
	int output;
	const void *by;
	struct claim *next;
} * claims;

static const struct claim *find(const struct stat *s)
{
	const struct claim *c = S_ISREG(s->st_mode) ? claims : NULL;

	while (c && (c->dev != s->st_dev || c->ino != s->st_ino))
		c = c->next;
	return c;
}

static void enter(const struct stat *s, int output, const void *by)
{
	struct claim *c;

	if (!S_ISREG(s->st_mode))
		return;
	c = xalloc(sizeof *c);
	*c = (struct claim){s->st_dev, s->st_ino, output, by, claims};
	claims = c;
}

static _Noreturn void both(const char *path) { die("%s: is both input and output", path); }

void claim_input(const struct stat *s, const char *path)
{
	const struct claim *c = find(s);

	if (c && c->output)
		both(path);
	if (!c)
		enter(s, 0, NULL);
}

void claim_output(const struct stat *s, const void *by, const char *path)
{
	const struct claim *c = find(s);

	if (c && !c->output)
		both(path);
	if (c)
		die("%s: is two outputs at once", path);
	enter(s, 1, by);
}

void claim_check(const char *path)
{
	const struct claim *c;
	struct stat s;

	if (stat(path, &s))
		return;
	c = find(&s);
	if (c && !c->output)
		both(path);
}

void claim_drop(const void *by)
{
	for (struct claim **at = &claims, *c = *at; c; c = *at) {
		if (!c->output || c->by != by) {
			at = &c->next;
			continue;
		}
		*at = c->next;
		free(c);
	}
}
