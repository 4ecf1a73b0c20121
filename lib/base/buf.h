/* SPDX-License-Identifier: MIT */
/* buf.h - bytes that are appended to. */
#ifndef SEAL_BUF_H
#define SEAL_BUF_H

#include <stddef.h>

#include "die.h"

/* Begins as {0}.  n bytes at p, behind which there is a NUL that is not counted; p is NULL
 * before the first is added. */
struct buf {
	char *p;
	size_t n, cap;
};

void buf_need(struct buf *, size_t more); /* room for so many bytes and a NUL behind n */
void buf_add(struct buf *, const void *, size_t);
void buf_str(struct buf *, const char *);
/* Appends these bytes as UTF-8, U+FFFD for each that is none; returns how many characters. */
long buf_utf8(struct buf *, const char *, size_t);
void buf_fmt(struct buf *, const char *fmt, ...) PRINTF(2, 3);
void buf_free(struct buf *); /* makes it {0} again */

#endif
