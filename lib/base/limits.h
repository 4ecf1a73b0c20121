/* SPDX-License-Identifier: MIT */
/* limits.h - how much memory a program may take. */
#ifndef SEAL_LIMITS_H
#define SEAL_LIMITS_H

#include <stddef.h>

/* Bytes: the least of the machine's memory, the limits of this process's control groups (of
 * version 1 or 2) and RLIMIT_AS. */
size_t memory_available(void);
/* The least limit of the control groups that the file `list` names (as /proc/self/cgroup does)
 * and of those that they lie in, under the folder `root` (as /sys/fs/cgroup); SIZE_MAX if there
 * is none. */
size_t memory_of_groups(const char *list, const char *root);
/* Writes bytes as people read them, "12.3 GB" or "35 MB"; returns `into`. */
char *memory_text(size_t bytes, char into[32]);

#endif
