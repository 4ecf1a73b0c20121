/* SPDX-License-Identifier: MIT */
/* temp.h - outputs that are whole or absent.
 *
 * A file is written under a temporary name beside its place, and renamed into place once it is
 * complete.  When the program ends before that, by anything but SIGKILL, the temporary file is
 * removed (program.h).
 */
#ifndef SEAL_TEMP_H
#define SEAL_TEMP_H

struct temp {
	int fd, slot;
};

/* Opens a new file in path's folder, for writing.  Dies with path's name, which must stay valid
 * until temp_keep. */
struct temp temp_open(const char *path);
/* Syncs, closes and renames it to path; dies when any of that fails. */
void temp_keep(struct temp, const char *path);

#endif
