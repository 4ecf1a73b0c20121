/* SPDX-License-Identifier: MIT */
/* sniff.h - files that are not what they should be: formats of others, told by how they begin. */
#ifndef SEAL_SNIFF_H
#define SEAL_SNIFF_H

#include <stddef.h>

/* What begins with these bytes, if that is a format that the programs do not read, and in brackets
 * what to do: "a Parquet file (...)", so that "FILE: is ..." is a sentence.  Else NULL.  The more
 * bytes, up to 512, the more is known; fewer are no fault. */
const char *sniff(const void *bytes, size_t n);

#endif
