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

	if (v && v->kind == GGUF_ARRAY)
		return fault(f, "%s is an array, not a number", name);
	return v && v->kind == GGUF_TEXT ? fault(f, "%s is not a number", name) : 0;
}

/* A number, or a list of one for each layer, which must be equal. */
static int of_layers(const struct metadata *m, const char *key, long layers, long *n,
                     struct fault *f)
{
	char name[96];
	const struct gguf_value *v = gguf_find(m->file, full_key(m, key, name));

	if (!v || v->kind != GGUF_ARRAY || v->of != GGUF_INT) {
		*n = whole(m, key, *n);
		return check_number(m, key, f);
	}
	if (v->count != layers || layers < 1)
		return fault(f, "%s is an array of %ld numbers for %ld layers", name, v->count,
		             layers);
	*n = (long)gguf_item(v, 0);
	for (long i = 1; i < layers; i++)
		if ((long)gguf_item(v, i) != *n)
			return fault(f,
			             "%s is an array of numbers that differ from layer to layer, "
			             "which is not supported",
			             name);
	return 0;
}

static int check_types(const struct metadata *m, const struct family *family, struct fault *f)
{
	static const char *const key[] = {
		"vocab_size",
		"embedding_length",
		"block_count",
		"context_length",
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

static int is_number_of(const struct family *y, const char *key)
{
	for (int i = 0; i < NUMBERS; i++)
		if (y->number[i].gguf && !strcmp(y->number[i].gguf, key))
			return 1;
	return 0;
}

/* Keys that other architectures compute with, and the value that changes nothing. */
static int check_others(const struct metadata *m, const struct family *y, struct fault *f)
{
	static const struct {
		const char *key;
		double neutral;
	} other[] = {
		{"pooling_type", 0}, /* a model of embeddings */
		{"attention.scale", 0},
		{"attention.clamp_kqv", 0},
		{"attention.max_alibi_bias", 0},
		{"attention.temperature_length", 0},
		{"attention.temperature_scale", 0},
		{"attn_logit_softcapping", 0},
		{"final_logit_softcapping", 0},
		{"embedding_scale", 1},
		{"residual_scale", 1},
		{"logit_scale", 1},
		{"rope.scaling.alpha", 0},
		{"rope.scaling.yarn_log_multiplier", 0},
		{"rope.scaling.yarn_ext_factor", 1},
		{"rope.scaling.yarn_attn_factor", 1},
		{"rope.scaling.yarn_beta_fast", 32},
		{"rope.scaling.yarn_beta_slow", 1},
		{0},
	};
	char name[96];

	for (int i = 0; other[i].key; i++) {
		if (is_number_of(y, other[i].key))
			continue;
		if (check_number(m, other[i].key, f))
			return -1;
		if (real(m, other[i].key, other[i].neutral) != other[i].neutral)
			return fault(f, "%s %g is not supported", full_key(m, other[i].key, name),
			             real(m, other[i].key, 0));
	}
	if (gguf_find(m->file, full_key(m, "classifier.output_labels", name)))
		return fault(f, "%s: a classifier is not supported", name);
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

/* 1: the file has tensors of longrope, which are read. */
static int longrope(struct rope *r, const struct metadata *m, double original, struct fault *f)
{
	static const char brief[] = "rope_factors_short.weight",
			  lengthy[] = "rope_factors_long.weight";

	if (!gguf_tensor(m->file, lengthy) && !gguf_tensor(m->file, brief))
		return 0;
	/* the long ones first: the short ones replace the plain rates */
	return factors(r, r->rate[1], m->file, lengthy, f) ||
	                       factors(r, r->rate[0], m->file, brief, f) ||
	                       rope_longrope(r, original, 1, 1, f)
	               ? -1
	               : 1;
}

/* rope.scaling.type, linear where it is not said. */
static int scaling_type(const struct metadata *m, char kind[48], struct fault *f)
{
	char key[96];
	const struct gguf_value *v = gguf_find(m->file, full_key(m, "rope.scaling.type", key));

	if (v && v->kind != GGUF_TEXT)
		return fault(f, "%s is not text", key);
	snprintf(kind, 48, "linear");
	if (v)
		snprintf(kind, 48, "%.*s", (int)(v->n < 40 ? v->n : 40), v->text);
	if (strcmp(kind, "none") && strcmp(kind, "linear") && strcmp(kind, "yarn") &&
	    strcmp(kind, "longrope"))
		return fault(f, "%s \"%s\" is not supported (none, linear, yarn, longrope)", key,
		             kind);
	return 0;
}

/* What multiplies sines and cosines, besides what yarn says. */
static int amplitude(struct rope *r, const struct metadata *m, struct fault *f)
{
	double by = real(m, "rope.scaling.attn_factor", 1);

	if (!(by > 0) || !isfinite(by))
		return fault(f, "%s.rope.scaling.attn_factor %g", m->arch, by);
	r->amplitude *= (float)by;
	return 0;
}

/* GGUF says llama3's scaling as a tensor of factors.  The types differ in what is done with
 * rope.scaling.factor: nothing, division of all rates, or yarn. */
static int scaled(struct rope *r, int pairs, const struct metadata *m, double theta,
                  struct fault *f)
{
	static const char llama3[] = "rope_freqs.weight";
	double factor = real(m, "rope.scaling.factor", real(m, "rope.scale_linear", 0));
	double original =
		real(m, "rope.scaling.original_context_length", real(m, "context_length", 0));
	char kind[48];
	int has;

	if (scaling_type(m, kind, f) || rope_begin(r, pairs, theta, f))
		return -1;
	if (gguf_tensor(m->file, llama3) && factors(r, r->rate[0], m->file, llama3, f))
		return -1;
	has = longrope(r, m, original, f);
	if (has < 0)
		return -1;
	if (!has && !strcmp(kind, "longrope"))
		return fault(f, "rope_factors_long.weight is missing");
	if (factor != 0 && !strcmp(kind, "yarn") && rope_yarn(r, theta, factor, original, f))
		return -1;
	if (factor != 0 && strcmp(kind, "yarn") && strcmp(kind, "none") &&
	    rope_linear(r, factor, f))
		return -1;
	return amplitude(r, m, f);
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
	if (c->ropes > 1 && !y->local_theta && scaled(&c->rope[1], pairs, m, local, f))
		return -1;
	if (c->ropes > 1 && y->local_theta &&
	    (rope_begin(&c->rope[1], pairs, local, f) || amplitude(&c->rope[1], m, f)))
		return -1;
	return config_ropes(c, f);
}

static int sizes(struct config *c, const struct metadata *m, struct fault *f)
{
	const struct gguf_value *tokens = gguf_find(m->file, "tokenizer.ggml.tokens");
	long window = whole(m, "attention.sliding_window", c->family->gguf_window);
	long heads = 0, kv;

	c->vocab = whole(m, "vocab_size", tokens ? tokens->count : 0);
	c->dim = whole(m, "embedding_length", 0);
	c->layers = whole(m, "block_count", 0);
	if (of_layers(m, "feed_forward_length", c->layers, &c->ffn, f) ||
	    of_layers(m, "attention.head_count", c->layers, &heads, f))
		return -1;
	kv = heads;
	if (of_layers(m, "attention.head_count_kv", c->layers, &kv, f))
		return -1;
	c->heads.q = config_count(heads);
	c->heads.kv = config_count(kv);
	if (c->heads.q > 0)
		c->heads.dim = config_count(whole(m, "attention.key_length", c->dim / c->heads.q));
	c->heads.window = window > 0 && window < WINDOW_NONE ? (int)window : 0;
	c->context = whole(m, "context_length", 0);
	return 0;
}

/* general.type: files of other things than models are GGUF as well. */
static int check_model(const struct gguf *g, const char *arch, struct fault *f)
{
	static const char images[] = "the part of a model that reads images (mmproj), "
				     "not the text model";
	const struct gguf_value *v = gguf_find(g, "general.type");
	char type[64] = "model";

	if (v && v->kind == GGUF_TEXT)
		snprintf(type, sizeof type, "%.*s", (int)(v->n < 60 ? v->n : 60), v->text);
	if (!strcmp(type, "adapter") || gguf_find(g, "adapter.type"))
		return fault(f, "is an adapter, not a model: adapters are read as PEFT folders");
	if (!strcmp(type, "mmproj") || !strcmp(arch, "clip"))
		return fault(f, "is %s", images);
	return strcmp(type, "model") != 0 ? fault(f, "general.type \"%s\" is not a model", type)
	                                  : 0;
}

/* The norms' epsilon, without which llama.cpp loads no model either. */
static int epsilon(struct config *c, const struct metadata *m, struct fault *f)
{
	const char *key = c->family->layer_norm ? "attention.layer_norm_epsilon"
	                                        : "attention.layer_norm_rms_epsilon";
	char name[96];

	if (!gguf_find(m->file, full_key(m, key, name)))
		return fault(f, "%s is missing", name);
	c->norm.eps = (float)real(m, key, 0);
	c->norm.offset = c->family->gain_offset;
	return 0;
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

/* The rest, once the family is known. */
static int read(struct config *c, const struct metadata *m, struct fault *f)
{
	const struct family *y = c->family;
	double share, number[NUMBERS];
	long every;

	if (check_types(m, y, f) || check_settings(m, y, f) || check_others(m, y, f) ||
	    sizes(c, m, f) || epsilon(c, m, f))
		return -1;
	c->head = y->head;
	c->parallel = y->parallel && whole(m, y->parallel, 1);
	c->tied = !gguf_tensor(m->file, "output.weight");
	for (int s = 0; s < SITES; s++)
		c->bias[s] = 1;
	numbers(number, m, y);
	if (y->gguf_wide == c->layers && c->heads.q > 0)
		number[NUMBER_QUERY] = (double)c->dim / c->heads.q;
	if (config_act(c, y->act, f))
		return -1;
	if (c->heads.dim < 1)
		return fault(f, "%s.attention.head_count is missing", m->arch);
	if (whole(m, "attention.value_length", c->heads.dim) != c->heads.dim)
		return fault(f, "%s.attention.value_length other than key_length is not supported",
		             m->arch);
	share = (double)whole(m, "rope.dimension_count", c->heads.dim) / c->heads.dim;
	every = whole(m, "attention.sliding_window_pattern", y->full_every);
	if (every < 0)
		return fault(f, "%s.attention.sliding_window_pattern %ld", m->arch, every);
	if (config_settle(c, share, number, f))
		return -1;
	if (c->heads.window)
		config_layers(c, every);
	return ropes(c, m, f);
}

int config_gguf(struct config *c, const struct gguf *g, struct fault *f)
{
	char type[64];
	const struct family *y = find_family(g, type);
	const struct metadata m = {g, y->gguf};

	memset(c, 0, sizeof *c);
	if (check_model(g, type, f))
		return -1;
	if (!y->name)
		return config_unknown(f, "general.architecture", type);
	c->family = y;
	return read(c, &m, f);
}
