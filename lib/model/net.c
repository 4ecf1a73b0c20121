/* SPDX-License-Identifier: MIT */
/* net.c - every tensor of a model: its names, its shape and its place. */
#include "net.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

struct walk {
	const struct config *c;
	enum dtype type;
	net_fn *f;
	void *ctx;
};

/* What lies at one place of the model: names without their last part. */
struct spot {
	char hf[128], gguf[64];
	long layer;
	const struct part *part;
	enum row_order order;
};

static void vector(const struct walk *k, struct mat *at, const struct spot *s, const char *suffix,
                   long n, enum need need)
{
	struct wanted w = {.rows = 1,
	                   .cols = n,
	                   .type = DT_F32,
	                   .gguf_order = s->order,
	                   .need = need,
	                   .layer = s->layer};

	snprintf(w.hf, sizeof w.hf, "%s.%s", s->hf, suffix);
	snprintf(w.gguf, sizeof w.gguf, "%s.%s", s->gguf, suffix);
	k->f(k->ctx, &w, at);
}

static void matrix(const struct walk *k, struct mat *at, const struct spot *s, long rows, long cols)
{
	struct wanted w = {.rows = rows,
	                   .cols = cols,
	                   .type = k->type,
	                   .gguf_order = s->order,
	                   .layer = s->layer,
	                   .part = s->part};

	snprintf(w.hf, sizeof w.hf, "%s.weight", s->hf);
	snprintf(w.gguf, sizeof w.gguf, "%s.weight", s->gguf);
	k->f(k->ctx, &w, at);
}

static struct spot outside(const char *hf, const char *gguf)
{
	struct spot s = {.layer = -1};

	snprintf(s.hf, sizeof s.hf, "%s", hf);
	snprintf(s.gguf, sizeof s.gguf, "%s", gguf);
	return s;
}

static struct spot within(const struct config *c, long layer, const char *hf, const char *gguf)
{
	struct spot s = {.layer = layer};
	char block[64];

	snprintf(block, sizeof block, c->family->block, layer);
	snprintf(s.hf, sizeof s.hf, "%s.%s", block, hf);
	snprintf(s.gguf, sizeof s.gguf, "blk.%ld.%s", layer, gguf);
	return s;
}

static void norm(const struct walk *k, struct mat *gain, struct mat *bias, struct spot s)
{
	vector(k, gain, &s, "weight", k->c->dim, MUST);
	if (!k->c->family->rms)
		vector(k, bias, &s, "bias", k->c->dim, MUST);
}

enum row_order net_gguf_order(const struct config *c, const struct part *p)
{
	if (c->family->interleaved && p->site == QKV)
		return SEPARATE;
	if (c->family->gguf_rotated && (p->extent == QUERY || p->extent == KEY))
		return ROTATED;
	return AS_STORED;
}

static void block(const struct walk *k, struct layer *l, long i)
{
	const struct config *c = k->c;
	int n[SITES] = {0};

	norm(k, &l->gain1, &l->bias1, within(c, i, c->family->norm1, "attn_norm"));
	norm(k, &l->gain2, &l->bias2, within(c, i, c->family->norm2, "ffn_norm"));
	for (const struct part *p = c->family->part; p->module; p++) {
		struct linear_part *q = &l->at[p->site].part[n[p->site]++];
		struct spot s = within(c, i, p->module, p->gguf);
		long in, out, first, rows;

		config_site(c, p->site, &in, &out);
		config_extent(c, p, &first, &rows);
		s.part = p;
		s.order = net_gguf_order(c, p);
		matrix(k, &q->w, &s, rows, in);
		vector(k, &q->bias, &s, "bias", rows, c->bias[p->site] ? MAY : MUST_NOT);
	}
}

void net_each(struct net *n, const struct config *c, enum dtype type, net_fn *f, void *ctx)
{
	const struct walk k = {c, type, f, ctx};
	struct spot embed = outside(c->family->embed, "token_embd"),
		    head = outside(c->head, "output");

	matrix(&k, &n->embed, &embed, c->vocab, c->dim);
	if (c->tied)
		n->head = n->embed;
	else
		matrix(&k, &n->head, &head, c->vocab, c->dim);
	norm(&k, &n->gain, &n->bias, outside(c->family->final_norm, "output_norm"));
	for (long i = 0; i < c->layers; i++)
		block(&k, &n->layer[i], i);
}

void net_open(struct net *n, const struct config *c)
{
	memset(n, 0, sizeof *n);
	n->layer = xzalloc(c->layers, sizeof *n->layer);
	for (long i = 0; i < c->layers; i++)
		for (const struct part *p = c->family->part; p->module; p++) {
			struct linear *l = &n->layer[i].at[p->site];
			long rows;

			config_extent(c, p, &l->part[l->n++].first, &rows);
		}
}

void net_like(struct net *n, const struct net *m, const struct config *c)
{
	*n = *m;
	n->layer = xalloc(c->layers * sizeof *n->layer);
	memcpy(n->layer, m->layer, c->layers * sizeof *n->layer);
}

void net_close(struct net *n)
{
	free(n->layer);
	n->layer = NULL;
}
