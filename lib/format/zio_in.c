/* SPDX-License-Identifier: MIT */
/* zio_in.c - streams that are read, and files that are mapped; see zio.h. */
#include "zio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "zio_claim.h"

enum { CHUNK = 1 << 18 };

struct zin {
	int fd, zstd, ended;
	int joints; /* zin_joint was called: what follows a frame may be plain */
	char *name;
	char *p;             /* unpacked bytes, of which at..end are still to be given */
	size_t at, end, cap; /* one byte more than cap is allocated, for zin_line's NUL */
	ZSTD_DCtx *unpack;
	ZSTD_inBuffer in; /* packed bytes that were read, in raw */
	char *raw;
	size_t hint; /* 0: between two frames */
	int full;    /* the unpacker may hold more output */
};

static size_t read_some(struct zin *z, void *p, size_t n)
{
	ssize_t got;

	do
		got = read(z->fd, p, n);
	while (got < 0 && errno == EINTR);
	if (got < 0)
		die("read %s:", z->name);
	return got;
}

/* Plain bytes to p: first those that were read as packed and turned out not to be. */
static size_t take_some(struct zin *z, void *p, size_t n)
{
	size_t rest = z->in.size - z->in.pos;

	if (!rest)
		return read_some(z, p, n);
	n = size_min(n, rest);
	memcpy(p, z->raw + z->in.pos, n);
	z->in.pos += n;
	return n;
}

/* A frame's magic number, or a skippable frame's as pzstd writes them. */
int zio_is_zstd(const void *bytes, size_t n)
{
	const char *p = bytes;

	return n >= 4 && (!memcmp(p, "\x28\xb5\x2f\xfd", 4) ||
	                  ((p[0] & 0xf0) == 0x50 && !memcmp(p + 1, "\x2a\x4d\x18", 3)));
}

/* Between two frames: a frame or nothing follows, not plain bytes. */
static int frame_follows(struct zin *z)
{
	size_t rest = z->in.size - z->in.pos, got = 1;

	if (rest < 4) {
		memmove(z->raw, z->raw + z->in.pos, rest);
		for (; rest < 4 && got; rest += got)
			got = read_some(z, z->raw + rest, CHUNK - rest);
		z->in = (ZSTD_inBuffer){z->raw, rest, 0};
	}
	return !rest || zio_is_zstd(z->raw + z->in.pos, rest);
}

/* Unpacks up to n bytes to p: how many, at least one; 0 at the end. */
static size_t unpack_some(struct zin *z, void *p, size_t n)
{
	ZSTD_outBuffer out = {p, n, 0};

	while (!out.pos) {
		if (z->joints && !z->hint && !frame_follows(z)) {
			z->zstd = 0;
			return take_some(z, p, n);
		}
		if (z->in.pos == z->in.size && !z->full) {
			z->in = (ZSTD_inBuffer){z->raw, read_some(z, z->raw, CHUNK), 0};
			if (!z->in.size && z->hint)
				die("%s: the zstd stream is cut short", z->name);
			if (!z->in.size)
				return 0;
		}
		z->hint = ZSTD_decompressStream(z->unpack, &out, &z->in);
		if (ZSTD_isError(z->hint))
			die("%s: broken zstd stream: %s", z->name, ZSTD_getErrorName(z->hint));
		z->full = out.pos == out.size && z->hint;
	}
	return out.pos;
}

/* Adds unpacked bytes behind those that wait; 0 at the end. */
static int fill(struct zin *z)
{
	size_t got;

	if (z->ended)
		return 0;
	if (z->at) {
		memmove(z->p, z->p + z->at, z->end - z->at);
		z->end -= z->at;
		z->at = 0;
	}
	if (z->end == z->cap) {
		z->cap *= 2;
		z->p = xrealloc(z->p, z->cap + 1);
	}
	got = (z->zstd ? unpack_some : take_some)(z, z->p + z->end, z->cap - z->end);
	z->end += got;
	z->ended = !got;
	return !z->ended;
}

/* Turns to unpacking: the bytes that wait were read as plain ones and are packed. */
static void begin_zstd(struct zin *z)
{
	size_t waiting = z->end - z->at, rest = z->in.size - z->in.pos, n = waiting + rest;
	char *raw = xalloc(size_max(n, CHUNK));

	memcpy(raw, z->p + z->at, waiting);
	if (rest)
		memcpy(raw + waiting, z->raw + z->in.pos, rest);
	free(z->raw);
	z->raw = raw;
	z->in = (ZSTD_inBuffer){raw, n, 0};
	z->at = z->end = 0;
	z->zstd = 1;
	if (!z->unpack)
		z->unpack = ZSTD_createDCtx();
	if (!z->unpack)
		die("out of memory");
}

/* Turns to unpacking where a frame begins. */
static void sniff(struct zin *z)
{
	while (!z->zstd && z->end - z->at < 4 && fill(z))
		;
	if (!z->zstd && zio_is_zstd(z->p + z->at, z->end - z->at))
		begin_zstd(z);
}

struct zin *zin_open(const char *path)
{
	struct zin *z = xzalloc(1, sizeof *z);
	struct stat s;

	z->name = xstrdup(zio_is_std(path) ? "stdin" : path);
	z->fd = zio_is_std(path) ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	if (z->fd < 0 || fstat(z->fd, &s))
		die("open %s:", z->name);
	claim_input(&s, z->name);
	z->cap = CHUNK;
	z->p = xalloc(z->cap + 1);
	sniff(z);
	if (z->end && z->end < 4 && !memcmp(z->p, "\x28\xb5\x2f", z->end))
		die("%s: the zstd stream is cut short", z->name);
	return z;
}

const char *zin_name(const struct zin *z) { return z->name; }
int zin_is_zstd(const struct zin *z) { return z->zstd; }

size_t zin_read(struct zin *z, void *p, size_t n)
{
	size_t got = 0, some;

	while (got < n && (z->at < z->end || fill(z))) {
		some = size_min(z->end - z->at, n - got);
		memcpy((char *)p + got, z->p + z->at, some);
		z->at += some;
		got += some;
	}
	return got;
}

char *zin_line(struct zin *z, size_t *n, size_t *raw)
{
	size_t seen = 0;
	char *line, *lf = NULL;

	do {
		line = z->p + z->at;
		lf = memchr(line + seen, '\n', z->end - z->at - seen);
		seen = z->end - z->at;
	} while (!lf && fill(z));
	line = z->p + z->at; /* a fill at the end may still have moved it */
	*n = lf ? (size_t)(lf - line) : seen;
	*raw = *n + !!lf;
	if (!*raw)
		return NULL;
	z->at += *raw;
	if (lf && *n && lf[-1] == '\r')
		--*n;
	line[*n] = 0;
	return line;
}

void zin_joint(struct zin *z)
{
	z->joints = 1;
	sniff(z);
}

void zin_close(struct zin *z)
{
	if (!z)
		return;
	close(z->fd);
	ZSTD_freeDCtx(z->unpack);
	free(z->raw);
	free(z->p);
	free(z->name);
	free(z);
}

static const void *map_fd(int fd, const char *name, size_t *bytes)
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

const void *zin_map(struct zin *z, size_t *bytes)
{
	struct stat s;

	if (z->zstd || z->at || fstat(z->fd, &s) || !S_ISREG(s.st_mode) || !s.st_size ||
	    lseek(z->fd, 0, SEEK_CUR) != (off_t)z->end)
		return NULL;
	return map_fd(z->fd, z->name, bytes);
}

const void *zio_map(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	const void *p;

	if (fd < 0)
		die("open %s:", path);
	p = map_fd(fd, path, bytes);
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
