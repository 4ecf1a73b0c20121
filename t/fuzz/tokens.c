/* SPDX-License-Identifier: MIT */
/* tokens.c - a token stream of any bytes, blob by blob; and of any header, whose length
 * is put right: it ends at the first line feed, behind which the data stand. */
#include <stdlib.h>
#include <string.h>

#include "../../lib/base/memory.h"
#include "../../lib/rows/tokens.h"

static void stream(const void *data, size_t n)
{
	struct tokens *t = xzalloc(1, sizeof *t);
	const char *p = data;
	struct fault f;
	size_t used = 0;

	for (; n && !tokens_blob(t, p, n, &used, &f); p += used, n -= used)
		;
	tokens_close(t);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	const unsigned char *end = memchr(data, '\n', n);
	uint64_t header = end ? end - data : 0;
	struct buf b = {0};

	stream(data, n);
	if (!end)
		return 0;
	for (int twice = 0; twice < 2; twice++) {         /* a second one may go on with the first's */
		buf_add(&b, &header, 8);
		buf_add(&b, data, header);
		buf_add(&b, end + 1, n - header - 1);
	}
	stream(b.p, b.n);
	buf_free(&b);
	return 0;
}
