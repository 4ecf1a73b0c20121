/* spool.h - inputs that can be read twice.
 *
 * After spool(path) every zin_open of that path begins where the first one did.
 * Of a pipe its bytes, as they come, lie in a file without a name in $TMPDIR
 * (/tmp) meanwhile; a regular file stays where it is.
 */
#ifndef SEAL_SPOOL_H
#define SEAL_SPOOL_H

void spool(const char *path);            /* dies when stdin or a pipe is named twice */
/* A new descriptor at the beginning of what was spooled; -1: path was not. */
int spool_open(const char *path);

#endif
