/* SPDX-License-Identifier: MIT */
/* unicode_newer.c - characters that are newer than others' tables.
 *
 * Hugging Face's normalisers have the tables of Unicode 9: marks and compositions that came
 * later pass them as they are.  Their regular expressions know the letters and numbers of
 * Unicode 16, but Oniguruma 6.9.8 does not: patterns are shown an older character of the same
 * category and length instead.  (Marks are left out: no pattern that we know asks for them.)
 */
#include "unicode.h"

int unicode_after_9(int32_t c)
{
	static const int32_t range[][2] = {
		{0x7fd, 0x7fd},     {0x898, 0x8d3},     {0x9fe, 0x9fe},     {0xc3c, 0xc3c},
		{0xd3b, 0xd3c},     {0xeba, 0xeba},     {0x1715, 0x1715},   {0x1abf, 0x1ace},
		{0x1df6, 0x1dfa},   {0x32ff, 0x32ff},   {0xa7f2, 0xa7f4},   {0xa82c, 0xa82c},
		{0xab69, 0xab69},   {0x10781, 0x107ba}, {0x10d24, 0x10f85}, {0x11070, 0x11070},
		{0x1133b, 0x1133b}, {0x1145e, 0x1145e}, {0x11839, 0x11a99}, {0x11d42, 0x11f42},
		{0x16ff0, 0x16ff1}, {0x1e030, 0x1e4ef}, {0x1f16c, 0x1f16c}, {0x1fbf0, 0x1fbf9},
	};

	for (size_t i = 0; i < sizeof range / sizeof *range && c >= range[i][0]; i++)
		if (c <= range[i][1])
			return 1;
	return 0;
}

enum kind { UPPER, LOWER, LETTER, DECIMAL, NUMBER };

static const struct {
	int32_t first, last;
	enum kind kind;
} newer[] = {
	{0x1c89, 0x1c89, UPPER},     {0x1c8a, 0x1c8a, LOWER},     {0xa7cb, 0xa7cc, UPPER},
	{0xa7cd, 0xa7cd, LOWER},     {0xa7da, 0xa7da, UPPER},     {0xa7db, 0xa7db, LOWER},
	{0xa7dc, 0xa7dc, UPPER},     {0x105c0, 0x105f3, LETTER},  {0x10d40, 0x10d49, DECIMAL},
	{0x10d4a, 0x10d4f, LETTER},  {0x10d50, 0x10d65, UPPER},   {0x10d6f, 0x10d6f, LETTER},
	{0x10d70, 0x10d85, LOWER},   {0x10ec2, 0x10ec4, LETTER},  {0x1123f, 0x11240, LETTER},
	{0x11380, 0x11389, LETTER},  {0x1138b, 0x1138b, LETTER},  {0x1138e, 0x1138e, LETTER},
	{0x11390, 0x113b5, LETTER},  {0x113b7, 0x113b7, LETTER},  {0x113d1, 0x113d1, LETTER},
	{0x113d3, 0x113d3, LETTER},  {0x116d0, 0x116e3, DECIMAL}, {0x11bc0, 0x11be0, LETTER},
	{0x11bf0, 0x11bf9, DECIMAL}, {0x11f02, 0x11f02, LETTER},  {0x11f04, 0x11f10, LETTER},
	{0x11f12, 0x11f33, LETTER},  {0x11f50, 0x11f59, DECIMAL}, {0x1342f, 0x1342f, LETTER},
	{0x13441, 0x13446, LETTER},  {0x13460, 0x143fa, LETTER},  {0x16100, 0x1611d, LETTER},
	{0x16130, 0x16139, DECIMAL}, {0x16d40, 0x16d6c, LETTER},  {0x16d70, 0x16d79, DECIMAL},
	{0x18cff, 0x18cff, LETTER},  {0x1b132, 0x1b132, LETTER},  {0x1b155, 0x1b155, LETTER},
	{0x1ccf0, 0x1ccf9, DECIMAL}, {0x1d2c0, 0x1d2d3, NUMBER},  {0x1df25, 0x1df2a, LOWER},
	{0x1e030, 0x1e06d, LETTER},  {0x1e4d0, 0x1e4eb, LETTER},  {0x1e4f0, 0x1e4f9, DECIMAL},
	{0x1e5d0, 0x1e5ed, LETTER},  {0x1e5f0, 0x1e5f0, LETTER},  {0x1e5f1, 0x1e5fa, DECIMAL},
	{0x2b739, 0x2b739, LETTER},  {0x2ebf0, 0x2ee5d, LETTER},  {0x31350, 0x323af, LETTER},
};

/* By kind: of three bytes and of four. */
static const int32_t three[] = {0x1e00, 0x1e01},
		     four[] = {0x10400, 0x10428, 0x10000, 0x104a0, 0x10107};

static int kind_of(int32_t code)
{
	int low = 0, high = sizeof newer / sizeof *newer;

	while (low < high) {
		int mid = (low + high) / 2;

		if (code > newer[mid].last)
			low = mid + 1;
		else if (code < newer[mid].first)
			high = mid;
		else
			return newer[mid].kind;
	}
	return -1;
}

int32_t unicode_stand_in(int32_t code)
{
	int kind = kind_of(code);

	return kind < 0 ? code : code < 0x10000 ? three[kind] : four[kind];
}

/* They begin with one of three bytes. */
int unicode_has_newer(const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char c = text[i];
		int32_t code;

		if (c != 0xe1 && c != 0xea && c != 0xf0)
			continue;
		utf8_first(text + i, n - i, &code);
		if (kind_of(code) >= 0)
			return 1;
	}
	return 0;
}

void unicode_put_stand_ins(struct buf *out, const char *text, size_t n)
{
	for (size_t at = 0; at < n;) {
		char one[4] = {text[at]};
		int32_t code;
		int bytes = utf8_first(text + at, n - at, &code);

		if (code >= 0)
			utf8_put(unicode_stand_in(code), one);
		buf_add(out, one, bytes);
		at += bytes;
	}
}
