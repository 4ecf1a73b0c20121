/* SPDX-License-Identifier: MIT */
/* config.c - the table of families, and a model's shapes from its metadata. */
#include "config.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { LONGEST = 1 << 24 }; /* a window of so many tokens hides none */

static const struct part llama_part[] = {
	{QKV, "self_attn.q_proj", "attn_q", QUERY}, {QKV, "self_attn.k_proj", "attn_k", KEY},
	{QKV, "self_attn.v_proj", "attn_v", VALUE}, {OUT, "self_attn.o_proj", "attn_output", WHOLE},
	{UP, "mlp.gate_proj", "ffn_gate", GATE},    {UP, "mlp.up_proj", "ffn_up", GATED},
	{DOWN, "mlp.down_proj", "ffn_down", WHOLE}, {0},
};

static const struct part phi3_part[] = {
	{QKV, "self_attn.qkv_proj", "attn_qkv", WHOLE},
	{OUT, "self_attn.o_proj", "attn_output", WHOLE},
	{UP, "mlp.gate_up_proj", "ffn_up", WHOLE},
	{DOWN, "mlp.down_proj", "ffn_down", WHOLE},
	{0},
};

static const struct part neox_part[] = {
	{QKV, "attention.query_key_value", "attn_qkv", WHOLE},
	{OUT, "attention.dense", "attn_output", WHOLE},
	{UP, "mlp.dense_h_to_4h", "ffn_up", WHOLE},
	{DOWN, "mlp.dense_4h_to_h", "ffn_down", WHOLE},
	{0},
};

/* A GGUF file of Mistral calls itself llama, and is found as that. */
static const struct family families[] = {
	{
		.name = "llama",
		.gguf = "llama",
		.embed = "model.embed_tokens",
		.final_norm = "model.norm",
		.head = "lm_head",
		.block = "model.layers.%ld",
		.norm1 = "input_layernorm",
		.norm2 = "post_attention_layernorm",
		.part = llama_part,
		.targets = "q_proj,v_proj",
		.rms = 1,
		.gated = 1,
		.gguf_rotated = 1,
		.eps = 1e-6,
		.rope = {"rope_theta", 0},
		.bias = {{"attention_bias", 0},
                         {"attention_bias", 0},
                         {"mlp_bias", 0},
                         {"mlp_bias", 0}},
	},
	{
		.name = "mistral",
		.gguf = "llama",
		.embed = "model.embed_tokens",
		.final_norm = "model.norm",
		.head = "lm_head",
		.block = "model.layers.%ld",
		.norm1 = "input_layernorm",
		.norm2 = "post_attention_layernorm",
		.part = llama_part,
		.targets = "q_proj,v_proj",
		.rms = 1,
		.gated = 1,
		.gguf_rotated = 1,
		.window = 4096,
		.eps = 1e-6,
		.rope = {"rope_theta", 0},
	},
	{
		.name = "qwen2",
		.gguf = "qwen2",
		.embed = "model.embed_tokens",
		.final_norm = "model.norm",
		.head = "lm_head",
		.block = "model.layers.%ld",
		.norm1 = "input_layernorm",
		.norm2 = "post_attention_layernorm",
		.part = llama_part,
		.targets = "q_proj,v_proj",
		.rms = 1,
		.gated = 1,
		.eps = 1e-6,
		.rope = {"rope_theta", 0},
		.bias = {[QKV] = {NULL, 1}},
	},
	{
		.name = "phi3",
		.gguf = "phi3",
		.embed = "model.embed_tokens",
		.final_norm = "model.norm",
		.head = "lm_head",
		.block = "model.layers.%ld",
		.norm1 = "input_layernorm",
		.norm2 = "post_attention_layernorm",
		.part = phi3_part,
		.targets = "qkv_proj",
		.rms = 1,
		.gated = 1,
		.window = LONGEST,
		.eps = 1e-5,
		.share = "partial_rotary_factor",
		.rope = {"rope_theta", 4096},
	},
	{
		.name = "gpt_neox",
		.gguf = "gptneox",
		.embed = "gpt_neox.embed_in",
		.final_norm = "gpt_neox.final_layer_norm",
		.head = "embed_out",
		.block = "gpt_neox.layers.%ld",
		.norm1 = "input_layernorm",
		.norm2 = "post_attention_layernorm",
		.part = neox_part,
		.targets = "query_key_value",
		.interleaved = 1,
		.eps = 1e-5,
		.share = "rotary_pct",
		.rope = {"rotary_emb_base", 0},
		.bias = {{"attention_bias", 1}, {"attention_bias", 1}, {NULL, 1}, {NULL, 1}},
	},
	{0},
};

const struct family *config_families(void) { return families; }

void config_extent(const struct config *c, const struct part *p, long *first, long *cols)
{
	long in, out, q = (long)c->heads.q * c->heads.dim, kv = (long)c->heads.kv * c->heads.dim;

	config_site(c, p->site, &in, &out);
	*first = 0;
	*cols = out;
	switch (p->extent) {
	case WHOLE: break;
	case QUERY: *cols = q; break;
	case KEY:
		*first = q;
		*cols = kv;
		break;
	case VALUE:
		*first = q + kv;
		*cols = kv;
		break;
	case GATE: *cols = c->ffn; break;
	case GATED:
		*first = c->ffn;
		*cols = c->ffn;
		break;
	}
}

void config_site(const struct config *c, enum site s, long *in, long *out)
{
	long o = (long)c->heads.q * c->heads.dim;

	*in = s == OUT ? o : s == DOWN ? c->ffn : c->dim;
	*out = s == QKV ? c->qkv : s == UP ? (c->act.gated ? 2 : 1) * c->ffn : c->dim;
}

/* Completes what follows from the sizes, and refuses sizes that make no sense. */
static int settle(struct config *c, double rotary_share, struct fault *f)
{
	struct heads *h = &c->heads;
	const long most = 1L << 24;

	if (c->vocab < 1 || c->vocab > most || c->dim < 1 || c->dim > most || c->layers < 1 ||
	    c->layers > 4096 || c->ffn < 1 || c->ffn > most)
		return fault(f,
		             "vocabulary %ld, width %ld, layers %ld, feed-forward %ld: not a "
		             "model's sizes",
		             c->vocab, c->dim, c->layers, c->ffn);
	if (h->q < 1 || h->kv < 1 || h->q % h->kv || h->dim < 1 || h->dim > 4096 ||
	    (long)h->q * h->dim > most)
		return fault(f, "%d heads of %d over %d key heads: not an attention's sizes", h->q,
		             h->dim, h->kv);
	if (!(rotary_share > 0 && rotary_share <= 1))
		return fault(f, "rotary columns: %g of a head's", rotary_share);
	c->rotary = (int)(h->dim * rotary_share);
	if (c->rotary < 2 || c->rotary > h->dim || c->rotary % 2)
		return fault(f, "rotary columns: %d of a head's %d", c->rotary, h->dim);
	if (!(c->eps > 0 && c->eps < 1))
		return fault(f, "norm epsilon %g", c->eps);

	h->scale = (float)(1 / sqrt(h->dim));
	h->q_stride = h->kv_stride = h->dim;
	c->k_at = (long)h->q * h->dim;
	c->v_at = c->k_at + (long)h->kv * h->dim;
	c->qkv = c->v_at + (long)h->kv * h->dim;
	if (c->family->interleaved) {
		h->q_stride = h->kv_stride = 3L * h->dim;
		c->k_at = h->dim;
		c->v_at = 2L * h->dim;
	}
	return 0;
}

static int activation(struct config *c, const char *name, struct fault *f)
{
	int gated = c->family->gated;

	if (gated && !strcmp(name, "silu"))
		c->act = (struct act){ACT_SILU, 1};
	else if (!gated && !strcmp(name, "gelu"))
		c->act = (struct act){ACT_GELU, 0};
	else if (!gated && (!strcmp(name, "gelu_new") || !strcmp(name, "gelu_fast") ||
	                    !strcmp(name, "gelu_pytorch_tanh")))
		c->act = (struct act){ACT_GELU_TANH, 0};
	else
		return fault(f, "hidden_act \"%s\" is not supported for %s", name, c->family->name);
	return 0;
}

static int unknown(struct fault *f, const char *key, const char *name)
{
	char known[160] = "";

	for (const struct family *m = families; m->name; m++)
		snprintf(known + strlen(known), sizeof known - strlen(known), "%s%s",
		         m == families ? "" : ", ", m->name);
	return fault(f, "%s \"%.60s\" is not a model family that seal knows (%s)", key, name,
	             known);
}

static int window(struct config *c, const json_t *j, struct fault *f)
{
	long n = json_long(j, "sliding_window", c->family->window);

	if (!c->family->window && json_flag(j, "use_sliding_window", 0))
		return fault(f, "use_sliding_window is not supported for %s", c->family->name);
	if (!c->family->window || json_is_null(json_object_get(j, "sliding_window")))
		return 0;
	if (n < 1)
		return fault(f, "sliding_window %ld", n);
	c->heads.window = n < LONGEST ? (int)n : 0;
	return 0;
}

/* Which tokens are seen: layer_types is transformers' newer way to say which layers
 * have the window.  Here all or none have. */
static int attention(const struct config *c, const json_t *j, struct fault *f)
{
	const json_t *list = json_object_get(j, "layer_types"), *v;
	const char *all = c->heads.window ? "sliding_attention" : "full_attention";
	size_t i;

	if (!json_flag(j, "is_causal", 1))
		return fault(f, "is_causal false, attention to later tokens, is not supported");
	json_array_foreach(list, i,
	                   v) if (!json_is_string(v) ||
	                          strcmp(json_string_value(v),
	                                 all)) return fault(f,
	                                                    "layer_types other than \"%s\" are not "
	                                                    "supported with this sliding_window",
	                                                    all);
	return 0;
}

static int rotary_share(double *share, const struct family *m, const json_t *j, struct fault *f)
{
	static const char key[] = "partial_rotary_factor";

	*share = json_number(j, m->share ? m->share : key, m->rms ? 1 : .25);
	*share = json_number(rope_parameters(j), key, *share);
	return m->share || *share == 1 ? 0 : fault(f, "%s is not supported for %s", key, m->name);
}

/* A count of heads, or -1 for what is none. */
static int heads(long n) { return n > 0 && n <= 1 << 24 ? (int)n : -1; }

static int check_json(const json_t *j, struct fault *f)
{
	static const struct json_key key[] = {{"model_type", 't'},
	                                      {"hidden_act", 't'},
	                                      {"vocab_size", 'w'},
	                                      {"hidden_size", 'w'},
	                                      {"num_hidden_layers", 'w'},
	                                      {"intermediate_size", 'w'},
	                                      {"num_attention_heads", 'w'},
	                                      {"num_key_value_heads", 'w'},
	                                      {"head_dim", 'w'},
	                                      {"sliding_window", 'w'},
	                                      {"max_position_embeddings", 'w'},
	                                      {"partial_rotary_factor", 'n'},
	                                      {"rotary_pct", 'n'},
	                                      {"rms_norm_eps", 'n'},
	                                      {"layer_norm_eps", 'n'},
	                                      {"use_parallel_residual", 'f'},
	                                      {"tie_word_embeddings", 'f'},
	                                      {"use_sliding_window", 'f'},
	                                      {"attention_bias", 'f'},
	                                      {"mlp_bias", 'f'},
	                                      {"is_causal", 'f'},
	                                      {0}};

	return json_is_object(j) ? json_check(j, key, f) : fault(f, "is not an object");
}

int config_json(struct config *c, const json_t *j, struct fault *f)
{
	const char *type = json_text(j, "model_type", "");
	double share;

	memset(c, 0, sizeof *c);
	if (check_json(j, f))
		return -1;
	for (c->family = families; c->family->name && strcmp(c->family->name, type); c->family++)
		;
	if (!c->family->name)
		return unknown(f, "model_type", type);
	c->vocab = json_long(j, "vocab_size", 0);
	c->dim = json_long(j, "hidden_size", 0);
	c->layers = json_long(j, "num_hidden_layers", 0);
	c->ffn = json_long(j, "intermediate_size", 0);
	c->heads.q = heads(json_long(j, "num_attention_heads", 0));
	c->heads.kv = heads(json_long(j, "num_key_value_heads", c->heads.q));
	if (c->heads.q > 0)
		c->heads.dim = heads(json_long(j, "head_dim", c->dim / c->heads.q));
	c->head = c->family->head;
	c->parallel = c->family->rms ? 0 : json_flag(j, "use_parallel_residual", 1);
	c->context = json_long(j, "max_position_embeddings", 0);
	c->tied = json_flag(j, "tie_word_embeddings", 0);
	c->eps = (float)json_number(j, c->family->rms ? "rms_norm_eps" : "layer_norm_eps",
	                            c->family->eps);
	for (int s = 0; s < SITES; s++)
		c->bias[s] = json_flag(j, c->family->bias[s].key, c->family->bias[s].otherwise);
	if (activation(c, json_text(j, "hidden_act", c->family->rms ? "silu" : "gelu"), f) ||
	    window(c, j, f) || attention(c, j, f) || rotary_share(&share, c->family, j, f) ||
	    settle(c, share, f))
		return -1;
	return rope_json(&c->rope, c->rotary / 2, c->family->rope, j, f);
}

static long metadata(const struct gguf *g, const char *arch, const char *key, long otherwise)
{
	char name[96];

	snprintf(name, sizeof name, "%s.%s", arch, key);
	return gguf_int(g, name, otherwise);
}

static double metadata_real(const struct gguf *g, const char *arch, const char *key,
                            double otherwise)
{
	char name[96];

	snprintf(name, sizeof name, "%s.%s", arch, key);
	return gguf_real(g, name, otherwise);
}

/* A list, as of models whose layers differ, or text would count as missing. */
static int check_gguf(const struct gguf *g, const char *arch, struct fault *f)
{
	static const char *const number[] = {"vocab_size",
	                                     "embedding_length",
	                                     "block_count",
	                                     "feed_forward_length",
	                                     "context_length",
	                                     "attention.head_count",
	                                     "attention.head_count_kv",
	                                     "attention.key_length",
	                                     "attention.sliding_window",
	                                     "attention.layer_norm_rms_epsilon",
	                                     "attention.layer_norm_epsilon",
	                                     "use_parallel_residual",
	                                     "rope.dimension_count",
	                                     "rope.freq_base",
	                                     "rope.scaling.factor",
	                                     "rope.scaling.original_context_length",
	                                     "rope.scaling.attn_factor",
	                                     NULL};
	char name[96];

	for (int i = 0; number[i]; i++) {
		const struct gguf_value *v;

		snprintf(name, sizeof name, "%s.%s", arch, number[i]);
		v = gguf_find(g, name);
		if (v && (v->kind == GGUF_TEXT || v->kind == GGUF_ARRAY))
			return fault(f, "%s is not a number", name);
	}
	return 0;
}

int config_gguf(struct config *c, const struct gguf *g, struct fault *f)
{
	const struct gguf_value *arch = gguf_find(g, "general.architecture");
	const struct gguf_value *tokens = gguf_find(g, "tokenizer.ggml.tokens");
	const char *a;
	char type[64] = "";
	double share;
	long seen;

	memset(c, 0, sizeof *c);
	if (arch && arch->kind == GGUF_TEXT)
		snprintf(type, sizeof type, "%.*s", (int)(arch->n < 60 ? arch->n : 60), arch->text);
	for (c->family = families; c->family->name && strcmp(c->family->gguf, type); c->family++)
		;
	if (!c->family->name)
		return unknown(f, "general.architecture", type);
	a = c->family->gguf;
	if (check_gguf(g, a, f))
		return -1;
	c->vocab = metadata(g, a, "vocab_size", tokens ? tokens->count : 0);
	c->dim = metadata(g, a, "embedding_length", 0);
	c->layers = metadata(g, a, "block_count", 0);
	c->ffn = metadata(g, a, "feed_forward_length", 0);
	c->heads.q = heads(metadata(g, a, "attention.head_count", 0));
	c->heads.kv = heads(metadata(g, a, "attention.head_count_kv", c->heads.q));
	if (c->heads.q > 0)
		c->heads.dim = heads(metadata(g, a, "attention.key_length", c->dim / c->heads.q));
	seen = metadata(g, a, "attention.sliding_window", 0);
	c->heads.window = seen > 0 && seen < LONGEST ? (int)seen : 0;
	c->parallel = c->family->rms ? 0 : (int)metadata(g, a, "use_parallel_residual", 1);
	c->context = metadata(g, a, "context_length", 0);
	c->tied = !gguf_tensor(g, "output.weight");
	for (int s = 0; s < SITES; s++)
		c->bias[s] = 1;
	c->head = c->family->head;
	c->eps = (float)metadata_real(g, a,
	                              c->family->rms ? "attention.layer_norm_rms_epsilon"
	                                             : "attention.layer_norm_epsilon",
	                              1e-5);
	if (activation(c, c->family->rms ? "silu" : "gelu", f))
		return -1;
	if (c->heads.dim < 1)
		return fault(f, "%s.attention.head_count is missing", a);
	share = (double)metadata(g, a, "rope.dimension_count", c->heads.dim) / c->heads.dim;
	if (settle(c, share, f))
		return -1;
	return rope_gguf(&c->rope, c->rotary / 2, g, a, f);
}
