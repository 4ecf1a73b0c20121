/* SPDX-License-Identifier: MIT */
/* utf8.h - the characters of a text in UTF-8. */
#ifndef SEAL_UTF8_H
#define SEAL_UTF8_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define UTF8_REPLACEMENT "\xef\xbf\xbd" /* U+FFFD, for a byte that is no UTF-8 */

/* The length of the byte order mark that the text begins with: 3, or 0 where there is none. */
static inline size_t utf8_bom(const char *text, size_t n)
{
	return n >= 3 && !memcmp(text, "\xef\xbb\xbf", 3) ? 3 : 0;
}

/* Sets *code to the code point of the first character of text[0..n), n > 0, and returns its length
 * in bytes.  A byte that belongs to no UTF-8 (Unicode 16, table 3-7) is one of code -1. */
static inline int utf8_first(const char *text, size_t n, int32_t *code)
{
	static const int32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	const unsigned char *p = (const unsigned char *)text;
	int bytes = *p < 0xe0 ? 2 : *p < 0xf0 ? 3 : 4;
	int32_t c = *p & 0x7f >> bytes;

	if (*p < 0x80) {
		*code = *p;
		return 1;
	}
	*code = -1;
	if (*p < 0xc2 || *p > 0xf4 || (size_t)bytes > n)
		return 1;
	for (int i = 1; i < bytes; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 1;
		c = c << 6 | (p[i] & 0x3f);
	}
	if (c < least[bytes] || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return 1;
	*code = c;
	return bytes;
}

#endif
