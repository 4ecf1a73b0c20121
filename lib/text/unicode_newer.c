/* SPDX-License-Identifier: MIT */
/* unicode_newer.c - letters and numbers of Unicode 15 and 16, which Oniguruma 6.9.8 does
 * not know and Hugging Face's tokenizers do.  Patterns are shown an older
 * character of the same category and length in their place.  (Marks are left
 * out: no pattern that we know asks for them.) */
#include "tokenizer_in.h"

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
static const struct {
	int32_t code;
	char text[5];
} three[] =
	{
		{0x1e00, "\xe1\xb8\x80"},
		{0x1e01, "\xe1\xb8\x81"},
},
  four[] = {
	  {0x10400, "\xf0\x90\x90\x80"}, {0x10428, "\xf0\x90\x90\xa8"},
	  {0x10000, "\xf0\x90\x80\x80"}, {0x104a0, "\xf0\x90\x92\xa0"},
	  {0x10107, "\xf0\x90\x84\x87"},
};

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

int32_t stand_in(int32_t code)
{
	int kind = kind_of(code);

	return kind < 0 ? code : code < 0x10000 ? three[kind].code : four[kind].code;
}

/* They begin with one of three bytes. */
int has_newer(struct slice s)
{
	for (size_t i = 0; i < s.n; i++) {
		unsigned char c = s.p[i];
		int32_t code;

		if (c != 0xe1 && c != 0xea && c != 0xf0)
			continue;
		utf8_first(s.p + i, s.n - i, &code);
		if (kind_of(code) >= 0)
			return 1;
	}
	return 0;
}

struct slice put_stand_ins(struct buf *out, struct slice s)
{
	for (size_t at = 0; at < s.n;) {
		int32_t code;
		int n = utf8_first(s.p + at, s.n - at, &code), kind = kind_of(code);

		buf_add(out, kind < 0 ? s.p + at : n == 3 ? three[kind].text : four[kind].text, n);
		at += n;
	}
	return (struct slice){out->p, out->n};
}
