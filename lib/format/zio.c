/* zio.c - see zio.h. The one file that knows zstd. */
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

#include "../base/die.h"
#include "inuse.h"
#include "spool.h"
#include "temp.h"

enum { CHUNK = 1 << 18, LEVEL = 3 };

struct zin {
	int fd, zstd, ended;
	char *name;
	char *p;                       /* unpacked: at..end are still to be given */
	size_t at, end, cap;           /* one more byte than cap is allocated */
	ZSTD_DCtx *unpack;
	ZSTD_inBuffer in;              /* packed, in `raw` */
	char *raw;
	size_t hint;                   /* 0: between two frames */
	int full;                      /* the unpacker may hold more output */
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

/* Unpacks to p: at least a byte, or 0 at the end. */
static size_t unpack_some(struct zin *z, void *p, size_t n)
{
	ZSTD_outBuffer out = {p, n, 0};

	while (!out.pos) {
		if (z->in.pos == z->in.size && !z->full) {
			z->in.pos = 0;
			z->in.size = read_some(z, z->raw, CHUNK);
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

/* More unpacked bytes behind those that wait; 0 at the end. */
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
	got = z->zstd ? unpack_some(z, z->p + z->end, z->cap - z->end)
	              : read_some(z, z->p + z->end, z->cap - z->end);
	z->end += got;
	z->ended = !got;
	return !z->ended;
}

/* A frame's magic number, or a skippable frame's as pzstd writes them. */
static int starts_zstd(const unsigned char *p, size_t n)
{
	static const unsigned char frame[4] = {0x28, 0xb5, 0x2f, 0xfd};
	static const unsigned char skippable[3] = {0x2a, 0x4d, 0x18};

	return n >= 4 && (!memcmp(p, frame, 4) || ((p[0] & 0xf0) == 0x50 && !memcmp(p + 1, skippable, 3)));
}

static void sniff(struct zin *z)
{
	while (z->end < 4 && fill(z))
		;
	if (z->end && z->end < 4 && !memcmp(z->p, "\x28\xb5\x2f", z->end))
		die("%s: the zstd stream is cut short", z->name);
	if (!starts_zstd((unsigned char *)z->p, z->end))
		return;
	z->zstd = 1;
	z->unpack = ZSTD_createDCtx();
	if (!z->unpack)
		die("out of memory");
	z->raw = xalloc(CHUNK);
	memcpy(z->raw, z->p, z->end);
	z->in = (ZSTD_inBuffer){z->raw, z->end, 0};
	z->end = 0;
}

static int is_std(const char *path) { return !path || !strcmp(path, "-"); }

struct zin *zin_open(const char *path)
{
	struct zin *z = xzalloc(1, sizeof *z);
	struct stat s;

	z->name = xstrdup(is_std(path) ? "stdin" : path);
	z->fd = spool_open(path);
	if (z->fd < 0)
		z->fd = is_std(path) ? fcntl(0, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC);
	if (z->fd < 0 || fstat(z->fd, &s))
		die("open %s:", z->name);
	inuse_add(&s, 0, z, z->name);
	z->cap = CHUNK;
	z->p = xalloc(z->cap + 1);
	sniff(z);
	return z;
}

const char *zin_name(const struct zin *z) { return z->name; }
int zin_is_zstd(const struct zin *z) { return z->zstd; }

size_t zin_read(struct zin *z, void *p, size_t n)
{
	size_t got = 0, some;

	while (got < n && (z->at < z->end || fill(z))) {
		some = z->end - z->at < n - got ? z->end - z->at : n - got;
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
	line = z->p + z->at;                /* a fill at the end may still have moved it */
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

void zin_close(struct zin *z)
{
	if (!z)
		return;
	inuse_drop(z);
	close(z->fd);
	ZSTD_freeDCtx(z->unpack);
	free(z->raw);
	free(z->p);
	free(z->name);
	free(z);
}

static const void *map(int fd, const struct stat *s, const char *path, size_t *bytes)
{
	void *p = mmap(NULL, s->st_size, PROT_READ, MAP_PRIVATE, fd, 0);

	if (p == MAP_FAILED)
		die("map %s:", path);
	inuse_add(s, 0, p, path);
	*bytes = s->st_size;
	return p;
}

const void *zin_map(struct zin *z, size_t *bytes)
{
	struct stat s;

	if (z->zstd || z->at || fstat(z->fd, &s) || !S_ISREG(s.st_mode) || !s.st_size ||
	    lseek(z->fd, 0, SEEK_CUR) != (off_t)z->end)
		return NULL;
	return map(z->fd, &s, z->name, bytes);
}

const void *zio_map(const char *path, size_t *bytes)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat s;
	const void *p;

	if (fd < 0 || fstat(fd, &s))
		die("open %s:", path);
	if (!S_ISREG(s.st_mode))
		die("%s: is not a regular file", path);
	if (!s.st_size)
		die("%s: is empty", path);
	p = map(fd, &s, path, bytes);
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
	if (!p)
		return;
	inuse_drop(p);
	munmap((void *)p, bytes);
}

struct zout {
	int fd;
	char *name;                    /* for messages */
	char *to;                      /* where temp goes in the end; NULL: fd is the thing itself */
	struct temp temp;
	ZSTD_CCtx *pack;               /* NULL when plain */
	char *p;
	size_t n, cap;
};

static void write_all(struct zout *z, const char *p, size_t n)
{
	while (n) {
		ssize_t done = write(z->fd, p, n);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			die("write %s:", z->name);
		p += done;
		n -= done;
	}
}

/* Where bytes for path go: a new file beside it, or, for what is no regular
 * file (a pipe, /dev/null), the thing itself. */
static void open_path(struct zout *z, const char *path)
{
	struct stat s;

	if (!stat(path, &s)) {
		if (S_ISDIR(s.st_mode))
			die("%s: is a folder", path);
		inuse_add(&s, 1, z, path);
		if (!S_ISREG(s.st_mode)) {
			z->fd = open(path, O_WRONLY | O_CLOEXEC);
			if (z->fd < 0)
				die("open %s:", path);
			return;
		}
		z->to = realpath(path, NULL);      /* not the link, what it points to */
	}
	if (!z->to)
		z->to = xstrdup(path);
	z->temp = temp_open(z->to);
	z->fd = z->temp.fd;
}

struct zout *zout_open(const char *path, int flags)
{
	struct zout *z = xzalloc(1, sizeof *z);
	struct stat s;

	if (path && !*path)
		die_usage("the name of an output is empty");
	z->name = xstrdup(is_std(path) ? "stdout" : path);
	if (is_std(path)) {
		z->fd = fcntl(1, F_DUPFD_CLOEXEC, 3);
		if (z->fd < 0 || fstat(z->fd, &s))
			die("open stdout:");
		inuse_add(&s, 1, z, z->name);
		if (write(z->fd, "", 0))           /* closed, or open for reading only */
			die("write stdout:");
	} else {
		open_path(z, path);
	}
	if (flags && isatty(z->fd))
		die("refusing to write binary data to a terminal (use -o FILE, or a pipe)");
	z->cap = CHUNK;
	z->p = xalloc(z->cap);
	if (flags & ZOUT_ZSTD) {
		z->pack = ZSTD_createCCtx();
		if (!z->pack)
			die("out of memory");
		ZSTD_CCtx_setParameter(z->pack, ZSTD_c_compressionLevel, LEVEL);
		ZSTD_CCtx_setParameter(z->pack, ZSTD_c_checksumFlag, 1);
	}
	return z;
}

static void empty(struct zout *z)
{
	write_all(z, z->p, z->n);
	z->n = 0;
}

static void pack(struct zout *z, const void *p, size_t n, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {p, n, 0};
	size_t left;

	do {
		ZSTD_outBuffer out = {z->p, z->cap, z->n};

		left = ZSTD_compressStream2(z->pack, &out, &in, how);
		if (ZSTD_isError(left))
			die("write %s: %s", z->name, ZSTD_getErrorName(left));
		z->n = out.pos;
		if (z->n == z->cap)
			empty(z);
	} while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
}

void zout_write(struct zout *z, const void *p, size_t n)
{
	if (z->pack) {
		pack(z, p, n, ZSTD_e_continue);
		return;
	}
	if (z->n + n > z->cap)
		empty(z);
	if (n > z->cap) {
		write_all(z, p, n);
		return;
	}
	if (n)
		memcpy(z->p + z->n, p, n);
	z->n += n;
}

void zout_str(struct zout *z, const char *s) { zout_write(z, s, strlen(s)); }

void zout_flush(struct zout *z)
{
	if (z->pack)
		pack(z, NULL, 0, ZSTD_e_flush);
	empty(z);
}

void zout_close(struct zout *z)
{
	if (!z)
		return;
	if (z->pack)
		pack(z, NULL, 0, ZSTD_e_end);
	empty(z);
	if (z->to)
		temp_keep(z->temp, z->to);
	else if (close(z->fd))
		die("write %s:", z->name);
	inuse_drop(z);
	ZSTD_freeCCtx(z->pack);
	free(z->p);
	free(z->to);
	free(z->name);
	free(z);
}

void zio_save(const char *path, const void *p, size_t n)
{
	struct zout *z = zout_open(path, ZOUT_PLAIN);

	zout_write(z, p, n);
	zout_close(z);
}
