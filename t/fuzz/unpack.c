/* SPDX-License-Identifier: MIT */
/* unpack.c - any bytes as frames of zstd, gzip and xz, and as what sniff() tells apart: in whatever
 * pieces they come and go, the plain bytes are the same. */
#include <assert.h>
#include <string.h>

#include "../../lib/base/buf.h"
#include "../../lib/base/num.h"
#include "../../lib/format/sniff.h"
#include "../../lib/format/zio_unpack.h"

enum { MOST = 1 << 20 };

/* Appends the plain bytes of all frames; 0 when they are well and end with the bytes. */
static int unpack(const unsigned char *p, size_t n, size_t in, size_t out, struct buf *plain)
{
	struct unpacker *u = unpacker_new();
	enum packing packing;
	struct fault f;
	int got = 1, full = 0;

	while (n && plain->n < MOST && (packing = packing_of(p, n)) && got > 0) {
		unpack_begin(u, packing);
		for (got = 0; !got && (n || full) && plain->n < MOST;) {
			struct unpack_io io = {(const char *)p, size_min(in, n), NULL, out};
			size_t had = io.in_n;

			buf_need(plain, out);
			io.out = plain->p + plain->n;
			got = unpack_some(u, &io, &f);
			assert(io.in_n <= had && io.out_n <= out);
			p += had - io.in_n;
			n -= had - io.in_n;
			plain->n += out - io.out_n;
			full = !io.out_n;
		}
	}
	unpacker_free(u);
	return got > 0 && !n ? 0 : -1;
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	struct buf whole = {0}, pieces = {0};
	int got = unpack(data, n, n, 1 << 16, &whole);

	sniff(data, n);
	packing_cut(data, n);
	if (whole.n < MOST) {
		assert(unpack(data, n, 1, 7, &pieces) == got);
		assert(got || (whole.n == pieces.n && (!whole.n || !memcmp(whole.p, pieces.p, whole.n))));
	}
	buf_free(&whole);
	buf_free(&pieces);
	return 0;
}
