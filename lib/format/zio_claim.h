/* SPDX-License-Identifier: MIT */
/* zio_claim.h - which regular files a run reads or replaces, so that none is both.
 * An input stays one after it was closed: it is not to be destroyed by an output that is
 * opened later. */
#ifndef SEAL_ZIO_CLAIM_H
#define SEAL_ZIO_CLAIM_H

#include <sys/stat.h>

/* Enters the file of s under the key `by`; dies when a file that is written is also
 * read, or written twice. What is no regular file is not entered. */
void inuse_add(const struct stat *s, int output, const void *by, const char *path);
/* The outputs of `by` are done: what they were is no longer there. */
void inuse_drop(const void *by);

#endif
