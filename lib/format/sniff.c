/* SPDX-License-Identifier: MIT */
/* sniff.c - see sniff.h. */
#include "sniff.h"

#include <string.h>

const char *sniff(const void *bytes, size_t n)
{
	static const char lfs[] = "version https://git-lfs.github.com/spec/";

	return n >= sizeof lfs - 1 && !memcmp(bytes, lfs, sizeof lfs - 1)
	               ? "a Git LFS pointer, not the file itself (git lfs pull fetches it)"
	               : NULL;
}
