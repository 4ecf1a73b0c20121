/* SPDX-License-Identifier: MIT */
/* config.c - see config.h. */
#include "config_read.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

void config_site(const struct config *c, enum site s, long *in, long *out)
{
	long o = (long)c->heads.q * c->heads.dim;

	*in = s == SITE_OUT ? o : s == SITE_DOWN ? c->ffn : c->dim;
	*out = s == SITE_QKV ? c->qkv : s == SITE_UP ? (1 + c->act.gated) * c->ffn : c->dim;
}

void config_extent(const struct config *c, const struct part *p, long *first, long *cols)
{
	long in, out, q = (long)c->heads.q * c->heads.dim, kv = (long)c->heads.kv * c->heads.dim;

	config_site(c, p->site, &in, &out);
	*first = 0;
	*cols = out;
	switch (p->extent) {
	case EXTENT_WHOLE: break;
	case EXTENT_QUERY: *cols = q; break;
	case EXTENT_KEY:
		*first = q;
		*cols = kv;
		break;
	case EXTENT_VALUE:
		*first = q + kv;
		*cols = kv;
		break;
	case EXTENT_GATE: *cols = c->ffn; break;
	case EXTENT_UP:
		*first = c->ffn;
		*cols = c->ffn;
		break;
	}
}

struct heads config_heads(const struct config *c, long layer)
{
	struct heads h = c->heads;

	if (!c->local[layer])
		h.window = 0;
	return h;
}

struct norm config_norm(const struct config *c, enum norm_role role, long *cols)
{
	struct norm n = c->norm;
	int heads = role == NORM_QUERY ? c->heads.q : c->heads.kv;

	n.heads = 1;
	n.stride = 0;
	*cols = c->dim;
	if (role != NORM_QUERY && role != NORM_KEY)
		return n;
	if (c->family->row_norms) {
		*cols = (long)heads * c->heads.dim;
		return n;
	}
	*cols = c->heads.dim;
	n.heads = heads;
	n.stride = c->heads.dim;
	return n;
}

static int sizes(const struct config *c, struct fault *f)
{
	const struct heads *h = &c->heads;
	const long most = 1L << 24;

	if (c->vocab < 1 || c->vocab > most || c->dim < 1 || c->dim > most || c->layers < 1 ||
	    c->layers > CONFIG_LAYERS || c->ffn < 1 || c->ffn > most)
		return fault(f,
		             "vocabulary %ld, width %ld, layers %ld, feed-forward %ld: not a "
		             "model's sizes",
		             c->vocab, c->dim, c->layers, c->ffn);
	if (h->q < 1 || h->kv < 1 || h->q % h->kv || h->dim < 1 || h->dim > 4096 ||
	    (long)h->q * h->dim > most)
		return fault(f, "%d heads of %d over %d key heads: not an attention's sizes", h->q,
		             h->dim, h->kv);
	if (!(c->norm.eps > 0 && c->norm.eps < 1))
		return fault(f, "norm epsilon %g", c->norm.eps);
	return 0;
}

static int rotary(struct config *c, double share, struct fault *f)
{
	if (!(share > 0 && share <= 1))
		return fault(f, "rotary columns: %g of a head's", share);
	c->rotary = (int)(c->heads.dim * share);
	if (c->rotary < 2 || c->rotary > c->heads.dim || c->rotary % 2)
		return fault(f, "rotary columns: %d of a head's %d", c->rotary, c->heads.dim);
	return 0;
}

static void place_heads(struct config *c)
{
	struct heads *h = &c->heads;

	h->q_stride = h->kv_stride = h->dim;
	c->k_at = (long)h->q * h->dim;
	c->v_at = c->k_at + (long)h->kv * h->dim;
	c->qkv = c->v_at + (long)h->kv * h->dim;
	if (c->family->interleaved) {
		h->q_stride = h->kv_stride = 3L * h->dim;
		c->k_at = h->dim;
		c->v_at = 2L * h->dim;
	}
}

/* What the model's numbers mean for its computations. */
static int scales(struct config *c, const double n[NUMBERS], struct fault *f)
{
	for (int i = 0; i < NUMBERS; i++)
		if (!isfinite(n[i]) || n[i] < 0 || n[i] > 1e30)
			return fault(f, "a scale or cap of %g", n[i]);
	c->embed_scale = (float)((n[NUMBER_EMBED] > 0 ? n[NUMBER_EMBED] : 1) *
	                         (c->family->embed_root ? sqrt(c->dim) : 1));
	c->heads.scale = (float)(n[NUMBER_ATTN] > 0    ? n[NUMBER_ATTN]
	                         : n[NUMBER_QUERY] > 0 ? 1 / sqrt(n[NUMBER_QUERY])
	                                               : 1 / sqrt(c->heads.dim));
	c->residual_scale = (float)(n[NUMBER_RESIDUAL] > 0 ? n[NUMBER_RESIDUAL] : 1);
	c->logit_scale = (float)(n[NUMBER_LOGIT] > 0 ? 1 / n[NUMBER_LOGIT] : 1);
	c->heads.cap = (float)n[NUMBER_ATTN_CAP];
	c->logit_cap = (float)n[NUMBER_LOGIT_CAP];
	return 0;
}

int config_settle(struct config *c, double rotary_share, const double number[NUMBERS],
                  struct fault *f)
{
	c->norm.heads = 1;
	c->norm.rms = !c->family->layer_norm;
	if (sizes(c, f) || rotary(c, rotary_share, f) || scales(c, number, f))
		return -1;
	place_heads(c);
	return 0;
}

void config_layers(struct config *c, long full_every)
{
	for (long i = 0; i < c->layers; i++)
		c->local[i] = !(full_every && (i + 1) % full_every == 0);
}

/* One array of positions serves both tables, so their entries have to stand for the same ones. */
int config_ropes(const struct config *c, struct fault *f)
{
	for (int i = 0; i < c->ropes; i++) {
		if (rope_check(&c->rope[i], f))
			return -1;
		if (c->rope[i].original != c->rope[0].original)
			return fault(f, "longrope is not supported where layers with a window have "
			                "a rotary base of their own");
	}
	return 0;
}

int config_act(struct config *c, const char *name, struct fault *f)
{
	static const struct {
		const char *name;
		enum act_function f;
	} known[] = {
		{"silu", ACT_SILU},           {"swish", ACT_SILU},
		{"gelu", ACT_GELU},           {"gelu_new", ACT_GELU_TANH},
		{"gelu_fast", ACT_GELU_TANH}, {"gelu_pytorch_tanh", ACT_GELU_TANH},
	};

	for (size_t i = 0; i < sizeof known / sizeof *known; i++)
		if (!strcmp(name, known[i].name)) {
			c->act = (struct act){known[i].f, c->family->gated};
			return 0;
		}
	return fault(f, "%s \"%.40s\" is not supported", c->family->act_key, name);
}

int config_unknown(struct fault *f, const char *key, const char *name)
{
	char known[256] = "";

	for (const struct family *m = families(); m->name; m++)
		snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
		         m == families() ? "" : ", ", m->name);
	return fault(f, "%s \"%.60s\" is not a model family that seal knows (%s)", key, name,
	             known);
}
