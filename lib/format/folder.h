/* SPDX-License-Identifier: MIT */
/* folder.h - folders of files (models, adapters, checkpoints), written whole or not at all.
 *
 * A folder is filled under a temporary name beside its place and renamed when it is complete. */
#ifndef SEAL_FOLDER_H
#define SEAL_FOLDER_H

/* Dies when path exists, unless force is set and it is a folder that holds a file named `mark`,
 * which only a folder of the kind that is to replace it holds.  From then until folder_commit no
 * file in there can be an input of the run (zio_claim.h). */
void folder_refuse(const char *path, int force, const char *mark);
/* Dies unless a folder can be made at path. */
void folder_try(const char *path);
/* Makes an empty folder .NAME.XXXXXX beside path, to be filled with zio_save; returns its name
 * (owned).  It has the mode, and where that is permitted the owner, of the folder that it will
 * replace.  There is one at a time; it is removed when the program dies. */
char *folder_begin(const char *path);
/* Renames it into place after an fsync, replacing what was there; frees its name. */
void folder_commit(char *begun, const char *path);
/* Removes a folder of plain files; a missing one is fine. */
void folder_remove(const char *path);

#endif
