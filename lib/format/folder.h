/* SPDX-License-Identifier: MIT */
/* folder.h - folders written whole or not at all. */
#ifndef SEAL_FOLDER_H
#define SEAL_FOLDER_H

/* Dies when path exists, unless force is set and it is a folder that holds a file
 * `mark`, hence one of the kind that would replace it: to be asked before the inputs are
 * opened, for none of them may be in there. */
void folder_refuse(const char *path, int force, const char *mark);
/* Dies unless a folder can be made at path. */
void folder_try(const char *path);
/* A new empty folder beside path, .NAME.XXXXXX (owned), in which to write with
 * zio_save; one at a time, removed when the program dies. */
char *folder_begin(const char *path);
/* Renames it into place, replacing what was there, after an fsync; frees the name. */
void folder_commit(char *begun, const char *path);
/* Removes a folder of plain files; a missing one is fine. */
void folder_remove(const char *path);

#endif
