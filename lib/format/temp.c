/* SPDX-License-Identifier: MIT */
/* temp.c - see temp.h.
 *
 * The names to remove lie in a fixed array of pointers, so that a signal handler may walk it at
 * any moment: a name enters before its file is made and leaves after the rename, and removing
 * one that does not exist does no harm.
 */
#include "temp.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/program.h"

enum { SLOTS = 64 };

static char *volatile name[SLOTS];
static const char *to[SLOTS]; /* where the file goes in the end */

static void remove_all(void)
{
	for (int i = 0; i < SLOTS; i++) {
		char *path = name[i];

		if (path)
			unlink(path);
	}
}

struct temp temp_open(const char *path)
{
	static unsigned count;
	const char *slash = strrchr(path, '/');
	int folder = slash ? (int)(slash + 1 - path) : 0;
	struct temp t = {-1, 0};

	program_at_end(remove_all);
	while (t.slot < SLOTS && name[t.slot])
		t.slot++;
	assert(t.slot < SLOTS);
	for (int i = 0; i < SLOTS; i++)
		if (name[i] && !strcmp(to[i], path))
			die("%s: is two outputs at once", path);
	to[t.slot] = path;
	do {
		char *taken = name[t.slot];

		name[t.slot] = NULL;
		free(taken);
		name[t.slot] =
			xprintf("%.*s.seal-%ld-%u.tmp", folder, path, (long)getpid(), count++);
		t.fd = open(name[t.slot], O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
	} while (t.fd < 0 && errno == EEXIST);
	if (t.fd < 0)
		die("create %s:", path);
	return t;
}

void temp_keep(struct temp t, const char *path)
{
	char *from = name[t.slot];

	if (fsync(t.fd) || close(t.fd))
		die("write %s:", path);
	if (rename(from, path))
		die("create %s:", path);
	name[t.slot] = NULL;
	free(from);
}
