/* SPDX-License-Identifier: MIT */
/* safetensors.c - any bytes as a safetensors blob, and any header with its length put
 * right: it ends at the first line feed.  What is accepted is written and read again. */
#include "../../lib/format/safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned sum;            /* so that the bytes are really read */

static void blob(const void *p, size_t n)
{
	struct safetensors st, again;
	struct fault f;
	struct buf b = {0};
	size_t used;

	if (st_parse(&st, p, n, &used, &f)) {
		assert(strlen(f.text) > 0);
		return;
	}
	assert(used <= n);
	for (int i = 0; i < st.n; i++)
		for (size_t j = 0; j < st.tensor[i].bytes; j++)
			sum += ((const uint8_t *)st.tensor[i].data)[j];
	st_write(&b, st.tensor, st.n, st.meta, st.metas, 0);
	if (st_parse(&again, b.p, b.n, &used, &f) || again.n != st.n || used != b.n)
		abort();
	st_close(&again);
	st_close(&st);
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	const uint8_t *end = memchr(p, '\n', n);
	uint64_t header = end ? end - p : 0;
	struct buf b = {0};

	blob(p, n);
	if (!end)
		return 0;
	buf_add(&b, &header, 8);
	buf_add(&b, p, header);
	buf_add(&b, end + 1, n - header - 1);
	blob(b.p, b.n);
	buf_free(&b);
	return 0;
}
