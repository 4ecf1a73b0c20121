/* SPDX-License-Identifier: MIT */
/* config.c - any bytes as a model's config.json, or as the metadata of a GGUF file; what is taken has
 * sizes that can be computed with. */
#include "../../lib/format/jsonl.h"
#include "../../lib/model/config_read.h"

#include <assert.h>
#include <math.h>

static void check_layers(const struct config *c)
{
	for (long i = 0; i < c->layers; i++) {
		assert(c->local[i] <= 1 && config_heads(c, i).window >= 0);
		assert(c->local[i] || !config_heads(c, i).window);
	}
	for (int i = 0; i < c->ropes; i++) {
		const struct rope *r = &c->rope[i];

		assert(r->pairs * 2 == c->rotary && isfinite(r->amplitude));
		assert(r->original == c->rope[0].original);
		for (int j = 0; j < r->pairs; j++)
			assert(isfinite(r->rate[0][j]) && isfinite(r->rate[1][j]));
	}
}

static void check_numbers(const struct config *c)
{
	assert(isfinite(c->heads.scale) && isfinite(c->embed_scale) && isfinite(c->residual_scale));
	assert(isfinite(c->logit_scale) && c->heads.cap >= 0 && c->logit_cap >= 0);
	assert(c->heads.q > 0 && c->heads.kv > 0 && c->heads.q % c->heads.kv == 0);
	for (const struct part *q = c->family->part; q->module; q++) {
		long in, out, first, cols;

		config_site(c, q->site, &in, &out);
		config_extent(c, q, &first, &cols);
		assert(in > 0 && first >= 0 && cols > 0 && first + cols <= out);
	}
	for (int r = 0; r < NORM_ROLES; r++) {
		long cols;

		assert(config_norm(c, r, &cols).heads > 0 && cols > 0);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fault f = {""};
	struct config c;
	struct gguf g;
	json_t *j = NULL;
	int taken;

	if (gguf_is(p, n)) {
		taken = !gguf_parse(&g, p, n, &f);
		if (taken) {
			taken = !config_gguf(&c, &g, &f);
			gguf_close(&g);
		}
	} else {
		j = json_parse_python((const char *)p, n, &f);
		taken = j && !config_hf(&c, j, &f);
	}
	if (taken) {
		check_layers(&c);
		check_numbers(&c);
	} else {
		assert(*f.text);
	}
	json_decref(j);
	return 0;
}
