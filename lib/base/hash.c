/* SPDX-License-Identifier: MIT */
/* hash.c - see hash.h. */
#include "hash.h"

#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "die.h"

uint64_t hash_bytes(const void *p, size_t n) { return XXH64(p, n, 0); }

struct hash *hash_new(void)
{
	XXH64_state_t *s = XXH64_createState();

	if (!s)
		die("out of memory");
	XXH64_reset(s, 0);
	return (struct hash *)s;
}

void hash_add(struct hash *h, const void *p, size_t n) { XXH64_update((XXH64_state_t *)h, p, n); }

uint64_t hash_value(const struct hash *h) { return XXH64_digest((const XXH64_state_t *)h); }
void hash_free(struct hash *h) { XXH64_freeState((XXH64_state_t *)h); }

void hash_hex(uint64_t v, char hex[17]) { snprintf(hex, 17, "%016llx", (unsigned long long)v); }

int hash_parse(const char *hex, uint64_t *v)
{
	if (strlen(hex) != 16 || strspn(hex, "0123456789abcdef") != 16)
		return -1;
	*v = strtoull(hex, NULL, 16);
	return 0;
}

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
