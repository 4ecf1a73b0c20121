/* SPDX-License-Identifier: MIT */
/* pt.c - the vectors that torch.save wrote, and what is refused instead of run. */
#include "tap.h"

#include <stdlib.h>

#include "../lib/base/memory.h"
#include "../lib/format/pt.h"
#include "../lib/format/zio.h"

static void gold(const char *name)
{
	char *path = xprintf("t/gold/pt-%s.pt", name);
	struct fault f = {""};
	struct pt t = {0};
	size_t bytes;
	const void *map = zio_map(path, &bytes);
	int good = !pt_parse(&t, map, bytes, &f) && t.n == 5;

	for (long i = 0; good && i < t.n; i++)
		good = pt_value(&t, i) == 1.5f * i;
	if (!ok(good, "%s", name))
		printf("# %s\n", f.text);
	zio_unmap(map, bytes);
	free(path);
}

/* Whatever byte is another one, and wherever the file ends, it is read or refused. */
static void any_byte(const char *name)
{
	char *path = xprintf("t/gold/pt-%s.pt", name);
	struct fault f;
	struct pt t;
	size_t bytes;
	const void *map = zio_map(path, &bytes);
	uint8_t *copy = xalloc(bytes);
	long bad = 0, refused = 0;

	for (size_t i = 0; i < bytes; i++) {
		memcpy(copy, map, bytes);
		copy[i] ^= 0x55;
		if (pt_parse(&t, copy, bytes, &f))
			refused++;
		else
			for (long k = 0; k < t.n; k++)
				bad += pt_value(&t, k) != 1.5f * k;
		copy = xrealloc(copy, i + !i);          /* a sanitizer sees who reads on */
		memcpy(copy, map, i);
		bad += !pt_parse(&t, copy, i, &f);
		copy = xrealloc(copy, bytes);
	}
	ok(!bad && refused > 300, "%s: each byte changed or missing: refused, or the same values", name);
	free(copy);
	zio_unmap(map, bytes);
	free(path);
}

static void broken(const char *name, const char *want)
{
	char *path = xprintf("t/broken/pt-%s.pt", name), bytes[4096];
	struct zin *z = zin_open(path);
	size_t n = zin_read(z, bytes, sizeof bytes);
	struct fault f = {"nothing"};
	struct pt t;

	ok(pt_parse(&t, bytes, n, &f) == -1, "%s is refused", name);
	same(f.text, want, "... and the fault says why");
	zin_close(z);
	free(path);
}

#define UNKNOWN(at) "data.pkl: byte " at ": not the one float32 vector that is looked for, and nothing else is read"

int main(void)
{
	gold("tensor");
	gold("dict");
	gold("param");
	gold("state");
	gold("slice");
	any_byte("param");
	any_byte("state");
	broken("cut", "not a zip file, or cut short");
	broken("empty", "not a zip file, or cut short");
	broken("cut-directory", "the zip directory is broken");
	broken("outside", "the zip directory lies outside the file");
	broken("checksum", "x/data/0 has another checksum");
	broken("compressed", "x/data.pkl is compressed");
	broken("byteorder", "the byte order is not little");
	broken("no-pickle", "no data.pkl: not written by torch.save");
	broken("no-storage", "the storage is missing");
	broken("storage-size", "the storage is not of the size that data.pkl says");
	broken("twice", "two members data.pkl");
	broken("system", UNKNOWN("2"));
	broken("system-instead-of-ordered", UNKNOWN("96"));
	broken("double", UNKNOWN("49"));
	broken("matrix", UNKNOWN("91"));
	broken("gaps", "data.pkl: a vector with gaps");
	broken("beyond", "data.pkl: a vector of 5 values from 1 on, of 5");
	broken("negative", UNKNOWN("89"));
	broken("two-tensors", UNKNOWN("3"));
	broken("more", UNKNOWN("125"));
	broken("cut-pickle", UNKNOWN("49"));
	broken("protocol", UNKNOWN("0"));
	broken("long-name", "data.pkl: a storage of a strange name");
	return tap_done();
}
