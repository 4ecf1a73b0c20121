/* SPDX-License-Identifier: MIT */
/* rope.c - rotary frequencies from a model's metadata.
 *
 *   rate[j] = theta^(-j / pairs)                  (Su et al. 2021), then
 *   linear     rate / factor
 *   llama3     rate / factor where less than `low` waves fit into the original
 *              context, rate where more than `high` do, a mixture in between
 *   longrope   rate / short[j], or rate / long[j] in rows longer than the original
 *              context; the amplitude is sqrt(1 + log(factor) / log(original))
 *              (Ding et al. 2024)
 *   rope_freqs rate / factor[j], GGUF's way to say llama3
 */
#include "rope.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static int begin(struct rope *r, int pairs, double theta, struct fault *f)
{
	memset(r, 0, sizeof *r);
	r->pairs = pairs;
	r->amplitude = 1;
	if (pairs > ROPE_PAIRS)
		return fault(f, "%d rotary columns a head are more than %d", 2 * pairs,
		             2 * ROPE_PAIRS);
	if (!(theta > 0) || !isfinite(theta))
		return fault(f, "rotary base %g", theta);
	for (int j = 0; j < pairs; j++)
		r->rate[0][j] = pow(theta, -(double)j / pairs);
	return 0;
}

static int linear(struct rope *r, double factor, struct fault *f)
{
	if (!(factor > 0) || !isfinite(factor))
		return fault(f, "linear rope scaling by %g", factor);
	for (int j = 0; j < r->pairs; j++)
		r->rate[0][j] /= factor;
	return 0;
}

static int llama3(struct rope *r, double factor, double low, double high, double original,
                  struct fault *f)
{
	if (!(factor > 0) || !isfinite(factor) || !(low > 0) || !(high > low) || !isfinite(high) ||
	    !(original >= 1))
		return fault(f,
		             "llama3 rope scaling with factor %g, low_freq_factor %g, "
		             "high_freq_factor %g, "
		             "original_max_position_embeddings %g",
		             factor, low, high, original);
	for (int j = 0; j < r->pairs; j++) {
		double rate = r->rate[0][j], waves = original * rate / (2 * M_PI);
		double share = fmin(1, fmax(0, (waves - low) / (high - low)));

		r->rate[0][j] = (1 - share) * rate / factor + share * rate;
	}
	return 0;
}

/* The factors are in rate[] already.  amplitude 0: it follows from the lengths. */
static int longrope(struct rope *r, double original, double factor, double amplitude,
                    struct fault *f)
{
	if (!(original >= 2) || original > 1 << 30 || !isfinite(factor) || !isfinite(amplitude) ||
	    amplitude < 0)
		return fault(f,
		             "longrope with original_max_position_embeddings %g, factor %g, "
		             "attention factor %g",
		             original, factor, amplitude);
	r->original = (long)original;
	r->amplitude = (float)(amplitude > 0 ? amplitude
	                       : factor > 1  ? sqrt(1 + log(factor) / log(original))
	                                     : 1);
	return 0;
}

/* into[j], which may be rate[0][j], = rate[0][j] / by */
static int divide(struct rope *r, double *into, int j, double by, const char *name, struct fault *f)
{
	if (!(by > 0) || !isfinite(by))
		return fault(f, "%s: factor %d is %g", name, j, by);
	into[j] = r->rate[0][j] / by;
	return 0;
}

static int json_factors(struct rope *r, double *into, const json_t *rope, const char *key,
                        struct fault *f)
{
	const json_t *list = json_object_get(rope, key);

	if (!json_is_array(list) || json_array_size(list) != (size_t)r->pairs)
		return fault(f, "%s is not a list of %d factors", key, r->pairs);
	for (int j = 0; j < r->pairs; j++)
		if (divide(r, into, j, json_double(json_array_get(list, j)), key, f))
			return -1;
	return 0;
}

const json_t *rope_parameters(const json_t *config)
{
	const json_t *old = json_object_get(config, "rope_scaling");

	return json_object_size(old) ? old : json_object_get(config, "rope_parameters");
}

/* rate and amplitude can be computed with, however odd the numbers that they came from */
static int settle(const struct rope *r, struct fault *f)
{
	for (int j = 0; j < r->pairs; j++)
		if (!isfinite(r->rate[0][j]) || !isfinite(r->rate[1][j]))
			return fault(f, "the rotary frequency of pair %d is not finite", j);
	return isfinite(r->amplitude) ? 0 : fault(f, "the rotary amplitude is not finite");
}

static int check_json(const json_t *config, struct fault *f)
{
	static const struct json_key whole[] = {{"rope_scaling", 'o'},
	                                        {"rope_parameters", 'o'},
	                                        {"rope_theta", 'n'},
	                                        {"rotary_emb_base", 'n'},
	                                        {"original_max_position_embeddings", 'n'},
	                                        {0}};
	static const struct json_key part[] =
		{{"rope_type", 't'},        {"type", 't'},
	         {"rope_theta", 'n'},       {"partial_rotary_factor", 'n'},
	         {"factor", 'n'},           {"low_freq_factor", 'n'},
	         {"high_freq_factor", 'n'}, {"original_max_position_embeddings", 'n'},
	         {"attention_factor", 'n'}, {0}};

	return json_check(config, whole, f) || json_check(rope_parameters(config), part, f) ? -1
	                                                                                    : 0;
}

static int scale_json(struct rope *r, int pairs, struct rope_keys k, const json_t *config,
                      struct fault *f)
{
	const json_t *rope = rope_parameters(config);
	const char *kind = json_text(rope, "rope_type", json_text(rope, "type", "default"));
	double theta = json_number(config, k.theta, 10000);
	double context = json_number(config, "max_position_embeddings", 0),
	       factor = json_number(rope, "factor", 0);
	double inner = k.original ? k.original
	                          : json_number(rope, "original_max_position_embeddings", context);
	double original = json_number(config, "original_max_position_embeddings", inner);

	if (check_json(config, f) || begin(r, pairs, json_number(rope, "rope_theta", theta), f))
		return -1;
	if (!strcmp(kind, "default"))
		return 0;
	if (!strcmp(kind, "linear"))
		return linear(r, factor, f);
	if (!strcmp(kind, "llama3"))
		return llama3(r, factor, json_number(rope, "low_freq_factor", 0),
		              json_number(rope, "high_freq_factor", 0), original, f);
	if (strcmp(kind, "longrope") && strcmp(kind, "su")) /* its first name */
		return fault(f,
		             "rope_type \"%.40s\" is not supported (default, linear, llama3, "
		             "longrope)",
		             kind);
	/* the long ones first: the short ones replace the plain rates */
	if (json_factors(r, r->rate[1], rope, "long_factor", f) ||
	    json_factors(r, r->rate[0], rope, "short_factor", f))
		return -1;
	if (!(factor > 0 || context > 0))
		return fault(f, "longrope with neither factor nor max_position_embeddings");
	return longrope(r, original, factor > 0 ? factor : context / original,
	                json_number(rope, "attention_factor", 0), f);
}

int rope_json(struct rope *r, int pairs, struct rope_keys k, const json_t *config, struct fault *f)
{
	return scale_json(r, pairs, k, config, f) || settle(r, f) ? -1 : 0;
}

static double metadata(const struct gguf *g, const char *arch, const char *key, double otherwise)
{
	char name[96];

	snprintf(name, sizeof name, "%s.%s", arch, key);
	return gguf_real(g, name, otherwise);
}

static int gguf_factors(struct rope *r, double *into, const struct gguf *g, const char *name,
                        struct fault *f)
{
	const struct gguf_tensor *t = gguf_tensor(g, name);
	float by[ROPE_PAIRS];

	if (!t || t->rank != 1 || t->shape[0] != r->pairs || dtype_block(t->type) != 1)
		return fault(f, "%s is not a vector of %d factors", name, r->pairs);
	dtype_decode(t->type, t->data, r->pairs, by);
	for (int j = 0; j < r->pairs; j++)
		if (divide(r, into, j, by[j], name, f))
			return -1;
	return 0;
}

static int scale_gguf(struct rope *r, int pairs, const struct gguf *g, const char *arch,
                      struct fault *f)
{
	static const char brief[] = "rope_factors_short.weight",
			  lengthy[] = "rope_factors_long.weight";
	char key[96], kind[48] = "none";
	const struct gguf_value *v;
	double original;

	snprintf(key, sizeof key, "%s.rope.scaling.type", arch);
	v = gguf_find(g, key);
	if (v && v->kind != GGUF_TEXT)
		return fault(f, "%s is not text", key);
	if (v)
		snprintf(kind, sizeof kind, "%.*s", (int)(v->n < 40 ? v->n : 40), v->text);
	if (begin(r, pairs, metadata(g, arch, "rope.freq_base", 10000), f))
		return -1;
	if (gguf_tensor(g, "rope_freqs.weight") &&
	    gguf_factors(r, r->rate[0], g, "rope_freqs.weight", f))
		return -1;
	if (!strcmp(kind, "linear"))
		return linear(r, metadata(g, arch, "rope.scaling.factor", 0), f);
	if (strcmp(kind, "none") && strcmp(kind, "longrope"))
		return fault(f, "rope scaling \"%s\" is not supported (none, linear, longrope)",
		             kind);
	if (!gguf_tensor(g, lengthy) && !gguf_tensor(g, brief))
		return strcmp(kind, "longrope") ? 0 : fault(f, "%s is missing", lengthy);
	if (gguf_factors(r, r->rate[1], g, lengthy, f) || gguf_factors(r, r->rate[0], g, brief, f))
		return -1;
	original = metadata(g, arch, "rope.scaling.original_context_length", 0);
	return longrope(r, original, metadata(g, arch, "context_length", original) / original,
	                metadata(g, arch, "rope.scaling.attn_factor", 0), f);
}

int rope_gguf(struct rope *r, int pairs, const struct gguf *g, const char *arch, struct fault *f)
{
	return scale_gguf(r, pairs, g, arch, f) || settle(r, f) ? -1 : 0;
}

void rope_table(const struct rope *r, float *table, long entries)
{
	for (long i = 0; i < entries; i++)
		for (int j = 0; j < r->pairs; j++) {
			double angle = r->original ? i / 2 * r->rate[i % 2][j] : i * r->rate[0][j];

			table[(2 * i) * r->pairs + j] = (float)(r->amplitude * cos(angle));
			table[(2 * i + 1) * r->pairs + j] = (float)(r->amplitude * sin(angle));
		}
}
