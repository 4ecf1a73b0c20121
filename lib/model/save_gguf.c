/* SPDX-License-Identifier: MIT */
/* save_gguf.c - pairs as llama.cpp loads them: tensors NAME.lora_a [rank x in] and NAME.lora_b
 * [out x rank] for each matrix NAME of a GGUF model, b's rows in the order of that file's rows;
 * alpha beside them, which it divides by each pair's rank: a scale that differs from that goes
 * into b.  (llama.cpp's convert_lora_to_gguf writes such files.)
 */
#include "save_gguf.h"

#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "../format/gguf.h"
#include "weights.h"

/* The slice's values, in GGUF's order. */
static struct gguf_tensor tensor_of(const struct params *a, const struct slice *s, const float *p)
{
	enum row_order order = s->pair == 'b' ? part_gguf_order(a->config, s->part) : ORDER_SAME;
	const struct lora *l = params_pair(a, s);
	float theirs = (float)(a->alpha / l->rank);
	float by = s->pair == 'a' || l->scale == theirs ? 1 : l->scale / theirs;
	float *to = xalloc(s->rows * s->cols * sizeof *to);

	for (long i = 0; i < s->rows; i++)
		for (long j = 0; j < s->cols; j++)
			to[weights_row(order, a->config, i) * s->cols + j] =
				by * p[s->at + i * s->cols + j];
	return (struct gguf_tensor){.name = xprintf("blk.%ld.%s.weight.lora_%c", s->layer,
	                                            s->part->gguf, s->pair),
	                            .type = DT_F32,
	                            .rank = 2,
	                            .shape = {s->cols, s->rows},
	                            .data = to,
	                            .bytes = s->rows * s->cols * sizeof *to};
}

void save_gguf_lora(const struct params *a, struct buf *out)
{
	const struct gguf_pair pairs[] = {
		{"general.architecture", a->config->family->gguf, 0},
		{"general.type", "adapter", 0},
		{"adapter.type", "lora", 0},
		{"adapter.lora.alpha", NULL, (float)a->alpha},
	};
	struct gguf_tensor *t = xalloc(a->slices * sizeof *t);
	float *p = xalloc(a->n * sizeof *p);

	params_get(a, p);
	for (int i = 0; i < a->slices; i++)
		t[i] = tensor_of(a, &a->slice[i], p);
	gguf_write(out, pairs, sizeof pairs / sizeof *pairs, t, a->slices);
	for (int i = 0; i < a->slices; i++) {
		free((char *)t[i].name);
		free((void *)t[i].data);
	}
	free(t);
	free(p);
}
