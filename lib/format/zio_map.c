/* SPDX-License-Identifier: MIT */
/* zio_map.c - files that are mapped; see zio.h. */
#include "zio.h"

#include <fcntl.h>
#include <stdint.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/die.h"
#include "zio_claim.h"

const void *zio_map_fd(int fd, const char *name, size_t *bytes)
{
	struct stat s;
	void *p;

	if (fstat(fd, &s))
		die("open %s:", name);
	if (!S_ISREG(s.st_mode))
		die("%s: is not a regular file", name);
	if (!s.st_size)
		die("%s: is empty", name);
	p = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die("map %s:", name);
	claim_input(&s, name);
	*bytes = s.st_size;
	return p;
}

const void *zio_map(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const void *p;

	if (fd < 0)
		die("open %s:", path);
	p = zio_map_fd(fd, path, bytes);
	close(fd);
	return p;
}

void zio_forget(const void *p, size_t bytes)
{
	uintptr_t page = sysconf(_SC_PAGESIZE), from = ((uintptr_t)p + page - 1) / page * page;
	uintptr_t to = ((uintptr_t)p + bytes) / page * page;

	if (from < to)
		madvise((void *)from, to - from, MADV_DONTNEED);
}

void zio_unmap(const void *p, size_t bytes)
{
	if (p)
		munmap((void *)p, bytes);
}
