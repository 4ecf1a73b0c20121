/* SPDX-License-Identifier: MIT */
/* limits.c - see limits.h. */
#include "limits.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "memory.h"
#include "num.h"

/* The number that a file holds; SIZE_MAX when there is no file or no number ("max"). */
static size_t number_in(const char *path)
{
	FILE *f = fopen(path, "re");
	size_t n;

	if (!f || fscanf(f, "%zu", &n) != 1)
		n = SIZE_MAX;
	if (f)
		fclose(f);
	return n;
}

/* The least limit of a group (a path under root) and of the groups that it lies in. */
static size_t up_from(const char *root, const char *group, const char *file)
{
	int n = (int)strlen(group);
	size_t most = SIZE_MAX;

	for (;;) {
		char *path = xprintf("%s%.*s/%s", root, n, group, file);

		most = size_min(most, number_in(path));
		free(path);
		if (!n)
			return most;
		while (n && group[--n] != '/')
			;
	}
}

/* Lines of the list are id:controllers:path; version 2 has no controllers, version 1 names
 * "memory" and has a tree of folders for it. */
size_t memory_of_groups(const char *list, const char *root)
{
	FILE *f = fopen(list, "re");
	char line[4096];
	size_t most = SIZE_MAX;

	while (f && fgets(line, sizeof line, f)) {
		char *names = strchr(line, ':'), *path = names ? strchr(names + 1, ':') : NULL, *v1;

		line[strcspn(line, "\n")] = 0;
		if (!path)
			continue;
		*path++ = 0;
		names++;
		if (!*names)
			most = size_min(most, up_from(root, path, "memory.max"));
		if (strcmp(names, "memory"))
			continue;
		v1 = xprintf("%s/memory", root);
		most = size_min(most, up_from(v1, path, "memory.limit_in_bytes"));
		free(v1);
	}
	if (f)
		fclose(f);
	return most;
}

size_t memory_available(void)
{
	size_t most = (size_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
	struct rlimit r;

	if (!getrlimit(RLIMIT_AS, &r) && r.rlim_cur != RLIM_INFINITY)
		most = size_min(most, r.rlim_cur);
	return size_min(most, memory_of_groups("/proc/self/cgroup", "/sys/fs/cgroup"));
}

char *memory_text(size_t bytes, char into[32])
{
	if (bytes >= 10000000000)
		snprintf(into, 32, "%.1f GB", bytes / 1e9);
	else if (bytes >= 10000000)
		snprintf(into, 32, "%.0f MB", bytes / 1e6);
	else
		snprintf(into, 32, "%.1f MB", bytes / 1e6);
	return into;
}
