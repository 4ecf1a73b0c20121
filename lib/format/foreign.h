/* SPDX-License-Identifier: MIT */
/* foreign.h - files that are not what was asked for, called by their names. */
#ifndef SEAL_FOREIGN_H
#define SEAL_FOREIGN_H

#include <stddef.h>

#include "../base/die.h"

/* Dies with what these first bytes of the file are, where they are of another format (sniff.h). */
void foreign_check(const char *path, const void *bytes, size_t n);
/* The same, or else with the fault that the file's parser found. */
void foreign_die(const char *path, const void *bytes, size_t n, const struct fault *)
	__attribute__((noreturn));

/* A file that may be there in the place of another. */
struct foreign {
	const char *pattern; /* of its name, as the shell's; the list ends with NULL */
	const char *what;    /* what it is, and what to do */
};
/* Dies: the folder does not hold `wanted`, and has the first of these that is there instead. */
void foreign_missing(const char *folder, const char *wanted, const struct foreign[])
	__attribute__((noreturn));

#endif
