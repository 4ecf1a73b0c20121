/* SPDX-License-Identifier: MIT */
/* folder.c - writes Hugging Face folders, for PyTorch to read and for the large shapes: a shard for
 * the outer tensors, and one a layer.
 *
 *     build/t/bench/folder MODEL f32|bf16 DIR     what a model file of a Llama holds, decoded
 *     build/t/bench/folder SHAPE[:LAYERS] DIR     random bf16 weights in a shape of those below
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

struct shard {
	struct st_tensor tensor[16];
	void *own[16]; /* its numbers where they are to be freed, else NULL */
	int n;
};

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
		free(s->own[i]);
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
	json_t *j = json_pack(
		"{s:s, s:I, s:I, s:I, s:I, s:I, s:b, s:I, s:s}", "model_type", c->family->name, "vocab_size",
		(json_int_t)c->vocab, "hidden_size", (json_int_t)c->dim, "intermediate_size", (json_int_t)c->ffn,
		"num_hidden_layers", (json_int_t)c->layers, "num_attention_heads", (json_int_t)c->heads.q,
		"tie_word_embeddings", c->tied, "max_position_embeddings", (json_int_t)8192, "dtype", type);

	if (!strcmp(c->family->name, "gpt_neox"))
		json_object_update_new(j, json_pack(
			"{s:[s], s:f, s:f, s:f, s:b, s:s}", "architectures", "GPTNeoXForCausalLM", "layer_norm_eps",
			(double)c->norm.eps, "rotary_emb_base", theta, "rotary_pct", 0.25, "use_parallel_residual", 1,
			"hidden_act", "gelu"));
	else
		json_object_update_new(j, json_pack(
			"{s:[s], s:I, s:f, s:f, s:s}", "architectures", "LlamaForCausalLM", "num_key_value_heads",
			(json_int_t)c->heads.kv, "rms_norm_eps", (double)c->norm.eps, "rope_theta", theta, "hidden_act",
			"silu"));
	save_json("config.json", j);
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

/* Published models.  theta: the base of rotary positions. */
static const struct shape {
	const char *name, *family;
	long layers, dim, ffn, vocab;
	int q, kv, tied;
	double theta;
} shapes[] = {
	{"smollm2", "llama", 30, 576, 1536, 49152, 9, 3, 1, 1e5},
	{"llama3", "llama", 32, 4096, 14336, 128256, 32, 8, 0, 5e5},
	{"pythia", "gpt_neox", 32, 2560, 10240, 50304, 32, 32, 0, 1e4},
	{0}};

/* Uniform, of standard deviation 0.02: from the pieces of random words.  A piece of the numbers has
 * a generator of its own, so that threads share the work. */
static void *random_bf16(long n)
{
	enum { PIECE = 1 << 20 };
	static uint64_t piece;
	uint16_t *x = xalloc((n + 3) / 4 * 8);

#pragma omp parallel for
	for (long from = 0; from < n; from += PIECE) {
		struct rng r = rng_new(8, piece + from / PIECE);

		for (long i = from; i < n && i < from + PIECE; i += 4) {
			uint64_t u = rng_next(&r);

			for (int k = 0; k < 4; k++) {
				float y = ((int)(u >> 16 * k & 0xffff) - 0x8000) * (0.035f / 0x8000);
				uint32_t bits;

				memcpy(&bits, &y, 4);
				x[i + k] = (uint16_t)(bits >> 16);
			}
		}
	}
	piece += (n + PIECE - 1) / PIECE;
	return x;
}

static void add_random(struct shard *s, char *name, long rows, long cols)
{
	s->own[s->n] = random_bf16(rows * cols);
	add(s, name, ST_BF16, rows, cols, s->own[s->n]);
}

/* Gains of 1, and biases of 0 where the family's norms have them. */
static void add_norm(struct shard *s, const struct config *c, const char *norm)
{
	uint16_t *ones = xalloc(c->dim * 2);

	for (long i = 0; i < c->dim; i++)
		ones[i] = 0x3f80;
	s->own[s->n] = ones;
	add(s, xprintf("%s.weight", norm), ST_BF16, 1, c->dim, ones);
	if (!c->family->layer_norm)
		return;
	s->own[s->n] = xzalloc(c->dim, 2);
	add(s, xprintf("%s.bias", norm), ST_BF16, 1, c->dim, s->own[s->n]);
}

static void random_layer(const struct config *c, long i)
{
	const struct family *f = c->family;
	struct shard s = {0};
	long in, out, first, rows;
	char block[64];

	snprintf(block, sizeof block, f->block, i);
	for (const struct part *p = f->part; p->module; p++) {
		config_site(c, p->site, &in, &out);
		config_extent(c, p, &first, &rows);
		add_random(&s, xprintf("%s.%s.weight", block, p->module), rows, in);
		if (f->bias[p->site].otherwise)
			add_random(&s, xprintf("%s.%s.bias", block, p->module), 1, rows);
	}
	for (int r = 0; r < NORM_ROLES; r++)
		if (f->norm[r]) {
			char *norm = xprintf("%s.%s", block, f->norm[r]);

			add_norm(&s, c, norm);
			free(norm);
		}
	write_shard(&s, i + 1);
}

static void random_folder(const char *name)
{
	const size_t n = strcspn(name, ":");
	const struct shape *is = shapes;
	const struct family *f = families();
	struct shard s = {0};

	while (is->name && (strlen(is->name) != n || strncmp(is->name, name, n)))
		is++;
	if (!is->name)
		die("%s is no shape: smollm2, llama3 or pythia", name);
	while (strcmp(f->name, is->family))
		f++;
	const struct config c = {.family = f, .vocab = is->vocab, .dim = is->dim, .ffn = is->ffn,
	                         .layers = name[n] ? atol(name + n + 1) : is->layers, .tied = is->tied,
	                         .norm.eps = 1e-5f, .act.gated = f->gated,
	                         .heads = {.q = is->q, .kv = is->kv, .dim = (int)(is->dim / is->q)},
	                         .qkv = is->dim / is->q * (is->q + 2 * is->kv)};
	add_random(&s, xprintf("%s.weight", f->embed), c.vocab, c.dim);
	if (!c.tied)
		add_random(&s, xprintf("%s.weight", f->head), c.vocab, c.dim);
	add_norm(&s, &c, f->final_norm);
	write_shard(&s, 0);
	for (long i = 0; i < c.layers; i++)
		random_layer(&c, i);
	save_config(&c, is->theta, "bfloat16");
}

int main(int argc, char **argv)
{
	die_name("folder");
	if (argc != 3 && argc != 4)
		die("needs MODEL TYPE DIR, or SHAPE[:LAYERS] DIR");
	dir = argv[argc - 1];
	map = json_object();
	if (mkdir(dir, 0777))
		die("mkdir %s:", dir);
	if (argc == 4)
		decode(argv[1], argv[2]);
	else
		random_folder(argv[1]);
	json_decref(map);
	return 0;
}
