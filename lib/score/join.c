/* SPDX-License-Identifier: MIT */
/* join.c - see join.h. */
#include "join.h"

#include <math.h>

#include "../base/memory.h"

float *score_weights(const struct scores *scores, const struct tokens *d)
{
	float *w = xalloc(d->rows * sizeof *w);
	char id[128];

	for (long i = 0; i < d->rows; i++) {
		struct tokens_row r = tokens_row(d, i);
		char *whole = xstrndup(r.id, r.id_n);
		const struct score *s = score_lookup(scores, whole, r.hash);

		tokens_id(d, i, id, sizeof id);
		if (!s)
			die("%s: the row %s has no score", scores->name, id);
		if (isnan(s->weight))
			die("%s: the weight of row %s is null", scores->name, id);
		w[i] = (float)s->weight;
		if (!isfinite(w[i]))
			die("%s: the weight of row %s is too large", scores->name, id);
		free(whole);
	}
	return w;
}
