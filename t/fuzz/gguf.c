/* SPDX-License-Identifier: MIT */
/* gguf.c - any bytes as a GGUF file; every value is looked up and every tensor
 * decoded. */
#include "config.h"

#include <stdlib.h>
#include <string.h>

static double touch(const struct gguf *g, const struct gguf_value *v)
{
	double sum = gguf_int(g, v->key, 0) != 0;
	char *text = gguf_text(g, v->key);
	size_t n;

	assert(gguf_find(g, v->key) == v);
	free(text);
	if (v->kind != GGUF_ARRAY)
		return sum + gguf_real(g, v->key, 0);
	for (long i = 0; i < v->count; i++) {
		if (v->of == GGUF_TEXT) {
			const char *item = gguf_item_text(v, i, &n);

			sum += n ? item[0] + item[n - 1] : 0;
		} else {
			sum += gguf_item(v, i);
		}
	}
	return sum;
}

static volatile double sum;              /* so that the values are really read */

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct config c;
	struct gguf g;
	struct fault f = {""};
	float x[256];

	if (gguf_parse(&g, p, n, &f)) {
		assert(strlen(f.text) > 0);
		return 0;
	}
	for (long i = 0; i < g.values; i++)
		sum += touch(&g, &g.value[i]);
	for (long i = 0; i < g.tensors; i++) {
		const struct gguf_tensor *t = &g.tensor[i];
		size_t blocks;

		assert(*t->kind);
		if (t->type == DT_TYPES)
			continue;
		blocks = t->bytes / dtype_block_bytes(t->type);
		for (size_t j = 0; j < blocks; j++) {
			dtype_decode(t->type, (const char *)t->data + j * dtype_block_bytes(t->type),
			            dtype_block(t->type), x);
			sum += x[0];
		}
	}
	if (!config_gguf(&c, &g, &f))
		check_config(&c);
	else
		assert(*f.text);
	gguf_close(&g);
	return 0;
}
