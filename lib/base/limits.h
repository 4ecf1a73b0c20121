/* SPDX-License-Identifier: MIT */
/* limits.h - how much memory there is, and how much is taken. */
#ifndef SEAL_LIMITS_H
#define SEAL_LIMITS_H

#include <stddef.h>

/* The least of the machine's memory, the limits of this process's control groups
 * (either version) and RLIMIT_AS. */
size_t memory_available(void);
/* The least limit that the groups listed in the file `list` (as /proc/self/cgroup)
 * have under the folder `root` (as /sys/fs/cgroup); SIZE_MAX: none. */
size_t memory_of_groups(const char *list, const char *root);
/* Resident bytes now; mapped files' pages count. */
size_t memory_resident(void);
/* "1.2 GB", "35 MB": into, which it returns. */
char *memory_text(size_t bytes, char into[32]);

#endif
