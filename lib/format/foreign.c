/* SPDX-License-Identifier: MIT */
/* foreign.c - see foreign.h. */
#include "foreign.h"

#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "sniff.h"

void foreign_check(const char *path, const void *bytes, size_t n)
{
	const char *what = sniff(bytes, n);

	if (what)
		die("%s: is %s", path, what);
}

void foreign_die(const char *path, const void *bytes, size_t n, const struct fault *f)
{
	foreign_check(path, bytes, n);
	die("%s: %s", path, f->text);
}

/* The first name in the folder, in their order as bytes, that the pattern fits; owned, or NULL. */
static char *fitting(const char *folder, const char *pattern)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char *found = NULL;

	if (!d)
		die("open %s:", folder);
	while ((e = readdir(d))) {
		if (fnmatch(pattern, e->d_name, 0) || (found && strcmp(found, e->d_name) < 0))
			continue;
		free(found);
		found = xstrdup(e->d_name);
	}
	closedir(d);
	return found;
}

void foreign_missing(const char *folder, const char *wanted, const struct foreign *f)
{
	char *name = NULL;

	for (; f->pattern; f++)
		if ((name = fitting(folder, f->pattern)))
			die("%s: has no %s, but %s: %s", folder, wanted, name, f->what);
	die("%s: has no %s", folder, wanted);
}
