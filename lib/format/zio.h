/* SPDX-License-Identifier: MIT */
/* zio.h - files and pipes, plain or zstd (told apart by content).
 *
 * Reading and writing die with the file's name on any error: a file that ends
 * inside a zstd frame, a wrong checksum, a full disk.  "-" or NULL is stdin or
 * stdout.
 */
#ifndef SEAL_ZIO_H
#define SEAL_ZIO_H

#include <stddef.h>
#include <sys/types.h>

struct zin;

struct zin *zin_open(const char *path);
const char *zin_name(const struct zin *); /* the path, or "stdin" */
/* Has another thread read and unpack ahead, of a regular file. */
void zin_ahead(struct zin *);
int zin_is_zstd(const struct zin *); /* what its first bytes say */
/* Up to n bytes; fewer only at the end. */
size_t zin_read(struct zin *, void *p, size_t n);
/* The next line without its LF (and without a CR before it; *raw counts both
 * in), valid until the next call; NULL at the end.  NUL-terminated.  So
 * *raw - *n is 0 when the last line lacks its LF, 1, or 2 for CR LF. */
char *zin_line(struct zin *, size_t *n, size_t *raw);
/* To be called where another stream may follow (cat a b): it may be packed or plain,
 * whatever came before. */
void zin_joint(struct zin *);
void zin_close(struct zin *);

/* What zin reads, mapped read-only from its start, when that is a plain regular file of
 * which nothing was read yet, else NULL; to be given to zio_unmap. */
const void *zin_map(struct zin *, size_t *bytes);

/* The whole of a regular file, mapped read-only; dies if it cannot be. */
const void *zio_map(const char *path, size_t *bytes);
const void *zio_map_fd(int fd, const char *name, size_t *bytes);
/* These mapped bytes will not be needed soon: whole pages of them leave the memory. */
void zio_forget(const void *, size_t bytes);
void zio_unmap(const void *, size_t bytes);

int zio_is_std(const char *path);        /* NULL or "-" */
int zio_is_zstd(const void *, size_t n); /* by its first 4 bytes */

enum { ZOUT_PLAIN = 0, ZOUT_ZSTD = 1, ZOUT_BINARY = 2 }; /* flags, or-ed */

struct zout;

/* Writes to a temporary file beside path that zout_close renames into place,
 * so that the output is whole or absent, also when the program dies or is
 * interrupted.  With ZOUT_BINARY or ZOUT_ZSTD a terminal is refused (exit 1).
 * A path that is a folder, or the same file as an input of the run, is refused. */
struct zout *zout_open(const char *path, int flags);
void zout_write(struct zout *, const void *, size_t);
void zout_str(struct zout *, const char *);
void zout_flush(struct zout *); /* what was written can now be read */
void zout_close(struct zout *); /* dies when the last write failed */

/* As zout_open + write + close of plain bytes, with fsync. */
void zio_save(const char *path, const void *, size_t);

#endif
