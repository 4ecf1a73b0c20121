/* SPDX-License-Identifier: MIT */
/* temp.h - outputs that are whole or absent.
 *
 * A file is written under a name of its own beside its place, which is removed
 * when the program ends for whatever reason short of SIGKILL, and renamed into
 * place once it is complete.
 */
#ifndef SEAL_TEMP_H
#define SEAL_TEMP_H

struct temp {
	int fd, slot;
};

/* Sees to the removing on exit and on signals that nobody handles; temp_open calls it. */
void temp_watch(void);
/* Opens a new file in path's folder, for writing. Dies with path's name, which is
 * kept until the rename. */
struct temp temp_open(const char *path);
/* Syncs, closes and renames it to path; dies when any of that fails. */
void temp_keep(struct temp, const char *path);

#endif
