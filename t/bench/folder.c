/* SPDX-License-Identifier: MIT */
/* folder.c - writes Hugging Face folders of the Llama family, for PyTorch to read
 * and for the large shapes: a shard for the outer tensors, and one a layer.
 *
 *     build/t/bench/folder MODEL f32|bf16 DIR     what a model file holds, decoded
 *     build/t/bench/folder LAYERS DIR             Llama-3-8B's shape, random bf16 weights
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "../../lib/base/memory.h"
#include "../../lib/base/rng.h"
#include "../../lib/format/jsonl.h"
#include "../../lib/format/zio.h"
#include "../../lib/model/model.h"

struct shard { struct st_tensor tensor[16]; int n; };

static const char *dir;
static json_t *map;            /* of the index: tensor to shard */

static void write_shard(const struct shard *s, long number)
{
	static const struct st_meta meta = {"format", "pt"};
	char *name = xprintf("model-%05ld.safetensors", number), *path = xprintf("%s/%s", dir, name);
	struct buf blob = {0};
	struct zout *out = zout_open(path, ZOUT_BINARY);

	st_write(&blob, s->tensor, s->n, &meta, 1, 0);
	zout_write(out, blob.p, blob.n);
	zout_close(out);
	for (int i = 0; i < s->n; i++) {
		json_object_set_new(map, s->tensor[i].name, json_string(name));
		free(s->tensor[i].name);
	}
	buf_free(&blob);
	free(path);
	free(name);
}

/* A matrix, or with one row a vector. */
static void add(struct shard *s, char *name, enum st_type type, long rows, long cols, const void *data)
{
	struct st_tensor *t = &s->tensor[s->n++];

	*t = (struct st_tensor){.name = name, .type = type, .rank = rows > 1 ? 2 : 1, .shape = {rows, cols},
	                        .data = data, .bytes = rows * cols * st_size(type)};
	if (rows == 1)
		t->shape[0] = cols;
}

static void add_mat(struct shard *s, char *name, struct mat m)
{
	add(s, name, m.type == DT_BF16 ? ST_BF16 : ST_F32, m.rows, m.cols, m.p);
}

static void save_json(const char *name, json_t *j)
{
	char *path = xprintf("%s/%s", dir, name), *text = json_dumps(j, JSON_INDENT(2));

	zio_save(path, text, strlen(text));
	free(text);
	free(path);
	json_decref(j);
}

static void save_config(const struct config *c, double theta, const char *type)
{
	save_json("config.json", json_pack(
		"{s:[s], s:s, s:I, s:I, s:I, s:I, s:I, s:I, s:f, s:f, s:b, s:I, s:s, s:s}", "architectures",
		"LlamaForCausalLM", "model_type", "llama", "vocab_size", (json_int_t)c->vocab, "hidden_size",
		(json_int_t)c->dim, "intermediate_size", (json_int_t)c->ffn, "num_hidden_layers",
		(json_int_t)c->layers, "num_attention_heads", (json_int_t)c->heads.q, "num_key_value_heads",
		(json_int_t)c->heads.kv, "rms_norm_eps", (double)c->norm.eps, "rope_theta", theta,
		"tie_word_embeddings", c->tied, "max_position_embeddings", (json_int_t)8192, "hidden_act", "silu",
		"dtype", type));
	save_json("model.safetensors.index.json", json_pack("{s:{}, s:O}", "metadata", "weight_map", map));
}

static void write_layer(const struct model *m, long i)
{
	const struct family *f = m->config.family;
	const struct layer *l = &m->net.layer[i];
	struct shard s = {0};
	int seen[SITES] = {0};
	char block[64];

	snprintf(block, sizeof block, f->block, i);
	for (const struct part *p = f->part; p->module; p++)
		add_mat(&s, xprintf("%s.%s.weight", block, p->module), l->at[p->site].part[seen[p->site]++].w);
	for (int r = 0; r < NORM_ROLES; r++)
		if (f->norm[r])
			add_mat(&s, xprintf("%s.%s.weight", block, f->norm[r]), l->norm[r].gain);
	write_shard(&s, i + 1);
}

static void decode(const char *path, const char *type)
{
	struct compute_opts o = COMPUTE_DEFAULTS;
	struct model *m;
	struct shard s = {0};
	const struct rope *r;

	o.device = "cpu";
	o.dtype = type;
	m = model_open(path, &o);
	model_load(m);
	r = &m->config.rope[0];
	if (strcmp(m->config.family->name, "llama") || r->original)
		die("%s: not a Llama with plain rotary positions", path);
	add_mat(&s, xstrdup("model.embed_tokens.weight"), m->net.embed);
	if (!m->config.tied)
		add_mat(&s, xstrdup("lm_head.weight"), m->net.head);
	add_mat(&s, xstrdup("model.norm.weight"), m->net.final.gain);
	write_shard(&s, 0);
	for (long i = 0; i < m->config.layers; i++)
		write_layer(m, i);
	save_config(&m->config, pow(r->rate[0][1], -m->config.rotary / 2.0), m->type == DT_BF16 ? "bfloat16" : "float32");
	model_close(m);
}

/* Standard deviation about 0.02, uniform: in bf16, from the high bytes of random words. */
static void *random_bf16(long n, struct rng *r)
{
	uint16_t *x = xalloc((n + 3) / 4 * 8);

	for (long i = 0; i < n; i += 4) {
		uint64_t u = rng_next(r);

		for (int k = 0; k < 4; k++) {
			float y = ((int)(u >> 16 * k & 0xffff) - 0x8000) * (0.035f / 0x8000);
			uint32_t bits;

			memcpy(&bits, &y, 4);
			x[i + k] = (uint16_t)(bits >> 16);
		}
	}
	return x;
}

static void random_folder(long layers)
{
	enum { DIM = 4096, FFN = 14336, KV = 1024, VOCAB = 128256 };
	const struct config c = {.vocab = VOCAB, .dim = DIM, .layers = layers, .ffn = FFN, .norm.eps = 1e-5f,
	                         .heads = {.q = 32, .kv = 8}};
	static const struct { const char *name; long rows, cols; } part[] = {
		{"self_attn.q_proj", DIM, DIM}, {"self_attn.k_proj", KV, DIM}, {"self_attn.v_proj", KV, DIM},
		{"self_attn.o_proj", DIM, DIM}, {"mlp.gate_proj", FFN, DIM}, {"mlp.up_proj", FFN, DIM},
		{"mlp.down_proj", DIM, FFN}};
	uint16_t ones[DIM], *x;
	struct rng r = rng_new(8, 8);

	for (int i = 0; i < DIM; i++)
		ones[i] = 0x3f80;
	for (long i = -1; i < layers; i++) {
		struct shard s = {0};

		x = random_bf16(i < 0 ? 2L * VOCAB * DIM : 3L * FFN * DIM + 2L * (DIM + KV) * DIM, &r);
		if (i < 0) {
			add(&s, xstrdup("model.embed_tokens.weight"), ST_BF16, VOCAB, DIM, x);
			add(&s, xstrdup("lm_head.weight"), ST_BF16, VOCAB, DIM, x + (long)VOCAB * DIM);
			add(&s, xstrdup("model.norm.weight"), ST_BF16, 1, DIM, ones);
		}
		for (long k = 0, at = 0; i >= 0 && k < 7; at += part[k].rows * part[k].cols, k++)
			add(&s, xprintf("model.layers.%ld.%s.weight", i, part[k].name), ST_BF16, part[k].rows,
			    part[k].cols, x + at);
		if (i >= 0) {
			add(&s, xprintf("model.layers.%ld.input_layernorm.weight", i), ST_BF16, 1, DIM, ones);
			add(&s, xprintf("model.layers.%ld.post_attention_layernorm.weight", i), ST_BF16, 1, DIM, ones);
		}
		write_shard(&s, i + 1);
		free(x);
	}
	save_config(&c, 500000, "bfloat16");
}

int main(int argc, char **argv)
{
	die_name("folder");
	if (argc != 3 && argc != 4)
		die("needs MODEL TYPE DIR, or LAYERS DIR");
	dir = argv[argc - 1];
	map = json_object();
	if (mkdir(dir, 0777))
		die("mkdir %s:", dir);
	if (argc == 4)
		decode(argv[1], argv[2]);
	else
		random_folder(atol(argv[1]));
	json_decref(map);
	return 0;
}
