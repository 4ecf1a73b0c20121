/* folder.c - see folder.h. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/die.h"

void folder_refuse(const char *path, int force)
{
	struct stat st;

	if (!force && !lstat(path, &st))
		die("%s exists (--force replaces it)", path);
}

static char *trimmed(const char *path)
{
	size_t n = strlen(path);

	while (n > 1 && path[n - 1] == '/')
		n--;
	return xstrndup(path, n);
}

static int remove_folder(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;

	if (!d)
		return errno == ENOENT ? 0 : -1;
	while ((e = readdir(d)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	return rmdir(path);
}

static char *unfinished;               /* begun, to be removed if the program dies */

static void remove_unfinished(void)
{
	if (unfinished)
		remove_folder(unfinished);
}

char *folder_begin(const char *path)
{
	static int watched;
	char *to = trimmed(path), *slash = strrchr(to, '/'), *base = slash ? slash + 1 : to;
	char *name = xprintf("%.*s.%s.XXXXXX", (int)(base - to), to, base);

	if (!watched && atexit(remove_unfinished))
		die("out of memory");
	watched = 1;
	if (!mkdtemp(name))
		die("create a folder beside %s:", path);
	chmod(name, 0755);
	free(to);
	return unfinished = name;
}

static void sync_folder(const char *path)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY);

	if (fd < 0 || fsync(fd))
		die("sync %s:", path);
	close(fd);
}

void folder_remove(const char *path)
{
	if (remove_folder(path))
		die("remove %s:", path);
}

void folder_commit(char *begun, const char *path)
{
	char *to = trimmed(path), *old = xprintf("%s.old", begun), *slash, *parent;

	sync_folder(begun);
	if (rename(to, old) && errno != ENOENT)
		die("replace %s:", path);
	if (rename(begun, to))
		die("rename %s to %s:", begun, path);
	unfinished = NULL;
	slash = strrchr(to, '/');
	parent = slash ? xstrndup(to, slash == to ? 1 : slash - to) : xstrdup(".");
	sync_folder(parent);
	folder_remove(old);
	free(parent);
	free(old);
	free(to);
	free(begun);
}
