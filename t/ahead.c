/* SPDX-License-Identifier: MIT */
/* ahead.c - a thread that reads ahead gives what it read, in order, and its errors. */
#include <stdlib.h>
#include <unistd.h>

#include "../lib/base/die.h"
#include "../lib/base/rng.h"
#include "../lib/format/zio_thread.h"
#include "../lib/format/zio.h"
#include "tap.h"

/* Gives the bytes 0, 1, ... 250, 0, ... in steps of any size; then `last`. */
struct source { size_t at, end; int last; struct rng rng; };

static ssize_t give(void *source, void *p, size_t n)
{
	struct source *s = source;
	size_t some = 1 + rng_below(&s->rng, 100000);

	some = some < n ? some : n;
	some = some < s->end - s->at ? some : s->end - s->at;
	for (size_t i = 0; i < some; i++)
		((unsigned char *)p)[i] = (s->at + i) % 251;
	s->at += some;
	return some ? (ssize_t)some : s->last;
}

static void whole(size_t end, int last)
{
	struct source s = { 0, end, last, rng_new(end, 1) };
	struct rng r = rng_new(end, 2);
	struct ahead *a = ahead_open(give, &s);
	unsigned char p[70000];
	ssize_t got = 0;
	size_t at = 0;
	int same = 1;

	while (same && (got = ahead_read(a, p, 1 + rng_below(&r, sizeof p))) > 0) {
		for (ssize_t i = 0; i < got; i++)
			same &= p[i] == (at + i) % 251;
		at += got;
	}
	ok(same && at == end && got == last && ahead_read(a, p, 1) == last, "%zu bytes, then %d, again and again", end, last);
	ahead_close(a);
}

static void early(void)
{
	struct source s = { 0, 1 << 30, 0, rng_new(3, 1) };
	struct ahead *a = ahead_open(give, &s);
	char byte;

	ok(ahead_read(a, &byte, 1) == 1, "a reader may stop early");
	ahead_close(a);
	a = ahead_open(give, &s);
	ahead_close(a);
	ahead_close(NULL);
	ok(s.at < 1 << 24, "and the thread has not run away (%zu bytes)", s.at);
}

/* The lines of a file, with and without. */
static void lines(const char *path, int flags)
{
	struct zout *out = zout_open(path, flags);
	struct rng r = rng_new(7, flags);
	struct zin *a, *b;
	size_t n, m, raw_a, raw_b;
	char *p, *q, text[3000];
	long same = 0, all = 2000;

	for (long i = 0; i < all; i++) {
		for (n = rng_below(&r, sizeof text), m = 0; m < n; m++)
			text[m] = 'a' + rng_below(&r, 26);
		zout_write(out, text, n);
		zout_str(out, "\n");
	}
	zout_close(out);
	a = zin_open(path);
	b = zin_open(path);
	zin_ahead(b);
	zin_ahead(b);
	while ((p = zin_line(a, &n, &raw_a)) && (q = zin_line(b, &m, &raw_b)))
		same += n == m && raw_a == raw_b && !memcmp(p, q, n);
	ok(same == all && !zin_line(b, &m, &raw_b), "the same lines of a %s file", flags ? "zstd" : "plain");
	zin_close(a);
	zin_close(b);
	unlink(path);
}

int main(void)
{
	char path[] = "/tmp/seal-ahead-XXXXXX";

	close(mkstemp(path));
	for (int last = 0; last >= -1; last--) {
		whole(0, last);
		whole(1, last);
		whole(1 << 19, last);
		whole(10000019, last);
	}
	early();
	lines(path, ZOUT_PLAIN);
	lines(path, ZOUT_ZSTD);
	return tap_done();
}
