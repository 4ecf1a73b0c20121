/* SPDX-License-Identifier: MIT */
/* zip.c - see zip.h.
 *
 * Offsets of the fields that are read, all little-endian:
 *
 *   end record, the file's last 22 bytes but for a comment behind it:
 *     0 "PK\5\6"  4 this disk  6 the directory's disk  8 members on this disk  10 members
 *     12 the directory's bytes  16 its offset  20 the comment's bytes
 *   a member's record in the directory, 46 bytes, then its name, extra field and comment:
 *     0 "PK\1\2"  8 flags  10 method  16 CRC-32  20 packed bytes  24 bytes
 *     28 the name's bytes  30 the extra field's  32 the comment's  42 the member's offset
 *   the member itself, 30 bytes, then its name, extra field and data:
 *     0 "PK\3\4"  26 the name's bytes  28 the extra field's
 */
#include "zip.h"

#include <string.h>

#include "../base/num.h"

enum { END = 22, ENTRY = 46, LOCAL = 30, COMMENT_MOST = 65535 };

static uint32_t u16(const uint8_t *p) { return p[0] | p[1] << 8; }
static uint32_t u32(const uint8_t *p) { return u16(p) | u16(p + 2) << 16; }

/* Sets where the directory begins and ends, as offsets. */
static int find_directory(const uint8_t *map, size_t bytes, size_t *begin, size_t *end,
                          struct fault *f)
{
	for (size_t comment = 0; comment <= COMMENT_MOST && bytes >= END + comment; comment++) {
		size_t at = bytes - END - comment;
		const uint8_t *e = map + at;

		if (memcmp(e, "PK\5\6", 4) || u16(e + 20) != comment)
			continue;
		if (u16(e + 4) || u16(e + 6) || u16(e + 8) != u16(e + 10))
			return fault(f, "a zip file of several disks");
		if (u32(e + 16) > at || u32(e + 12) > at - u32(e + 16))
			return fault(f, "the zip directory lies outside the file");
		*begin = u32(e + 16);
		*end = *begin + u32(e + 12);
		return 0;
	}
	return fault(f, "not a zip file, or cut short");
}

static uint32_t crc32_of(const void *data, size_t n)
{
	const uint8_t *p = data;
	uint32_t crc = ~0u, table[256];

	for (uint32_t i = 0; i < 256; i++) {
		table[i] = i;
		for (int k = 0; k < 8; k++)
			table[i] = table[i] >> 1 ^ (table[i] & 1 ? 0xedb88320u : 0);
	}
	for (size_t i = 0; i < n; i++)
		crc = crc >> 8 ^ table[(crc ^ p[i]) & 255];
	return ~crc;
}

/* The bytes of the member whose record is e; the directory begins at `directory`. */
static int member(const uint8_t *map, size_t directory, const uint8_t *e, const uint8_t **data,
                  size_t *n, struct fault *f)
{
	const char *name = (const char *)e + ENTRY;
	int shown = (int)size_min(u16(e + 28), 80);
	size_t place = u32(e + 42), from;

	*n = u32(e + 24);
	if (u16(e + 8) & 1)
		return fault(f, "%.*s is encrypted", shown, name);
	if (u16(e + 10) || u32(e + 20) != *n)
		return fault(f, "%.*s is compressed", shown, name);
	if (place > directory || directory - place < LOCAL || memcmp(map + place, "PK\3\4", 4))
		return fault(f, "%.*s is not where the zip directory says", shown, name);
	from = place + LOCAL + u16(map + place + 26) + u16(map + place + 28);
	if (from > directory || directory - from < *n)
		return fault(f, "%.*s runs into the zip directory", shown, name);
	*data = map + from;
	if (crc32_of(*data, *n) != u32(e + 16))
		return fault(f, "%.*s has another checksum", shown, name);
	return 1;
}

int zip_find(const void *map, size_t bytes, const char *want, size_t want_n, const uint8_t **data,
             size_t *n, struct fault *f)
{
	const uint8_t *found = NULL;
	size_t directory = 0, end = 0, size;

	if (find_directory(map, bytes, &directory, &end, f))
		return -1;
	for (size_t at = directory; at < end; at += size) {
		const uint8_t *e = (const uint8_t *)map + at;
		const char *name = (const char *)e + ENTRY, *slash;

		if (end - at < ENTRY || memcmp(e, "PK\1\2", 4))
			return fault(f, "the zip directory is broken");
		size = ENTRY + u16(e + 28) + u16(e + 30) + u16(e + 32);
		if (end - at < size)
			return fault(f, "the zip directory is cut short");
		slash = memchr(name, '/', u16(e + 28));
		if (!slash || name + u16(e + 28) - (slash + 1) != (long)want_n ||
		    memcmp(slash + 1, want, want_n))
			continue;
		if (found)
			return fault(f, "two members %.*s", (int)size_min(want_n, 80), want);
		found = e;
	}
	return found ? member(map, directory, found, data, n, f) : 0;
}
