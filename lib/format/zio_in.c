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

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/world.h"
#include "foreign.h"
#include "zio_claim.h"
#include "zio_unpack.h"

enum { CHUNK = 1 << 18 };

struct zin {
	int fd, ended;
	int joints; /* zin_joint was called: what follows a frame may be plain */
	char *name;
	char *p;              /* plain bytes, of which at..end are still to be given */
	size_t at, end, cap;  /* one byte more than cap is allocated, for zin_line's NUL */
	enum packing packing; /* of what is being read */
	struct unpacker *unpack;
	char *raw; /* packed bytes that were read; raw_at..raw_end are still to be unpacked */
	size_t raw_at, raw_end;
	int in_frame, full; /* within a frame; the unpacker may hold more output */
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
	size_t rest = z->raw_end - z->raw_at;

	if (!rest)
		return read_some(z, p, n);
	n = size_min(n, rest);
	memcpy(p, z->raw + z->raw_at, n);
	z->raw_at += n;
	return n;
}

/* How many packed bytes wait: at least n, fewer only at the end. */
static size_t have_raw(struct zin *z, size_t n)
{
	size_t rest = z->raw_end - z->raw_at, got = 1;

	if (rest >= n)
		return rest;
	memmove(z->raw, z->raw + z->raw_at, rest);
	for (; rest < n && got; rest += got)
		got = read_some(z, z->raw + rest, CHUNK - rest);
	z->raw_at = 0;
	z->raw_end = rest;
	return rest;
}

/* Behind a frame of gzip and xz there may be zero bytes, as tapes and disks fill their blocks; xz
 * wants them in fours.  A token stream's next blob may begin with one. */
static void skip_padding(struct zin *z)
{
	size_t zeros = 0;

	if (z->packing == PACKING_ZSTD || z->joints)
		return;
	for (; have_raw(z, 1) && !z->raw[z->raw_at]; zeros++)
		z->raw_at++;
	if (z->packing == PACKING_XZ && zeros % 4)
		die("%s: broken xz stream: %zu bytes of padding", z->name, zeros);
}

/* Between two frames: 1 when another begins, 0 when the packed bytes end. */
static int next_frame(struct zin *z)
{
	enum packing next;
	size_t n;

	skip_padding(z);
	n = have_raw(z, PACKING_MAGIC);
	next = packing_of(z->raw + z->raw_at, n);
	if (!n)
		return 0;
	if (next) {
		z->packing = next;
		z->in_frame = 1;
		unpack_begin(z->unpack, next);
		return 1;
	}
	if (packing_cut(z->raw + z->raw_at, n) == z->packing && !z->joints)
		die("%s: the %s stream is cut short", z->name, packing_name(z->packing));
	if (!z->joints)
		die("%s: broken %s stream: what follows it is not packed", z->name,
		    packing_name(z->packing));
	z->packing = PACKING_NONE;
	return 0;
}

/* Unpacks up to n bytes to p: how many, at least one; 0 at the end. */
static size_t unpack_bytes(struct zin *z, void *p, size_t n)
{
	struct unpack_io io = {.out = p, .out_n = n};
	struct fault f;
	int got;

	while (io.out_n == n) {
		if (!z->in_frame && !next_frame(z))
			return z->packing ? 0 : take_some(z, p, n);
		if (!z->full && !have_raw(z, 1))
			die("%s: the %s stream is cut short", z->name, packing_name(z->packing));
		io.in = z->raw + z->raw_at;
		io.in_n = z->raw_end - z->raw_at;
		got = unpack_some(z->unpack, &io, &f);
		if (got < 0)
			die("%s: broken %s stream: %s", z->name, packing_name(z->packing), f.text);
		z->raw_at = z->raw_end - io.in_n;
		z->in_frame = !got;
		z->full = !io.out_n && !got;
	}
	return n - io.out_n;
}

/* Adds plain bytes behind those that wait; 0 at the end. */
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
	got = (z->packing ? unpack_bytes : take_some)(z, z->p + z->end, z->cap - z->end);
	z->end += got;
	z->ended = !got;
	return !z->ended;
}

/* Turns to unpacking: the bytes that wait were read as plain ones and are packed. */
static void begin_packed(struct zin *z, enum packing packing)
{
	size_t waiting = z->end - z->at, rest = z->raw_end - z->raw_at, n = waiting + rest;
	char *raw = xalloc(size_max(n, CHUNK));

	memcpy(raw, z->p + z->at, waiting);
	if (rest)
		memcpy(raw + waiting, z->raw + z->raw_at, rest);
	free(z->raw);
	z->raw = raw;
	z->raw_at = 0;
	z->raw_end = n;
	z->at = z->end = 0;
	z->packing = packing;
	if (!z->unpack)
		z->unpack = unpacker_new();
}

/* Turns to unpacking where a frame begins. */
static void look(struct zin *z)
{
	enum packing packing = PACKING_NONE;
	const char *p;
	size_t n;

	if (!z->packing) {
		p = zin_peek(z, PACKING_MAGIC, &n);
		packing = packing_of(p, n);
	}
	if (packing)
		begin_packed(z, packing);
}

/* Where several processes are one run, all of them are to read the same. */
static void check_file(const char *path, const char *name)
{
	struct stat s;

	if (world_size() > 1 && (zio_is_std(path) || (!stat(path, &s) && !S_ISREG(s.st_mode))))
		die("%s is no file that each of the run's %d processes can read", name,
		    world_size());
}

struct zin *zin_open(const char *path)
{
	struct zin *z = xzalloc(1, sizeof *z);
	enum packing cut;
	struct stat s;

	z->name = xstrdup(zio_is_std(path) ? "stdin" : path);
	check_file(path, z->name);
	z->fd = zio_is_std(path) ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	if (z->fd < 0 || fstat(z->fd, &s))
		die("open %s:", z->name);
	claim_input(&s, z->name);
	z->cap = CHUNK;
	z->p = xalloc(z->cap + 1);
	look(z);
	cut = packing_cut(z->p, z->end);
	if (cut)
		die("%s: the %s stream is cut short", z->name, packing_name(cut));
	return z;
}

int zio_is_packed(const void *p, size_t n) { return packing_of(p, n) != PACKING_NONE; }

const char *zin_name(const struct zin *z) { return z->name; }
int zin_is_zstd(const struct zin *z) { return z->packing == PACKING_ZSTD; }

const char *zin_peek(struct zin *z, size_t least, size_t *n)
{
	while (z->end - z->at < least && fill(z))
		;
	*n = z->end - z->at;
	return z->p + z->at;
}

void zin_skip(struct zin *z, size_t n) { z->at += n; }

struct zin *zin_open_text(const char *path)
{
	struct zin *z = zin_open(path);
	const char *p;
	size_t n;

	p = zin_peek(z, PACKING_MAGIC, &n);
	foreign_check(z->name, p, n);
	return z;
}

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
	look(z);
}

void zin_close(struct zin *z)
{
	if (!z)
		return;
	close(z->fd);
	unpacker_free(z->unpack);
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

	if (z->packing || z->at || fstat(z->fd, &s) || !S_ISREG(s.st_mode) || !s.st_size ||
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
