/* SPDX-License-Identifier: MIT */
/* pt.c - any bytes as a file of torch.save, and as the pickle inside one. */
#include "../../lib/format/pt.h"

#include <assert.h>
#include <string.h>

static volatile float sum;               /* so that the values are really read */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct pt_view v;
	struct fault f;
	struct pt t;

	if (!pt_pickle(&v, p, n, &f)) {
		assert(v.offset >= 0 && v.n >= 0 && v.offset + v.n <= v.stored);
		assert((const uint8_t *)v.key >= p && (const uint8_t *)v.key + v.key_n <= p + n);
	} else {
		assert(strlen(f.text) > 0);
	}
	if (!pt_parse(&t, p, n, &f)) {
		for (long i = 0; i < t.n; i++)
			sum += pt_value(&t, i);
	} else {
		assert(strlen(f.text) > 0);
	}
	return 0;
}
