/* SPDX-License-Identifier: MIT */
/* config_hf.c - a model's configuration from config.json, as transformers 4 and 5 write it.
 *
 * What a key means where it is absent is transformers' default, in the family's row.
 */
#include <math.h>
#include <string.h>

#include "config_read.h"

static int check_types(const struct family *m, const json_t *j, struct fault *f)
{
	static const struct json_key key[] = {
		{"hidden_act", 't'},
		{"hidden_activation", 't'},
		{"vocab_size", 'w'},
		{"hidden_size", 'w'},
		{"num_hidden_layers", 'w'},
		{"intermediate_size", 'w'},
		{"num_attention_heads", 'w'},
		{"num_key_value_heads", 'w'},
		{"head_dim", 'w'},
		{"sliding_window", 'w'},
		{"sliding_window_pattern", 'w'},
		{"max_window_layers", 'w'},
		{"max_position_embeddings", 'w'},
		{"partial_rotary_factor", 'n'},
		{"rotary_pct", 'n'},
		{"rms_norm_eps", 'n'},
		{"layer_norm_eps", 'n'},
		{"rope_local_base_freq", 'n'},
		{"use_parallel_residual", 'f'},
		{"use_sliding_window", 'f'},
		{"use_bidirectional_attention", 'f'},
		{"attention_bias", 'f'},
		{"mlp_bias", 'f'},
		{"is_causal", 'f'},
		{"rope_scaling", 'o'},
		{"rope_parameters", 'o'},
		{"rope_theta", 'n'},
		{"rotary_emb_base", 'n'},
		{"original_max_position_embeddings", 'n'},
		{0},
	};
	struct json_key number[NUMBERS + 1] = {0};
	int n = 0;

	for (int i = 0; i < NUMBERS; i++)
		if (m->number[i].hf)
			number[n++] = (struct json_key){m->number[i].hf, 'n'};
	return json_check(j, key, f) || json_check(j, number, f) ? -1 : 0;
}

static int not_null(const json_t *j, const char *key, struct fault *f)
{
	return json_is_null(json_object_get(j, key)) ? fault(f, "%s is null", key) : 0;
}

/* Keys that transformers does not take null for, or nothing but null. */
static int check_nulls(const struct family *m, const json_t *j, struct fault *f)
{
	for (int i = 0; m->unset[i]; i++) {
		const json_t *v = json_object_get(j, m->unset[i]);

		if (v && !json_is_null(v))
			return fault(f, "%s is not supported for %s", m->unset[i], m->name);
	}
	if (not_null(j, m->act_key, f) || (m->every && not_null(j, m->every, f)))
		return -1;
	/* where they are not as wide as the model, both have a default of their own */
	return m->head_dim > 0 &&
	                       (not_null(j, "head_dim", f) || not_null(j, "num_key_value_heads", f))
	               ? -1
	               : 0;
}

/* null says that there is no cap, which is not the same as an absent key. */
static int numbers(double into[NUMBERS], const struct family *m, const json_t *j, struct fault *f)
{
	for (int i = 0; i < NUMBERS; i++) {
		const char *key = m->number[i].hf;
		int cap = i == NUMBER_ATTN_CAP || i == NUMBER_LOGIT_CAP;

		into[i] = m->number[i].hf_default;
		if (!key || !json_object_get(j, key))
			continue;
		into[i] = json_number(j, key, 0);
		if (!cap && not_null(j, key, f))
			return -1;
		if (!json_is_null(json_object_get(j, key)) && !(into[i] > 0))
			return fault(f, "%s %g", key, into[i]);
	}
	return 0;
}

/* layer_types is transformers' newer way to say which layers have the window.  Families whose
 * layers are alike take only a list that says so. */
static int layer_types(struct config *c, const json_t *list, struct fault *f)
{
	int differ = c->family->full_every || c->family->window_upper;
	const json_t *v;
	size_t i;

	if (!list || json_is_null(list))
		return 0;
	if (differ && json_array_size(list) != (size_t)c->layers)
		return fault(f, "layer_types is not a list of %ld", c->layers);
	json_array_foreach(list, i, v)
	{
		const char *type = json_is_string(v) ? json_string_value(v) : "";
		int local = !strcmp(type, "sliding_attention");

		if (!local && strcmp(type, "full_attention"))
			return fault(f, "layer_types: \"%.40s\" is not supported", type);
		if (!differ && local != c->local[0])
			return fault(f,
			             "layer_types other than \"%s\" are not supported with this "
			             "sliding_window",
			             c->local[0] ? "sliding_attention" : "full_attention");
		if (differ)
			c->local[i] = local;
	}
	return 0;
}

/* Which layers have a window, and how long it is. */
static int windows(struct config *c, const json_t *j, struct fault *f)
{
	const struct family *m = c->family;
	const json_t *said = m->window ? json_object_get(j, "sliding_window") : NULL;
	long n = said ? json_long(j, "sliding_window", WINDOW_NONE) : m->window;
	long every = m->every ? json_long(j, m->every, m->full_every) : m->full_every;
	int none = !m->window || json_is_null(said) || (!said && n == WINDOW_NONE) ||
	           (m->window_upper && !json_flag(j, "use_sliding_window", 0));

	if (!none && n < 1)
		return fault(f, "sliding_window %ld", n);
	if (m->full_every && (every < 1 || every > CONFIG_LAYERS))
		return fault(f, "layers between those that see all keys: %ld", every);
	c->heads.window = !none && n < WINDOW_NONE ? (int)n : 0;
	if (!none || m->full_every)
		config_layers(c, every);
	for (long i = 0; m->window_upper && i < c->layers; i++)
		c->local[i] &= i >= json_long(j, "max_window_layers", 28);
	if (layer_types(c, json_object_get(j, "layer_types"), f))
		return -1;
	for (long i = 0; none && i < c->layers; i++)
		if (c->local[i])
			return fault(f,
			             "layer %ld has \"sliding_attention\" without a sliding window",
			             i);
	return 0;
}

/* rope_scaling or rope_parameters; NULL if it has neither. */
static const json_t *rope_parameters(const json_t *j)
{
	const json_t *old = json_object_get(j, "rope_scaling");

	return json_object_size(old) ? old : json_object_get(j, "rope_parameters");
}

/* Sets what scales the rates of full and of local layers; NULL: nothing.  In families whose local
 * layers have a base of their own, rope_parameters tells the two kinds apart, and rope_scaling
 * is of the full ones; in others both are of all layers. */
static int rope_kinds(const json_t *kind[2], const struct family *m, const json_t *j,
                      struct fault *f)
{
	static const struct json_key key[] = {{"full_attention", 'o'},
	                                      {"sliding_attention", 'o'},
	                                      {0}};
	const json_t *all = rope_parameters(j), *old = json_object_get(j, "rope_scaling");
	int apart = json_object_get(all, key[0].name) || json_object_get(all, key[1].name);

	kind[0] = all;
	kind[1] = NULL;
	if (json_check(all, key, f))
		return -1;
	if (apart && (!m->local_theta || all == old))
		return fault(f, "%s that tells %s from %s is not supported for %s",
		             all == old ? "rope_scaling" : "rope_parameters", key[0].name,
		             key[1].name, m->name);
	if (!m->local_theta || !json_object_size(all))
		return 0;
	if (all == old && json_object_size(json_object_get(j, "rope_parameters")))
		return fault(f, "both rope_scaling and rope_parameters");
	if (all == old && json_object_get(old, "type") && !json_object_get(old, "rope_type"))
		return fault(f, "rope_scaling has \"type\" but no \"rope_type\", which versions of "
		                "transformers do not agree on");
	if (all != old && !apart)
		return fault(f, "rope_parameters does not tell full_attention from "
		                "sliding_attention");
	if (apart) {
		kind[0] = json_object_get(all, key[0].name);
		kind[1] = json_object_get(all, key[1].name);
	}
	return 0;
}

static const char share_key[] = "partial_rotary_factor";

/* A family without a key for it has none anywhere. */
static int no_share(const struct family *m, const json_t *j, struct fault *f)
{
	return m->share || json_number(j, share_key, 1) == 1
	               ? 0
	               : fault(f, "%s is not supported for %s", share_key, m->name);
}

static int rope_types(const json_t *rope, struct fault *f)
{
	static const struct json_key key[] = {
		{"rope_type", 't'},        {"type", 't'},
		{"rope_theta", 'n'},       {"partial_rotary_factor", 'n'},
		{"factor", 'n'},           {"low_freq_factor", 'n'},
		{"high_freq_factor", 'n'}, {"original_max_position_embeddings", 'n'},
		{"attention_factor", 'n'}, {0},
	};

	return json_check(rope, key, f);
}

static int rope_factors(struct rope *r, double *into, const json_t *rope, const char *key,
                        struct fault *f)
{
	const json_t *list = json_object_get(rope, key);

	if (!json_is_array(list) || json_array_size(list) != (size_t)r->pairs)
		return fault(f, "%s is not a list of %d factors", key, r->pairs);
	for (int j = 0; j < r->pairs; j++)
		if (rope_divide(r, into, j, json_double(json_array_get(list, j)), key, f))
			return -1;
	return 0;
}

static int longrope(struct rope *r, const json_t *rope, double context, double original,
                    struct fault *f)
{
	double factor = json_number(rope, "factor", 0);

	/* the long ones first: the short ones replace the plain rates */
	if (rope_factors(r, r->rate[1], rope, "long_factor", f) ||
	    rope_factors(r, r->rate[0], rope, "short_factor", f))
		return -1;
	if (!(factor > 0 || context > 0))
		return fault(f, "longrope with neither factor nor max_position_embeddings");
	return rope_longrope(r, original, factor > 0 ? factor : context / original,
	                     json_number(rope, "attention_factor", 0), f);
}

/* rope: what scales the rates that follow from theta; NULL: nothing. */
static int scaled(struct rope *r, const struct config *c, const json_t *j, const json_t *rope,
                  double theta, struct fault *f)
{
	static const char original_key[] = "original_max_position_embeddings";
	const char *kind = json_text(rope, "rope_type", json_text(rope, "type", "default"));
	double context = json_number(j, "max_position_embeddings", 0);
	double factor = json_number(rope, "factor", 0), original = c->family->rope_original;

	if (!original)
		original = json_number(rope, original_key, context);
	original = json_number(j, original_key, original);
	if (rope_types(rope, f) || no_share(c->family, rope, f) ||
	    rope_begin(r, c->rotary / 2, json_number(rope, "rope_theta", theta), f))
		return -1;
	if (!strcmp(kind, "default"))
		return 0;
	if (!strcmp(kind, "linear"))
		return rope_linear(r, factor, f);
	if (!strcmp(kind, "llama3"))
		return rope_llama3(r, factor, json_number(rope, "low_freq_factor", 0),
		                   json_number(rope, "high_freq_factor", 0), original, f);
	if (!strcmp(kind, "longrope") || !strcmp(kind, "su") ||  /* its first name */
	    (c->family->rope_original && !strcmp(kind, "yarn"))) /* Phi-3's, once */
		return longrope(r, rope, context, original, f);
	return fault(f, "rope_type \"%.40s\" is not supported (default, linear, llama3, longrope)",
	             kind);
}

static int ropes(struct config *c, const json_t *j, struct fault *f)
{
	const struct family *m = c->family;
	const json_t *kind[2];

	c->ropes = m->local_theta ? 2 : 1;
	if (rope_kinds(kind, m, j, f) ||
	    scaled(&c->rope[0], c, j, kind[0], json_number(j, m->theta, m->theta_default), f))
		return -1;
	if (c->ropes > 1 &&
	    scaled(&c->rope[1], c, j, kind[1], json_number(j, m->local_theta, m->local_default), f))
		return -1;
	return config_ropes(c, f);
}

static int sizes(struct config *c, const json_t *j, struct fault *f)
{
	const struct family *m = c->family;
	long kv = json_object_get(j, "num_key_value_heads") ? 0 : m->kv_heads; /* null: heads */
	long dim;

	c->vocab = json_long(j, "vocab_size", m->vocab);
	c->dim = json_long(j, "hidden_size", 0);
	c->layers = json_long(j, "num_hidden_layers", 0);
	c->ffn = json_long(j, "intermediate_size", 0);
	c->context = json_long(j, "max_position_embeddings", 0);
	c->heads.q = config_count(json_long(j, "num_attention_heads", m->heads));
	c->heads.kv = config_count(json_long(j, "num_key_value_heads", kv ? kv : c->heads.q));
	if (c->heads.q < 0)
		return 0; /* config_settle says so */
	dim = c->dim / c->heads.q;
	c->heads.dim = config_count(json_long(j, "head_dim", m->head_dim > 0 ? m->head_dim : dim));
	if (m->head_dim == HEAD_DIM_FIXED)
		c->heads.kv = c->heads.q;
	if (m->head_dim == HEAD_DIM_FIXED && c->heads.dim != dim)
		return fault(f,
		             "head_dim other than hidden_size / num_attention_heads is not "
		             "supported for %s",
		             m->name);
	return 0;
}

/* The rest, from the configuration of the text model. */
static int text(struct config *c, const json_t *j, struct fault *f)
{
	const struct family *m = c->family;
	double share, number[NUMBERS];

	if (check_types(m, j, f) || check_nulls(m, j, f) || no_share(m, j, f) || sizes(c, j, f))
		return -1;
	if (!json_flag(j, "is_causal", 1) || json_flag(j, "use_bidirectional_attention", 0))
		return fault(f, "attention to later tokens (is_causal false or "
		                "use_bidirectional_attention) is not supported");
	c->parallel = m->parallel && json_flag(j, m->parallel, 1);
	c->norm.eps = (float)json_number(j, m->eps, m->eps_default);
	c->norm.offset = m->gain_offset;
	for (int s = 0; s < SITES; s++)
		c->bias[s] = m->bias[s].key ? json_flag(j, m->bias[s].key, m->bias[s].otherwise)
		                            : m->bias[s].otherwise;
	share = m->share ? json_number(j, m->share, m->share_default) : 1;
	share = json_number(rope_parameters(j), share_key, share);
	if (numbers(number, m, j, f) || config_act(c, json_text(j, m->act_key, m->act), f) ||
	    config_settle(c, share, number, f) || windows(c, j, f))
		return -1;
	return ropes(c, j, f);
}

/* Weights that were made smaller are stored in a form of their own. */
static int check_quantised(const json_t *j, struct fault *f)
{
	static const char *const key[] = {"quantization_config", "compression_config"};

	for (int i = 0; i < 2; i++) {
		const json_t *q = json_object_get(j, key[i]);

		if (json_object_size(q))
			return fault(f,
			             "%s: quantised weights (%.40s) are not read: give a folder of "
			             "F32, F16 or BF16, or a GGUF file",
			             key[i], json_text(q, "quant_method", "no quant_method"));
	}
	return 0;
}

int config_hf(struct config *c, const json_t *j, struct fault *f)
{
	static const struct json_key outer[] = {{"model_type", 't'},
	                                        {"tie_word_embeddings", 'f'},
	                                        {0}};
	const char *type = json_text(j, "model_type", "");
	const struct family *m = families();

	memset(c, 0, sizeof *c);
	if (!json_is_object(j))
		return fault(f, "is not an object");
	if (json_check(j, outer, f) || check_quantised(j, f))
		return -1;
	while (m->name && strcmp(m->name, type))
		m++;
	if (!m->name)
		return config_unknown(f, "model_type", type);
	c->family = m;
	c->head = m->head;
	c->tied = json_flag(j, "tie_word_embeddings", m->tied);
	if (!m->text)
		return text(c, j, f);
	if (check_quantised(json_object_get(j, m->text), f))
		return -1;
	return json_is_object(json_object_get(j, m->text))
	               ? text(c, json_object_get(j, m->text), f)
	               : fault(f, "\"%s\" is not an object", m->text);
}
