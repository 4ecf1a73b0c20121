/* SPDX-License-Identifier: MIT */
/* zio_thread.h - a thread that reads ahead of its reader. */
#ifndef SEAL_ZIO_THREAD_H
#define SEAL_ZIO_THREAD_H

#include <sys/types.h>

struct ahead;

/* From now on only the thread calls read(ctx, p, n): some bytes, up to n; 0 at the
 * end; -1 on an error, which is the last call too. */
struct ahead *ahead_open(ssize_t (*read)(void *ctx, void *p, size_t n), void *ctx);
/* What read gave and would have given, in order. */
ssize_t ahead_read(struct ahead *, void *p, size_t n);
void ahead_close(struct ahead *); /* NULL: nothing */

#endif
