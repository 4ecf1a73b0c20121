/* SPDX-License-Identifier: MIT */
/* roles.c - every tensor of a model: its names, its shape and its place. */
#include "roles.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"

struct walk {
	const struct config *c;
	enum dtype type;
	net_fn *f;
	void *ctx;
};

/* Visits the tensor whose names are the role's with ".weight" or ".bias" behind them. */
static void visit(const struct walk *k, struct mat *at, struct tensor_role r, const char *suffix)
{
	size_t hf = strlen(r.hf), gguf = strlen(r.gguf);

	snprintf(r.hf + hf, sizeof r.hf - hf, ".%s", suffix);
	snprintf(r.gguf + gguf, sizeof r.gguf - gguf, ".%s", suffix);
	k->f(k->ctx, &r, at);
}

static void vector(const struct walk *k, struct mat *at, struct tensor_role r, const char *suffix,
                   long n, enum need need)
{
	r.rows = 1;
	r.cols = n;
	r.type = DT_F32;
	r.need = need;
	r.part = NULL;
	visit(k, at, r, suffix);
}

static void matrix(const struct walk *k, struct mat *at, struct tensor_role r, long rows, long cols)
{
	r.rows = rows;
	r.cols = cols;
	r.type = k->type;
	visit(k, at, r, "weight");
}

static struct tensor_role outside(const char *hf, const char *gguf)
{
	struct tensor_role r = {.layer = -1};

	snprintf(r.hf, sizeof r.hf, "%s", hf);
	snprintf(r.gguf, sizeof r.gguf, "%s", gguf);
	return r;
}

static struct tensor_role within(const struct config *c, long layer, const char *hf,
                                 const char *gguf)
{
	struct tensor_role r = {.layer = layer};
	char block[64];

	snprintf(block, sizeof block, c->family->block, layer);
	snprintf(r.hf, sizeof r.hf, "%s.%s", block, hf);
	snprintf(r.gguf, sizeof r.gguf, "blk.%ld.%s", layer, gguf);
	return r;
}

static void norm(const struct walk *k, struct gains *g, struct tensor_role r, long cols)
{
	r.gguf_more = k->c->norm.offset;
	vector(k, &g->gain, r, "weight", cols, NEED_MUST);
	r.gguf_more = 0;
	if (k->c->family->layer_norm)
		vector(k, &g->bias, r, "bias", cols, NEED_MUST);
}

enum row_order part_gguf_order(const struct config *c, const struct part *p)
{
	if (c->family->interleaved && p->site == SITE_QKV)
		return ORDER_SEPARATE;
	if (c->family->gguf_rotated && (p->extent == EXTENT_QUERY || p->extent == EXTENT_KEY))
		return ORDER_ROTATED;
	return ORDER_SAME;
}

static void block(const struct walk *k, struct layer *l, long i)
{
	static const char *const gguf[NORM_ROLES] = {
		[NORM_PRE_ATTN] = "attn_norm", [NORM_POST_ATTN] = "post_attention_norm",
		[NORM_PRE_MLP] = "ffn_norm",   [NORM_POST_MLP] = "post_ffw_norm",
		[NORM_QUERY] = "attn_q_norm",  [NORM_KEY] = "attn_k_norm",
	};
	const struct config *c = k->c;
	int n[SITES] = {0};
	long in, out, first, cols;

	for (int r = 0; r < NORM_ROLES; r++) {
		if (!c->family->norm[r])
			continue;
		config_norm(c, r, &cols);
		norm(k, &l->norm[r], within(c, i, c->family->norm[r], gguf[r]), cols);
	}
	for (const struct part *p = c->family->part; p->module; p++) {
		struct linear_part *q = &l->at[p->site].part[n[p->site]++];
		struct tensor_role r = within(c, i, p->module, p->gguf);

		config_site(c, p->site, &in, &out);
		config_extent(c, p, &first, &cols);
		r.part = p;
		r.gguf_order = part_gguf_order(c, p);
		matrix(k, &q->w, r, cols, in);
		vector(k, &q->bias, r, "bias", cols, c->bias[p->site] ? NEED_MAY : NEED_NONE);
	}
}

void net_each(struct net *n, const struct config *c, enum dtype type, net_fn *f, void *ctx)
{
	const struct walk k = {c, type, f, ctx};

	matrix(&k, &n->embed, outside(c->family->embed, "token_embd"), c->vocab, c->dim);
	if (c->tied)
		n->head = n->embed;
	else
		matrix(&k, &n->head, outside(c->head, "output"), c->vocab, c->dim);
	norm(&k, &n->final, outside(c->family->final_norm, "output_norm"), c->dim);
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
			long cols;

			config_extent(c, p, &l->part[l->n++].first, &cols);
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
