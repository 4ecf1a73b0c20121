/* SPDX-License-Identifier: MIT */
/* zio_spool.c - see spool.h. */
#include "zio_spool.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/memory.h"
#include "zio.h"

enum { CHUNK = 1 << 18 };

static struct spooled {
	const char *path;
	int fd;
	off_t start;
	struct spooled *next;
} * all;

static struct spooled *find(const char *path)
{
	struct spooled *s = all;

	while (s && strcmp(zio_is_std(s->path) ? "-" : s->path, zio_is_std(path) ? "-" : path))
		s = s->next;
	return s;
}

static const char *folder(void)
{
	return getenv("TMPDIR") && *getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
}

static int nameless(void)
{
	char *name = xprintf("%s/seal-XXXXXX", folder());
	int fd = mkostemp(name, O_CLOEXEC);

	if (fd < 0 || unlink(name))
		die("create a file in %s:", folder());
	free(name);
	return fd;
}

/* Everything that comes, in a file. */
static int copy(int from, const char *name)
{
	int fd = nameless();
	char *p = xalloc(CHUNK);
	ssize_t got, done;

	while ((got = read(from, p, CHUNK))) {
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			die("read %s:", name);
		for (char *at = p; got; at += done, got -= done) {
			done = write(fd, at, got);
			if (done < 0 && errno != EINTR)
				die("write a copy of %s in %s:", name, folder());
			done = done < 0 ? 0 : done;
		}
	}
	free(p);
	close(from);
	return fd;
}

void spool(const char *path)
{
	const char *name = zio_is_std(path) ? "stdin" : path;
	struct spooled *s;
	struct stat st;
	int fd;

	if (find(path))
		die("%s: can be read only once", name);
	fd = zio_is_std(path) ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st))
		die("open %s:", name);
	if (S_ISREG(st.st_mode) && !zio_is_std(path)) {
		close(fd);
		return;
	}
	s = xalloc(sizeof *s);
	*s = (struct spooled){path, fd, 0, all};
	if (S_ISREG(st.st_mode))
		s->start = lseek(fd, 0, SEEK_CUR);
	else
		s->fd = copy(fd, name);
	all = s;
}

int spool_open(const char *path)
{
	const struct spooled *s = find(path);
	int fd;

	if (!s)
		return -1;
	fd = fcntl(s->fd, F_DUPFD_CLOEXEC, 3);
	if (fd < 0 || lseek(fd, s->start, SEEK_SET) < 0)
		die("open %s again:", zio_is_std(path) ? "stdin" : path);
	return fd;
}

FILE *scratch_open(void)
{
	FILE *f = fdopen(nameless(), "w+");

	if (!f)
		die("out of memory");
	return f;
}

void scratch_write(FILE *f, const void *p, size_t n)
{
	if (fwrite(p, 1, n, f) < n)
		die("write a file in %s:", folder());
}

void scratch_rewind(FILE *f)
{
	if (fflush(f) || fseek(f, 0, SEEK_SET))
		die("write a file in %s:", folder());
}

void scratch_read(FILE *f, void *p, size_t n)
{
	if (fread(p, 1, n, f) < n)
		die("read a file in %s:", folder());
}
