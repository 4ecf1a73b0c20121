/* SPDX-License-Identifier: MIT */
/* zio_claim.c - see zio_claim.h. */
#include "zio_claim.h"

#include <stdlib.h>
#include <unistd.h>

#include "../base/memory.h"

static struct claim {
	dev_t dev;
	ino_t ino;
	int output;
	int is_stdout; /* whatever dev and ino are */
	const void *by;
	struct claim *next;
} * claims;

static int is_pipe(const struct stat *s) { return S_ISFIFO(s->st_mode) || S_ISSOCK(s->st_mode); }

static const struct claim *find(const struct stat *s)
{
	const struct claim *c = S_ISREG(s->st_mode) || is_pipe(s) ? claims : NULL;

	while (c && (c->dev != s->st_dev || c->ino != s->st_ino))
		c = c->next;
	return c;
}

static struct claim *enter(const struct stat *s, int output, const void *by)
{
	struct claim *c = xalloc(sizeof *c);

	*c = (struct claim){s->st_dev, s->st_ino, output, 0, by, claims};
	return claims = c;
}

static _Noreturn void both(const char *path) { die("%s: is both input and output", path); }

void claim_input(const struct stat *s, const char *path)
{
	const struct claim *c = find(s);

	if (!S_ISREG(s->st_mode)) /* a socket may be both stdin and stdout */
		return;
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
	if (S_ISREG(s->st_mode) || is_pipe(s))
		enter(s, 1, by);
}

void claim_stdout(struct stat *s, const void *by)
{
	if (fstat(1, s))
		die("open stdout:");
	for (const struct claim *c = claims; c; c = c->next)
		if (c->is_stdout)
			die_usage("standard output cannot be two outputs at once: one of them "
			          "needs a file");
	claim_output(s, by, "stdout");
	enter(s, 1, by)->is_stdout = 1;
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
