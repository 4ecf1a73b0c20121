/* safetensors.c - any bytes as a safetensors blob; what is accepted is written
 * and read again. */
#include "../../lib/format/safetensors.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

static volatile unsigned sum;            /* so that the bytes are really read */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct safetensors st, again;
	struct fault f;
	struct buf b = {0};
	size_t used;

	if (st_parse(&st, p, n, &used, &f)) {
		assert(strlen(f.text) > 0);
		return 0;
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
	return 0;
}
