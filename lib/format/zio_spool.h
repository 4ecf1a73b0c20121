/* SPDX-License-Identifier: MIT */
/* zio_spool.h - inputs that can be read twice.
 *
 * After spool(path) every zin_open of that path begins where the first one did.
 * Of a pipe its bytes, as they come, lie in a file without a name in $TMPDIR
 * (/tmp) meanwhile; a regular file stays where it is.
 */
#ifndef SEAL_ZIO_SPOOL_H
#define SEAL_ZIO_SPOOL_H

#include <stddef.h>
#include <stdio.h>

void spool(const char *path); /* dies when stdin or a pipe is named twice */
/* A new descriptor at the beginning of what was spooled; -1: path was not. */
int spool_open(const char *path);

/* A file without a name there, for what is too much for memory; both die on failure. */
FILE *scratch_open(void);
void scratch_write(FILE *, const void *, size_t);
void scratch_read(FILE *, void *, size_t); /* from its beginning, after scratch_rewind */
void scratch_rewind(FILE *);

#endif
