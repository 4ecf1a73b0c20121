/* SPDX-License-Identifier: MIT */
/* zio_thread.h - a thread that reads ahead, so that reading and unpacking do not wait for what
 * is done with the bytes. */
#ifndef SEAL_ZIO_THREAD_H
#define SEAL_ZIO_THREAD_H

#include <sys/types.h>

struct ahead;

/* From now on the thread, and nobody else, calls read(ctx, p, n), which reads at least one and up
 * to n bytes; it returns how many, 0 at the end, or -1 on an error.  After either it is not
 * called again. */
struct ahead *ahead_open(ssize_t (*read)(void *ctx, void *p, size_t n), void *ctx);
/* As read itself would: the same bytes in order, then 0 or -1. */
ssize_t ahead_read(struct ahead *, void *p, size_t n);
void ahead_close(struct ahead *); /* NULL: nothing */

#endif
