/* SPDX-License-Identifier: MIT */
/* lora_gguf.c - an adapter as llama.cpp loads it (its convert_lora_to_gguf writes such files):
 * pairs NAME.lora_a [rank x in], NAME.lora_b [out x rank], with the names of a GGUF
 * model's matrices and, in b, the order of their rows; alpha beside them. */
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "adapter.h"

struct export
{
	const struct adapter *a;
	const float *p;
	struct gguf_tensor *t;
	int n;
};

/* m: the gradient of it, which has its place and shape. */
static void add(struct export *e, long layer, const struct lora *l, struct mat m, char which,
                enum row_order order)
{
	const float *from = e->p + ((float *)m.p - e->a->g);
	float *to = xalloc(m.rows * m.cols * sizeof *to);

	for (long i = 0; i < m.rows; i++)
		memcpy(to + weights_row(order, e->a->config, i) * m.cols, from + i * m.cols,
		       m.cols * sizeof *to);
	e->t = xrealloc(e->t, (e->n + 1) * sizeof *e->t);
	e->t[e->n++] = (struct gguf_tensor){.name = xprintf("blk.%ld.%s.weight.lora_%c", layer,
	                                                    l->part->gguf, which),
	                                    .type = DT_F32,
	                                    .rank = 2,
	                                    .shape = {m.cols, m.rows},
	                                    .data = to,
	                                    .bytes = m.rows * m.cols * sizeof *to};
}

void adapter_write_gguf(const struct adapter *a, struct buf *out)
{
	const struct config *c = a->config;
	const struct gguf_pair pairs[] = {{"general.architecture", c->family->gguf, 0},
	                                  {"general.type", "adapter", 0},
	                                  {"adapter.type", "lora", 0},
	                                  {"adapter.lora.alpha", NULL, (float)a->alpha}};
	float *p = xalloc(a->n * sizeof *p);
	struct export e = {.a = a, .p = p};

	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
	for (long i = 0; i < c->layers; i++)
		for (int s = 0; s < SITES; s++)
			for (int k = 0; k < a->site[i][s].n; k++) {
				const struct lora *l = &a->site[i][s].pair[k];

				add(&e, i, l, l->da, 'a', AS_STORED);
				add(&e, i, l, l->db, 'b', net_gguf_order(c, l->part));
			}
	gguf_write(out, pairs, sizeof pairs / sizeof *pairs, e.t, e.n);
	for (int i = 0; i < e.n; i++) {
		free((char *)e.t[i].name);
		free((void *)e.t[i].data);
	}
	free(e.t);
	free(p);
}
