/* SPDX-License-Identifier: MIT */
/* zio.h - the files and pipes that a program reads and writes, plain or packed.
 *
 * What zio promises:
 *
 *   Inputs may be packed by zstd, gzip or xz, in one frame or several: their content tells, never
 *   a name.  Outputs are plain or zstd.
 *   "-" or NULL is stdin or stdout, everywhere; any other path is a file.
 *   Reading and writing die, naming the file, on any error: a stream that ends inside a
 *   frame, a wrong checksum, a full disk, a closed stdout.  So no call returns an error.
 *   An output is whole or absent: it gets its name when zout_close has written everything, and a
 *   program that ends before, by anything but SIGKILL, leaves nothing.  A file that is replaced
 *   leaves its mode, and where that is permitted its owner and group, to the new one.  A link's
 *   target is replaced, not the link; what is no regular file (a pipe, /dev/null) is written as it
 *   is.
 *   No input is overwritten and no two outputs are one file (zio_claim.h).
 *   Binary data is not written to a terminal.
 *   Where several processes are one run, inputs are files, which all of them read.
 *
 * The parts: zio_in.c reads streams and maps files, zio_out.c writes, zio_claim.c knows who uses
 * which file, zio_unpack.c has the three packings.
 */
#ifndef SEAL_ZIO_H
#define SEAL_ZIO_H

#include <stddef.h>
#include <string.h>

#include "../base/opt.h"

static inline int zio_is_std(const char *path) { return !path || !strcmp(path, "-"); }
int zio_is_packed(const void *, size_t n); /* by its first 6 bytes */

/* Reading.  Lines and bytes may be read in turns. */
struct zin;

struct zin *zin_open(const char *path);
/* The same for text: dies when its first bytes are of a known format that is none (sniff.h). */
struct zin *zin_open_text(const char *path);
const char *zin_name(const struct zin *); /* the path, or "stdin" */
int zin_is_zstd(const struct zin *);      /* what its first bytes say */
/* Up to n bytes; fewer only at the end. */
size_t zin_read(struct zin *, void *p, size_t n);
/* The next line without its LF and without a CR before that; NULL at the end.  *n bytes, a NUL
 * behind them, valid until the next call.  *raw counts the line's end in: *raw - *n is 2 for
 * CR LF, 1 for LF, 0 when the last line lacks its LF. */
char *zin_line(struct zin *, size_t *n, size_t *raw);
/* What waits to be read, *n bytes, at least `least` but at the end, and none of it read; valid
 * until the next call.  zin_skip reads so many of them. */
const char *zin_peek(struct zin *, size_t least, size_t *n);
void zin_skip(struct zin *, size_t n);
/* To be called where another stream may follow (cat a b): it may be packed or plain, whatever
 * came before. */
void zin_joint(struct zin *);
void zin_close(struct zin *); /* NULL: nothing */

/* Mapping.  All are read-only and end with zio_unmap. */
/* What zin reads, from its start, when that is a plain regular file of which nothing was read
 * yet; else NULL. */
const void *zin_map(struct zin *, size_t *bytes);
/* The whole of a regular file; dies when it is none, or empty. */
const void *zio_map(const char *path, size_t *bytes);
/* These mapped bytes will not be needed soon: the whole pages among them leave the memory. */
void zio_forget(const void *, size_t bytes);
void zio_unmap(const void *, size_t bytes); /* NULL: nothing */

/* Writing. */
enum { ZOUT_PLAIN = 0, ZOUT_ZSTD = 1, ZOUT_BINARY = 2, ZOUT_JOINED = 4 }; /* flags, or-ed */

struct zout;

/* With ZOUT_ZSTD or ZOUT_BINARY a terminal is refused.  An empty path is a wrong usage, a folder
 * an error.  Where several processes are one run (world.h), rank 0 writes, and what the others
 * write goes nowhere; with ZOUT_JOINED each writes its part, and zout_close, which all call, puts
 * the parts one behind the other. */
struct zout *zout_open(const char *path, int flags);
void zout_write(struct zout *, const void *, size_t);
void zout_str(struct zout *, const char *);
void zout_flush(struct zout *); /* what was written so far can now be read */
void zout_close(struct zout *); /* puts the output in place; NULL: nothing */
/* Writes a file of these bytes. */
void zio_save(const char *path, const void *, size_t);

/* --zstd and --plain. */
struct zstd_opts {
	int zstd, plain;
};
extern const struct opt zstd_options[];

void zstd_check(const struct zstd_opts *); /* a wrong usage when both are given */
/* ZOUT_ZSTD or ZOUT_PLAIN, the former when neither is given and `otherwise` is set. */
int zstd_flag(const struct zstd_opts *, int otherwise);

#endif
