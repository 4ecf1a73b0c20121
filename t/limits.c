/* SPDX-License-Identifier: MIT */
/* limits.c - what memory there is: limits of control groups, of either version. */
#include "tap.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../lib/base/memory.h"
#include "../lib/base/limits.h"

static char root[] = "/tmp/seal-limits-XXXXXX";

static void put(const char *name, const char *text)
{
	char *path = xprintf("%s/%s", root, name);
	FILE *f;

	for (char *p = path + strlen(root) + 1; (p = strchr(p, '/')); *p++ = '/') {
		*p = 0;
		mkdir(path, 0700);
	}
	f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f))
		die("write %s:", path);
	free(path);
}

static size_t limit(const char *list)
{
	char *path = xprintf("%s/list", root);
	size_t n;

	put("list", list);
	n = memory_of_groups(path, root);
	free(path);
	return n;
}

int main(void)
{
	char text[32], *command;
	struct rlimit r;
	size_t before;

	if (!mkdtemp(root))
		die("create %s:", root);
	ok(limit("0::/\n") == SIZE_MAX, "no files, no limit");
	put("a/b/memory.max", "max\n");
	ok(limit("0::/a/b\n") == SIZE_MAX, "version 2: max is none");
	put("a/memory.max", "4000000000\n");
	ok(limit("0::/a/b\n") == 4000000000, "the group around it counts");
	put("a/b/memory.max", "1000000000\n");
	ok(limit("0::/a/b\n") == 1000000000, "its own is less");
	put("memory.max", "500000000\n");
	ok(limit("0::/a/b\n") == 500000000 && limit("0::/\n") == 500000000, "and the root's");
	put("memory/x/memory.limit_in_bytes", "300000000\n");
	ok(limit("7:cpu,cpuacct:/x\n4:memory:/x/y\n1:name=systemd:/\n") == 300000000, "version 1");
	ok(limit("4:memory:/x/y\n0::/a\n") == 300000000, "both: the least");
	ok(limit("nonsense\n\n1:\n") == SIZE_MAX, "other lines are nothing");
	put("a/b/memory.max", "many\n");
	ok(limit("0::/a/b\n") == 500000000, "nor is what is no number");

	before = memory_available();
	ok(before > 1 << 20, "this machine has some");
	getrlimit(RLIMIT_AS, &r);
#ifdef SEAL_SAN
	skip("a limit of the address space counts", "AddressSanitizer maps more than any limit");
#else
	r.rlim_cur = before / 2;
	setrlimit(RLIMIT_AS, &r);
	ok(memory_available() == before / 2, "a limit of the address space counts");
#endif
	ok(!strcmp(memory_text(1234567, text), "1.2 MB") && !strcmp(memory_text(35000000, text), "35 MB") &&
	   !strcmp(memory_text(12340000000, text), "12.3 GB"), "as text");
	command = xprintf("rm -rf %s", root);
	if (system(command))
		return 1;
	free(command);
	return tap_done();
}
