/* SPDX-License-Identifier: MIT */
/* scorer.c - files of --scorer. */
#include "../../lib/score/scorer.h"

#include <assert.h>
#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fault f = {""};
	struct scorer s;
	int rc = scorer_parse(&s, p, n, &f);

	assert(rc == 0 || *f.text);
	if (rc)
		return 0;
	assert(s.fit.d > 0 && s.layer >= 0 && s.layer <= s.blocks && s.template);
	for (long j = 0; j < s.fit.d; j++)
		assert(isfinite(s.fit.w[j]) && isfinite(s.fit.mean[j]));
	scorer_free(&s);
	return 0;
}
