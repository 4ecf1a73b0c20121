/* map.c - zio.h's mapped files. */
#include "zio.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/die.h"
#include "inuse.h"

const void *zio_map(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat s;
	void *p;

	if (fd < 0 || fstat(fd, &s))
		die("open %s:", path);
	if (!S_ISREG(s.st_mode))
		die("%s: is not a regular file", path);
	if (!s.st_size)
		die("%s: is empty", path);
	p = mmap(NULL, s.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (p == MAP_FAILED)
		die("map %s:", path);
	close(fd);
	inuse_add(&s, 0, NULL, path);
	*bytes = s.st_size;
	return p;
}

void zio_unmap(const void *p, size_t bytes)
{
	if (p)
		munmap((void *)p, bytes);
}
