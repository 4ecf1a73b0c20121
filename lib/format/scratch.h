/* SPDX-License-Identifier: MIT */
/* scratch.h - a file without a name, in $TMPDIR or /tmp, for what is too much for memory.
 *
 * It is written from its beginning, rewound, and read from its beginning.  It goes away when it is
 * closed (fclose), and with the program.  All of these die on failure.
 */
#ifndef SEAL_SCRATCH_H
#define SEAL_SCRATCH_H

#include <stddef.h>
#include <stdio.h>

FILE *scratch_open(void);
void scratch_write(FILE *, const void *, size_t);
void scratch_rewind(FILE *);
void scratch_read(FILE *, void *, size_t);
/* Reads n bytes at a place; what scratch_read reads next stays the same.  After scratch_rewind. */
void scratch_read_at(FILE *, void *, size_t n, size_t at);
/* So many bytes of memory, all 0, that lie in such a file: the system can take the pages back.
 * They go away with munmap, and with the program. */
void *scratch_map(size_t);

#endif
