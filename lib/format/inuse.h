/* inuse.h - which regular files have been read or are being replaced, so that none is both. */
#ifndef SEAL_INUSE_H
#define SEAL_INUSE_H

#include <sys/stat.h>

/* Enters the file of s, an output under the key `by`; dies when it is in use otherwise,
 * also when a file that is to be written was read and closed before.  What is no
 * regular file is not entered. */
void inuse_add(const struct stat *s, int output, const void *by, const char *path);
void inuse_drop(const void *by);       /* that output is done */

#endif
