/* SPDX-License-Identifier: MIT */
/* config.h - what holds of every configuration that was taken, of either kind of file: its
 * sizes can be computed with. */
#ifndef FUZZ_CONFIG_H
#define FUZZ_CONFIG_H

#include "../../lib/model/config_read.h"

#include <assert.h>
#include <math.h>

static void check_config(const struct config *c)
{
	long in, out, first, cols;

	assert(c->ropes >= 1 && c->ropes <= 2 && isfinite(c->heads.scale));
	for (int k = 0; k < c->ropes; k++) {
		const struct rope *r = &c->rope[k];

		assert(r->pairs * 2 == c->rotary && isfinite(r->amplitude));
		for (int i = 0; i < r->pairs; i++)
			assert(isfinite(r->rate[0][i]) && (!r->original || isfinite(r->rate[1][i])));
	}
	for (const struct part *p = c->family->part; p->module; p++) {
		config_site(c, p->site, &in, &out);
		config_extent(c, p, &first, &cols);
		assert(in > 0 && first >= 0 && cols > 0 && first + cols <= out);
	}
}

#endif
