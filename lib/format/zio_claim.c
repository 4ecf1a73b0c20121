/* SPDX-License-Identifier: MIT */
/* zio_claim.c - see inuse.h; and the standard descriptors are in use from the start. */
#include "zio_claim.h"

#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "../base/die.h"

/* A closed stdin, stdout or stderr would give its number to the next file that
 * is opened, and messages would land in data.  Take the number with a
 * descriptor that fails in that direction. */
__attribute__((constructor)) static void hold_standard_fds(void)
{
	for (int fd = 0; fd < 3; fd++)
		if (fcntl(fd, F_GETFD) < 0 && open("/dev/null", fd ? O_RDONLY : O_WRONLY) < 0)
			_exit(1);
}

struct use {
	dev_t dev;
	ino_t ino;
	int output;
	const void *by;
	struct use *next;
};

static struct use *uses;

void inuse_add(const struct stat *s, int output, const void *by, const char *path)
{
	struct use *u;

	if (!S_ISREG(s->st_mode))
		return;
	for (u = uses; u; u = u->next) {
		if (u->dev != s->st_dev || u->ino != s->st_ino)
			continue;
		if (output != u->output)
			die("%s: is both input and output", path);
		if (output)
			die("%s: is two outputs at once", path);
		return;
	}
	u = xalloc(sizeof *u);
	*u = (struct use){s->st_dev, s->st_ino, output, by, uses};
	uses = u;
}

void inuse_drop(const void *by)
{
	for (struct use **at = &uses, *u = *at; u; u = *at) {
		if (!u->output || u->by != by) {
			at = &u->next;
			continue;
		}
		*at = u->next;
		free(u);
	}
}
