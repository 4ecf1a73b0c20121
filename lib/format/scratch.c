/* SPDX-License-Identifier: MIT */
/* scratch.c - see scratch.h. */
#include "scratch.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../base/memory.h"

static const char *folder(void)
{
	const char *path = getenv("TMPDIR");

	return path && *path ? path : "/tmp";
}

FILE *scratch_open(void)
{
	char *name = xprintf("%s/seal-XXXXXX", folder());
	int fd = mkostemp(name, O_CLOEXEC);
	FILE *f;

	if (fd < 0 || unlink(name))
		die("create a file in %s:", folder());
	free(name);
	f = fdopen(fd, "w+");
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

void scratch_read_at(FILE *f, void *p, size_t n, size_t at)
{
	while (n) {
		ssize_t got = pread(fileno(f), p, n, (off_t)at);

		if (got < 0 && errno == EINTR)
			continue;
		if (got <= 0)
			die("read a file in %s:", folder());
		p = (char *)p + got;
		n -= got;
		at += got;
	}
}

/* posix_fallocate, so that a full disk is an error here and no signal later. */
void *scratch_map(size_t n)
{
	FILE *f = scratch_open();
	void *p = MAP_FAILED;

	errno = posix_fallocate(fileno(f), 0, (off_t)n);
	if (!errno)
		p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	if (p == MAP_FAILED)
		die("write a file in %s:", folder());
	fclose(f);
	return p;
}
