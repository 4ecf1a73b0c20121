/* SPDX-License-Identifier: MIT */
/* hash.h - XXH64 (seed 0, through libxxhash), which identifies rows and inputs; and SHA-256 (FIPS
 * 180-4, through libnettle), by which DSIR puts words into buckets, as its Python code does. */
#ifndef SEAL_HASH_H
#define SEAL_HASH_H

#include <stddef.h>
#include <stdint.h>

uint64_t hash_bytes(const void *, size_t);

struct hash; /* of bytes that come in pieces */
struct hash *hash_new(void);
void hash_add(struct hash *, const void *, size_t);
uint64_t hash_value(const struct hash *);
void hash_free(struct hash *);

void hash_hex(uint64_t, char hex[17]);       /* 16 lower-case digits and NUL */
int hash_parse(const char *hex, uint64_t *); /* -1 unless it is such a text */

/* SHA-256's digest as one 256-bit big-endian number, modulo m (not 0). */
uint32_t sha256_modulo(const void *, size_t, uint32_t m);

#endif
