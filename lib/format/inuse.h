/* inuse.h - which regular files are being read or replaced, so that none is both.
 * Outputs are opened first, so that inputs which are read and closed at once are seen too. */
#ifndef SEAL_INUSE_H
#define SEAL_INUSE_H

#include <sys/stat.h>

/* Enters the file of s under the key `by`; dies when a file that is written is also
 * read, or written twice. What is no regular file is not entered. */
void inuse_add(const struct stat *s, int output, const void *by, const char *path);
void inuse_drop(const void *by);

#endif
