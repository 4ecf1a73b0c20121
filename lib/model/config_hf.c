/* SPDX-License-Identifier: MIT */
/* config_hf.c - a model's configuration from config.json, as transformers 4 and 5 write it.
 *
 * What a key means where it is absent is transformers' default, in the family's row.
 */
#include <math.h>
#include <string.h>

#include "config_read.h"

enum { NO_WINDOW = 1 << 24 }; /* a window of so many tokens hides none */

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
		{"tie_word_embeddings", 'f'},
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

/* null says that the model has none, which is not the same as an absent key. */
static void numbers(double into[NUMBERS], const struct family *m, const json_t *j)
{
	for (int i = 0; i < NUMBERS; i++) {
		const struct number_key *k = &m->number[i];
		const json_t *v = k->hf ? json_object_get(j, k->hf) : NULL;

		into[i] = json_is_null(v) ? 0 : json_number(j, k->hf ? k->hf : "", k->hf_default);
	}
}

static int window(struct config *c, const json_t *j, struct fault *f)
{
	long n = json_long(j, "sliding_window", c->family->window);

	if (!c->family->window || json_is_null(json_object_get(j, "sliding_window")) ||
	    (c->family->window_upper && !json_flag(j, "use_sliding_window", 0)))
		return 0;
	if (n < 1)
		return fault(f, "sliding_window %ld", n);
	c->heads.window = n < NO_WINDOW ? (int)n : 0;
	return 0;
}

/* layer_types is transformers' newer way to say which layers have the window.  Families whose
 * layers are alike take only a list that says so. */
static int layer_types(struct config *c, const json_t *list, struct fault *f)
{
	const char *all = c->heads.window ? "sliding_attention" : "full_attention";
	int differ = c->family->full_every || c->family->window_upper;
	const json_t *v;
	size_t i;

	if (differ && list && json_array_size(list) != (size_t)c->layers)
		return fault(f, "layer_types is not a list of %ld", c->layers);
	json_array_foreach(list, i, v)
	{
		const char *type = json_is_string(v) ? json_string_value(v) : "";
		int local = !strcmp(type, "sliding_attention");

		if (!differ && strcmp(type, all))
			return fault(f,
			             "layer_types other than \"%s\" are not supported with this "
			             "sliding_window",
			             all);
		if (!local && strcmp(type, "full_attention"))
			return fault(f, "layer_types: \"%.40s\" is not supported", type);
		if (local && !c->heads.window)
			return fault(f, "layer_types: \"%s\" without a sliding window", type);
		if (differ)
			c->local[i] = local;
	}
	return 0;
}

/* Which tokens are seen. */
static int attention(struct config *c, const json_t *j, struct fault *f)
{
	long every = json_long(j, "sliding_window_pattern", c->family->full_every);

	if (!json_flag(j, "is_causal", 1) || json_flag(j, "use_bidirectional_attention", 0))
		return fault(f, "attention to later tokens (is_causal false or "
		                "use_bidirectional_attention) is not supported");
	if (window(c, j, f))
		return -1;
	if (c->family->full_every && (every < 1 || every > CONFIG_LAYERS))
		return fault(f, "sliding_window_pattern %ld", every);
	config_layers(c, c->family->full_every ? (int)every : 0);
	for (long i = 0; c->family->window_upper && i < c->layers; i++)
		c->local[i] &= i >= json_long(j, "max_window_layers", 28);
	return layer_types(c, json_object_get(j, "layer_types"), f);
}

/* rope_scaling or rope_parameters; NULL if it has neither. */
static const json_t *rope_parameters(const json_t *j)
{
	const json_t *old = json_object_get(j, "rope_scaling");

	return json_object_size(old) ? old : json_object_get(j, "rope_parameters");
}

/* The same for one kind of layers, where transformers 5 tells them apart. */
static const json_t *rope_of(const json_t *j, const char *kind)
{
	const json_t *all = rope_parameters(j), *one = json_object_get(all, kind);

	return json_is_object(one) ? one : all;
}

static int rotary_share(double *share, const struct family *m, const json_t *j, struct fault *f)
{
	static const char key[] = "partial_rotary_factor";

	*share = json_number(j, m->share ? m->share : key, m->share ? m->share_default : 1);
	*share = json_number(rope_parameters(j), key, *share);
	return m->share || *share == 1 ? 0 : fault(f, "%s is not supported for %s", key, m->name);
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
	if (rope_types(rope, f) ||
	    rope_begin(r, c->rotary / 2, json_number(rope, "rope_theta", theta), f))
		return -1;
	if (!strcmp(kind, "default"))
		return 0;
	if (!strcmp(kind, "linear"))
		return rope_linear(r, factor, f);
	if (!strcmp(kind, "llama3"))
		return rope_llama3(r, factor, json_number(rope, "low_freq_factor", 0),
		                   json_number(rope, "high_freq_factor", 0), original, f);
	if (!strcmp(kind, "longrope") || !strcmp(kind, "su")) /* its first name */
		return longrope(r, rope, context, original, f);
	return fault(f, "rope_type \"%.40s\" is not supported (default, linear, llama3, longrope)",
	             kind);
}

static int ropes(struct config *c, const json_t *j, struct fault *f)
{
	const struct family *m = c->family;
	const json_t *full = rope_of(j, "full_attention"), *all = rope_parameters(j);
	const json_t *local = json_object_get(all, "sliding_attention");

	if (m->local_theta && !json_object_size(json_object_get(j, "rope_scaling")) &&
	    json_object_size(all) && !json_object_get(all, "full_attention"))
		return fault(f, "rope_parameters does not tell full_attention from "
		                "sliding_attention");
	c->ropes = 1;
	if (scaled(&c->rope[0], c, j, full, json_number(j, m->theta, m->theta_default), f) ||
	    rope_check(&c->rope[0], f))
		return -1;
	if (!m->local_theta)
		return 0;
	c->ropes = 2;
	return scaled(&c->rope[1], c, j, local, json_number(j, m->local_theta, m->local_default),
	              f) || rope_check(&c->rope[1], f)
	               ? -1
	               : 0;
}

/* A count of heads, or -1 for what is none. */
static int heads(long n) { return n > 0 && n <= 1 << 24 ? (int)n : -1; }

static void sizes(struct config *c, const json_t *j)
{
	const struct family *m = c->family;
	long kv = json_object_get(j, "num_key_value_heads") ? 0 : m->kv_heads; /* null: heads */

	c->vocab = json_long(j, "vocab_size", 0);
	c->dim = json_long(j, "hidden_size", 0);
	c->layers = json_long(j, "num_hidden_layers", 0);
	c->ffn = json_long(j, "intermediate_size", 0);
	c->heads.q = heads(json_long(j, "num_attention_heads", 0));
	c->heads.kv = heads(json_long(j, "num_key_value_heads", kv ? kv : c->heads.q));
	if (c->heads.q > 0)
		c->heads.dim = heads(
			json_long(j, "head_dim", m->head_dim ? m->head_dim : c->dim / c->heads.q));
	c->context = json_long(j, "max_position_embeddings", 0);
}

int config_hf(struct config *c, const json_t *j, struct fault *f)
{
	static const struct json_key type_key[] = {{"model_type", 't'}, {0}};
	const char *type = json_text(j, "model_type", "");
	const struct family *m = families();
	double share, number[NUMBERS];

	memset(c, 0, sizeof *c);
	if (!json_is_object(j))
		return fault(f, "is not an object");
	if (json_check(j, type_key, f))
		return -1;
	while (m->name && strcmp(m->name, type))
		m++;
	if (!m->name)
		return config_unknown(f, "model_type", type);
	if (check_types(m, j, f))
		return -1;
	c->family = m;
	c->head = m->head;
	sizes(c, j);
	c->parallel = m->parallel && json_flag(j, m->parallel, 1);
	c->tied = json_flag(j, "tie_word_embeddings", m->tied);
	c->norm.eps = (float)json_number(j, m->eps, m->eps_default);
	c->norm.offset = m->gain_offset;
	for (int s = 0; s < SITES; s++)
		c->bias[s] = m->bias[s].key ? json_flag(j, m->bias[s].key, m->bias[s].otherwise)
		                            : m->bias[s].otherwise;
	numbers(number, m, j);
	if (config_act(c, json_text(j, m->act_key, m->act), f) || rotary_share(&share, m, j, f) ||
	    config_settle(c, share, number, f) || attention(c, j, f))
		return -1;
	return ropes(c, j, f);
}
