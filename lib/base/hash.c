/* SPDX-License-Identifier: MIT */
/* hash.c - see hash.h. */
#include "hash.h"

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

void hash_hex(uint64_t v, char hex[17])
{
	for (int i = 15; i >= 0; i--, v >>= 4)
		hex[i] = "0123456789abcdef"[v & 15];
	hex[16] = 0;
}

int hash_parse(const char *hex, uint64_t *v)
{
	uint64_t x = 0;

	for (int i = 0; i < 16; i++) {
		const char *digits = "0123456789abcdef",
			   *at = hex[i] ? strchr(digits, hex[i]) : NULL;

		if (!at)
			return -1;
		x = x << 4 | (at - digits);
	}
	if (hex[16])
		return -1;
	*v = x;
	return 0;
}
