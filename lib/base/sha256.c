/* SPDX-License-Identifier: MIT */
/* sha256.c - see sha256.h. */
#include "sha256.h"

#include <nettle/sha2.h>

uint32_t sha256_modulo(const void *p, size_t n, uint32_t m)
{
	uint8_t digest[SHA256_DIGEST_SIZE];
	struct sha256_ctx ctx;
	uint64_t r = 0;

	sha256_init(&ctx);
	sha256_update(&ctx, n, p);
	sha256_digest(&ctx, sizeof digest, digest);
	for (size_t i = 0; i < sizeof digest; i += 4) {
		uint32_t word = (uint32_t)digest[i] << 24 | digest[i + 1] << 16 |
		                digest[i + 2] << 8 | digest[i + 3];

		r = (r << 32 | word) % m;
	}
	return r;
}
