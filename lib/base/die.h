/* SPDX-License-Identifier: MIT */
/* die.h - how seal speaks of trouble, and memory that cannot fail.
 *
 * The world's fault (a missing file, a full disk, a broken row) ends the
 * program with one line on stderr and exit status 1; the caller's (an unknown
 * option) with status 2; ours is an assert.  A format that ends in a colon gets
 * the system's reason appended, as in die("open %s:", path).
 */
#ifndef SEAL_DIE_H
#define SEAL_DIE_H

#include <stddef.h>

#define PRINTF(fmt, args) __attribute__((format(printf, fmt, args)))

/* Names the program in messages; `name` is kept, not copied. */
void die_name(const char *name);
const char *program_name(void);

void die(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
void die_usage(const char *fmt, ...) PRINTF(1, 2) __attribute__((noreturn));
void warn(const char *fmt, ...) PRINTF(1, 2);
/* One line about what was done (counts, fates, the device); silent under -q. */
void notice(const char *fmt, ...) PRINTF(1, 2);
void notice_quiet(int quiet);
int notice_is_quiet(void);

/* What a parser of foreign bytes found wrong.  Parsers return -1 and set it;
 * they neither print nor exit. */
struct fault {
	char text[256];
};
int fault(struct fault *, const char *fmt, ...) PRINTF(2, 3); /* always -1 */

/* As malloc, calloc, realloc, strdup and asprintf, but die when memory is out. */
void *xalloc(size_t bytes);
void *xzalloc(size_t count, size_t size);
void *xrealloc(void *, size_t bytes);
char *xstrdup(const char *);
char *xstrndup(const char *, size_t);
char *xprintf(const char *fmt, ...) PRINTF(1, 2);

/* A buffer that grows.  buf_add keeps a NUL after the bytes (not counted). */
struct buf {
	char *p;
	size_t n, cap;
};
void buf_need(struct buf *, size_t more);
void buf_add(struct buf *, const void *, size_t);
void buf_str(struct buf *, const char *);
void buf_fmt(struct buf *, const char *fmt, ...) PRINTF(2, 3);
void buf_free(struct buf *);

#endif
