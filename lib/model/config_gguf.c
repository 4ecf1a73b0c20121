/* SPDX-License-Identifier: MIT */
/* config_gguf.c - a model's configuration from the metadata of a GGUF file, whose keys begin
 * with the architecture's name.  What a key means where it is absent is llama.cpp's default.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "config_read.h"

struct metadata {
	const struct gguf *file;
	const char *arch;
};

static const char *full_key(const struct metadata *m, const char *key, char into[96])
{
	snprintf(into, 96, "%s.%s", m->arch, key);
	return into;
}

static long whole(const struct metadata *m, const char *key, long otherwise)
{
	char name[96];

	return gguf_int(m->file, full_key(m, key, name), otherwise);
}

static double real(const struct metadata *m, const char *key, double otherwise)
{
	char name[96];

	return gguf_real(m->file, full_key(m, key, name), otherwise);
}

/* A list, as of models whose layers differ, or text would count as missing. */
static int check_number(const struct metadata *m, const char *key, struct fault *f)
{
	char name[96];
	const struct gguf_value *v = gguf_find(m->file, full_key(m, key, name));

	if (v && (v->kind == GGUF_TEXT || v->kind == GGUF_ARRAY))
		return fault(f, "%s is not a number", name);
	return 0;
}

static int check_types(const struct metadata *m, const struct family *family, struct fault *f)
{
	static const char *const key[] = {
		"vocab_size",
		"embedding_length",
		"block_count",
		"feed_forward_length",
		"context_length",
		"attention.head_count",
		"attention.head_count_kv",
		"attention.key_length",
		"attention.value_length",
		"attention.sliding_window",
		"attention.sliding_window_pattern",
		"attention.causal",
		"expert_count",
		"attention.layer_norm_rms_epsilon",
		"attention.layer_norm_epsilon",
		"use_parallel_residual",
		"rope.dimension_count",
		"rope.freq_base",
		"rope.freq_base_swa",
		"rope.scale_linear",
		"rope.scaling.factor",
		"rope.scaling.finetuned",
		"rope.scaling.original_context_length",
		"rope.scaling.attn_factor",
		NULL,
	};

	for (int i = 0; key[i]; i++)
		if (check_number(m, key[i], f))
			return -1;
	for (int i = 0; i < NUMBERS; i++)
		if (family->number[i].gguf && check_number(m, family->number[i].gguf, f))
			return -1;
	return 0;
}

/* What would be computed otherwise than the file means it. */
static int check_settings(const struct metadata *m, const struct family *y, struct fault *f)
{
	if (whole(m, "expert_count", 0))
		return fault(f, "%s.expert_count: mixtures of experts are not supported", m->arch);
	if (!whole(m, "attention.causal", 1))
		return fault(f, "%s.attention.causal: attention to later tokens is not supported",
		             m->arch);
	if (y->gguf_unrotated && !whole(m, "rope.scaling.finetuned", 1))
		return fault(f,
		             "%s.rope.scaling.finetuned: a model without rotary positions is "
		             "not supported",
		             m->arch);
	if (!y->gguf_window && whole(m, "attention.sliding_window", 0) > 0)
		return fault(f, "%s.attention.sliding_window is not supported", m->arch);
	return 0;
}

static void numbers(double into[NUMBERS], const struct metadata *m, const struct family *family)
{
	for (int i = 0; i < NUMBERS; i++) {
		const struct number_key *k = &family->number[i];

		into[i] = k->gguf ? real(m, k->gguf, k->gguf_default) : 0;
	}
}

static int factors(struct rope *r, double *into, const struct gguf *g, const char *name,
                   struct fault *f)
{
	const struct gguf_tensor *t = gguf_tensor(g, name);
	float by[ROPE_PAIRS];

	if (!t || t->rank != 1 || t->shape[0] != r->pairs || t->type == DT_TYPES ||
	    dtype_block(t->type) != 1)
		return fault(f, "%s is not a vector of %d factors", name, r->pairs);
	dtype_decode(t->type, t->data, r->pairs, by);
	for (int j = 0; j < r->pairs; j++)
		if (rope_divide(r, into, j, by[j], name, f))
			return -1;
	return 0;
}

static int longrope(struct rope *r, const struct metadata *m, const char *kind, struct fault *f)
{
	static const char brief[] = "rope_factors_short.weight",
			  lengthy[] = "rope_factors_long.weight";
	double original = real(m, "rope.scaling.original_context_length", 0);

	if (!gguf_tensor(m->file, lengthy) && !gguf_tensor(m->file, brief))
		return strcmp(kind, "longrope") ? 0 : fault(f, "%s is missing", lengthy);
	if (factors(r, r->rate[1], m->file, lengthy, f) ||
	    factors(r, r->rate[0], m->file, brief, f))
		return -1;
	return rope_longrope(r, original, real(m, "context_length", original) / original,
	                     real(m, "rope.scaling.attn_factor", 0), f);
}

/* GGUF says llama3's scaling as a tensor of factors. */
static int scaled(struct rope *r, int pairs, const struct metadata *m, double theta,
                  struct fault *f)
{
	static const char llama3[] = "rope_freqs.weight";
	double factor = real(m, "rope.scaling.factor", real(m, "rope.scale_linear", 0));
	char key[96], kind[48];
	const struct gguf_value *v = gguf_find(m->file, full_key(m, "rope.scaling.type", key));

	if (v && v->kind != GGUF_TEXT)
		return fault(f, "%s is not text", key);
	snprintf(kind, sizeof kind, "%s", factor != 0 ? "linear" : "none");
	if (v)
		snprintf(kind, sizeof kind, "%.*s", (int)(v->n < 40 ? v->n : 40), v->text);
	if (rope_begin(r, pairs, theta, f))
		return -1;
	if (gguf_tensor(m->file, llama3) && factors(r, r->rate[0], m->file, llama3, f))
		return -1;
	if (!strcmp(kind, "linear"))
		return rope_linear(r, factor, f);
	if (strcmp(kind, "none") && strcmp(kind, "longrope"))
		return fault(f, "rope scaling \"%s\" is not supported (none, linear, longrope)",
		             kind);
	return longrope(r, m, kind, f);
}

/* Local layers with a base of their own, as Gemma-3's, are not scaled. */
static int ropes(struct config *c, const struct metadata *m, struct fault *f)
{
	const struct family *y = c->family;
	double theta = real(m, "rope.freq_base", 1e4);
	double local = real(m, "rope.freq_base_swa", y->local_theta ? y->local_default : theta);
	int pairs = c->rotary / 2;

	c->ropes = y->local_theta || local != theta ? 2 : 1;
	if (scaled(&c->rope[0], pairs, m, theta, f))
		return -1;
	if (c->ropes > 1 && (y->local_theta ? rope_begin(&c->rope[1], pairs, local, f)
	                                    : scaled(&c->rope[1], pairs, m, local, f)))
		return -1;
	return config_ropes(c, f);
}

static void sizes(struct config *c, const struct metadata *m)
{
	const struct gguf_value *tokens = gguf_find(m->file, "tokenizer.ggml.tokens");
	long window = whole(m, "attention.sliding_window", c->family->gguf_window);

	c->vocab = whole(m, "vocab_size", tokens ? tokens->count : 0);
	c->dim = whole(m, "embedding_length", 0);
	c->layers = whole(m, "block_count", 0);
	c->ffn = whole(m, "feed_forward_length", 0);
	c->heads.q = config_count(whole(m, "attention.head_count", 0));
	c->heads.kv = config_count(whole(m, "attention.head_count_kv", c->heads.q));
	if (c->heads.q > 0)
		c->heads.dim = config_count(whole(m, "attention.key_length", c->dim / c->heads.q));
	c->heads.window = window > 0 && window < WINDOW_NONE ? (int)window : 0;
	c->context = whole(m, "context_length", 0);
}

static const struct family *find_family(const struct gguf *g, char type[64])
{
	const struct gguf_value *arch = gguf_find(g, "general.architecture");
	const struct family *m = families();

	*type = 0;
	if (arch && arch->kind == GGUF_TEXT)
		snprintf(type, 64, "%.*s", (int)(arch->n < 60 ? arch->n : 60), arch->text);
	while (m->name && strcmp(m->gguf, type))
		m++;
	return m;
}

int config_gguf(struct config *c, const struct gguf *g, struct fault *f)
{
	char type[64];
	const struct family *y = find_family(g, type);
	struct metadata m = {g, y->gguf};
	double share, number[NUMBERS];
	long every;

	memset(c, 0, sizeof *c);
	if (!y->name)
		return config_unknown(f, "general.architecture", type);
	if (check_types(&m, y, f) || check_settings(&m, y, f))
		return -1;
	c->family = y;
	c->head = y->head;
	sizes(c, &m);
	c->parallel = y->parallel && whole(&m, y->parallel, 1);
	c->tied = !gguf_tensor(g, "output.weight");
	for (int s = 0; s < SITES; s++)
		c->bias[s] = 1;
	c->norm.eps = (float)real(&m,
	                          y->layer_norm ? "attention.layer_norm_epsilon"
	                                        : "attention.layer_norm_rms_epsilon",
	                          1e-5);
	c->norm.offset = y->gain_offset;
	numbers(number, &m, y);
	if (y->gguf_wide == c->layers && c->heads.q > 0)
		number[NUMBER_QUERY] = (double)c->dim / c->heads.q;
	if (config_act(c, y->act, f))
		return -1;
	if (c->heads.dim < 1)
		return fault(f, "%s.attention.head_count is missing", m.arch);
	if (whole(&m, "attention.value_length", c->heads.dim) != c->heads.dim)
		return fault(f, "%s.attention.value_length other than key_length is not supported",
		             m.arch);
	share = (double)whole(&m, "rope.dimension_count", c->heads.dim) / c->heads.dim;
	every = whole(&m, "attention.sliding_window_pattern", y->full_every);
	if (every < 0)
		return fault(f, "%s.attention.sliding_window_pattern %ld", m.arch, every);
	if (config_settle(c, share, number, f))
		return -1;
	if (c->heads.window)
		config_layers(c, every);
	return ropes(c, &m, f);
}
