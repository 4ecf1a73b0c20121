/* SPDX-License-Identifier: MIT */
/* folder.c - see folder.h. */
#include "folder.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../base/world.h"
#include "zio.h"
#include "zio_claim.h"

/* Enters the files in the folder as outputs: none may be an input. */
static void claim(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	struct stat st;

	while (d && (e = readdir(d)))
		if (!fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW)) {
			char *name = xprintf("%s/%s", path, e->d_name);

			claim_output(&st, claim, name);
			free(name);
		}
	if (d)
		closedir(d);
}

void folder_refuse(const char *path, int force, const char *mark)
{
	char *inside;
	struct stat st;

	if (world_rank())
		return; /* rank 0 writes it */
	inside = xprintf("%s/%s", path, mark);
	if (!force && !lstat(path, &st))
		die("%s exists (--force replaces it)", path);
	if (!lstat(path, &st) && lstat(inside, &st))
		die("%s exists and holds no %s: --force would remove something else", path, mark);
	folder_try(path);
	claim(path);
	free(inside);
}

/* The path without slashes at its end (owned); of a link, what it points to. */
static char *trimmed(const char *path)
{
	char *real = realpath(path, NULL);
	size_t n = strlen(path);

	if (real)
		return real;
	while (n > 1 && path[n - 1] == '/')
		n--;
	return xstrndup(path, n);
}

void folder_try(const char *path)
{
	char *to = trimmed(path);

	if (!*path)
		die_usage("the name of a folder to write is empty");
	if (zio_is_std(path))
		die_usage(
			"a folder cannot be written to standard output (./- is one of that name)");
	if (access(dirname(to), W_OK | X_OK))
		die("create %s:", path);
	free(to);
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

static char *unfinished; /* begun, to be removed if the program dies */

static void remove_unfinished(void)
{
	if (unfinished)
		remove_folder(unfinished);
}

/* The folder gets owner, group and mode of the one that it will replace (see take_mode in
 * zio_out.c); where there is none, the mode that mkdir would have given it. */
static void take_mode(const char *folder, const char *to)
{
	mode_t mask = umask(0), mode;
	struct stat old;

	umask(mask);
	if (!stat(to, &old)) {
		mode = old.st_mode & 0777;
		if (chown(folder, old.st_uid, old.st_gid) && chown(folder, -1, old.st_gid))
			mode &= ~(mode_t)070 | (mode & 07) << 3;
	} else {
		mode = 0777 & ~mask;
	}
	if (stat(folder, &old) || chmod(folder, mode | S_IRWXU | (old.st_mode & S_ISGID)))
		die("change the mode of %s:", folder);
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
	take_mode(name, to);
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

/* Puts the folder begun in the place of `to`; returns the name under which the old one is then
 * (owned).  They change places at once where the file system can do that; else there is a moment
 * when neither is at its place. */
static char *replace(const char *begun, const char *to, const char *path)
{
	char *old;

	if (!renameat2(AT_FDCWD, begun, AT_FDCWD, to, RENAME_EXCHANGE))
		return xstrdup(begun);
	old = xprintf("%s.old", begun);
	if (rename(to, old) && errno != ENOENT)
		die("replace %s:", path);
	if (rename(begun, to))
		die("rename %s to %s:", begun, path);
	return old;
}

void folder_commit(char *begun, const char *path)
{
	char *to = trimmed(path), *old;

	sync_folder(begun);
	old = replace(begun, to, path);
	unfinished = NULL;
	sync_folder(dirname(to));
	folder_remove(old);
	claim_drop(claim);
	free(old);
	free(to);
	free(begun);
}
