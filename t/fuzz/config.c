/* SPDX-License-Identifier: MIT */
/* config.c - any bytes as a model's config.json; what is taken has sizes that can be
 * computed with. */
#include "../../lib/format/jsonl.h"
#include "../../lib/model/config.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fault f = {""};
	struct config c;
	json_t *j = json_parse_python((const char *)p, n, &f);
	long in, out, first, cols;

	if (j && !config_json(&c, j, &f)) {
		assert(c.rope.pairs * 2 == c.rotary && isfinite(c.rope.amplitude) && isfinite(c.heads.scale));
		for (int i = 0; i < c.rope.pairs; i++)
			assert(isfinite(c.rope.rate[0][i]) && isfinite(c.rope.rate[1][i]));
		for (const struct part *q = c.family->part; q->module; q++) {
			config_site(&c, q->site, &in, &out);
			config_extent(&c, q, &first, &cols);
			assert(in > 0 && first >= 0 && cols > 0 && first + cols <= out);
		}
	} else {
		assert(*f.text);
	}
	json_decref(j);
	return 0;
}
