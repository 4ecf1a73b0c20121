/* SPDX-License-Identifier: MIT */
/* zio_claim.h - no run destroys what it reads, and no two of its outputs are one file.
 *
 * All regular files that a run reads or replaces, and the pipes that it writes to, are entered
 * here, by device and inode, so that links and other spellings of a path are seen through.  The
 * rule holds in whatever order a program opens its files:
 *
 *   an input that is opened must be none of the outputs that are being written;
 *   an output that is opened must be none of the inputs so far (also of those that were closed)
 *   and none of the other outputs;
 *   an output that is put in place must replace none of the inputs so far.
 *
 * A program that opens its outputs first learns of a mistake before it has worked in vain.  What
 * the rule cannot know is an input that is opened after an output has taken its place: outputs
 * are closed when all inputs have been opened.  zio and folder do the entering; who writes files
 * by other means calls claim_output.
 */
#ifndef SEAL_ZIO_CLAIM_H
#define SEAL_ZIO_CLAIM_H

#include <sys/stat.h>

/* Enter the file of s, if it is a regular one, or an output that is a pipe or a socket; die with
 * path when that breaks the rule.  `by` is any address that claim_drop is given later. */
void claim_input(const struct stat *s, const char *path);
void claim_output(const struct stat *s, const void *by, const char *path);
/* Enters stdout as an output, whatever it is, and sets *s to what it is; a wrong usage when it is
 * one already. */
void claim_stdout(struct stat *s, const void *by);
/* To be called before something is renamed to path: dies if an input is there. */
void claim_check(const char *path);
/* The outputs of `by` are done: the files that were entered are no longer there. */
void claim_drop(const void *by);

#endif
