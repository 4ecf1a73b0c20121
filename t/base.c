/* SPDX-License-Identifier: MIT */
/* base.c - faults, growing arrays and buffers, hashes as text. */
#include <stdlib.h>

#include "../lib/base/buf.h"
#include "../lib/base/hash.h"
#include "../lib/base/memory.h"
#include "tap.h"

static void test_fault(void)
{
	struct fault f;
	char *text = xalloc(1000);

	ok(fault(&f, "%s %d", "row", 7) == -1, "a fault is -1");
	same(f.text, "row 7", "and says why");
	fault(&f, "\"%s\"", "a\x1b[2J\r\n\t\x7f\xc3\xa9");
	same(f.text, "\"a?[2J????\xc3\xa9\"", "without control characters of what it quotes");
	memset(text, 'x', 999);
	text[999] = 0;
	fault(&f, "%s", text);
	ok(strlen(f.text) == sizeof f.text - 1, "a long one is cut");
	free(text);
}

static void test_growing(void)
{
	struct buf b = {0};
	long *p = NULL, room = 0, wrong = 0, moved = 0;
	char text[600];

	for (long i = 0; i < 100000; i++) {
		long before = room;

		p = xgrow(p, i, &room, sizeof *p);
		moved += room != before;
		p[i] = i;
	}
	for (long i = 0; i < 100000; i++)
		wrong += p[i] != i;
	ok(!wrong && room >= 100000 && moved < 30, "an array grows %ld times to 100000", moved);
	free(p);
	memset(text, 'y', sizeof text - 1);
	text[sizeof text - 1] = 0;
	buf_fmt(&b, "%s", "");
	same(b.p, "", "an empty text is one");
	for (int i = 0; i < 100; i++)
		buf_fmt(&b, "%d:%s.", i, text);
	ok(b.n == 10 * 602 + 90 * 603 && !b.p[b.n] && !strncmp(b.p + b.n - 4, "yyy.", 4), "texts longer than the room");
	buf_free(&b);
	ok(!b.p && !b.n && !b.cap, "nothing is left");
}

static void test_hash(void)
{
	static const char *const bad[] = {"", "0123456789abcde", "0123456789abcdef0", "0123456789abcdeF",
	                                  "0123456789abcdeg", "0x23456789abcdef", " 123456789abcdef", "-123456789abcdef"};
	char hex[17];
	uint64_t v = 1;

	hash_hex(0xfedcba9876543210, hex);
	same(hex, "fedcba9876543210", "a hash as text");
	ok(!hash_parse(hex, &v) && v == 0xfedcba9876543210, "and back");
	ok(!hash_parse("0000000000000000", &v) && v == 0, "zero");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		ok(hash_parse(bad[i], &v) == -1, "no hash: '%s'", bad[i]);
}

int main(void)
{
	test_fault();
	test_growing();
	test_hash();
	return tap_done();
}
