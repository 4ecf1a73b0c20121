/* SPDX-License-Identifier: MIT */
/* sha256.h - SHA-256 (FIPS 180-4, through libnettle).
 *
 * DSIR puts words into buckets by it, and so does Python's implementation, whose buckets ours
 * must equal. */
#ifndef SEAL_SHA256_H
#define SEAL_SHA256_H

#include <stddef.h>
#include <stdint.h>

/* The digest as one 256-bit big-endian number, modulo m (not 0). */
uint32_t sha256_modulo(const void *, size_t, uint32_t m);

#endif
