/* model.c - opening a model: which tensor goes where. */
#include "model_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"

const struct opt compute_options[] = {
	{"device", 0, OPT_TEXT, offsetof(struct compute_opts, device), "auto|cpu",
	 "where to compute", 0, 0},
	{"dtype", 0, OPT_CHOICE, offsetof(struct compute_opts, dtype), "auto|bf16|f32",
	 "type of the products; auto: bf16 where the device is fast at it", 0, 0},
	{"threads", 'j', OPT_COUNT, offsetof(struct compute_opts, threads), "N",
	 "processor threads, 0 for all", 0, 0},
	{"max-memory", 0, OPT_SIZE, offsetof(struct compute_opts, memory), "SIZE",
	 "memory to take at most, such as 8G; else three quarters of what there is", 0, 0},
	{0}
};

static struct mat vector(struct model *m, struct dev *d, const char *hf, const char *gguf, const char *suffix, long n,
                         enum row_order order, int optional)
{
	struct wanted w = {.rows = 1, .cols = n, .type = F32, .gguf_order = order, .optional = optional};

	snprintf(w.hf, sizeof w.hf, "%s.%s", hf, suffix);
	snprintf(w.gguf, sizeof w.gguf, "%s.%s", gguf, suffix);
	return weights_mat(m->weights, d, &m->config, &w);
}

static struct mat matrix(struct model *m, struct dev *d, const char *hf, const char *gguf, long rows, long cols,
                         enum row_order order)
{
	struct wanted w = {.rows = rows, .cols = cols, .type = m->type, .gguf_order = order};

	snprintf(w.hf, sizeof w.hf, "%s.weight", hf);
	snprintf(w.gguf, sizeof w.gguf, "%s.weight", gguf);
	return weights_mat(m->weights, d, &m->config, &w);
}

static enum row_order gguf_order(const struct config *c, const struct part *p)
{
	if (c->family->interleaved && p->site == QKV)
		return SEPARATE;
	if (c->family->gguf_rotated && (p->extent == QUERY || p->extent == KEY))
		return ROTATED;
	return AS_STORED;
}

static void open_layer(struct model *m, struct dev *d, long i)
{
	const struct config *c = &m->config;
	const struct family *f = c->family;
	struct layer *l = &m->layer[i];
	char block[64], hf[128], gguf[64];
	int bias = !f->rms;

	memset(l, 0, sizeof *l);
	snprintf(block, sizeof block, f->block, i);
	snprintf(hf, sizeof hf, "%s.%s", block, f->norm1);
	snprintf(gguf, sizeof gguf, "blk.%ld.attn_norm", i);
	l->gain1 = vector(m, d, hf, gguf, "weight", c->dim, AS_STORED, 0);
	if (bias)
		l->bias1 = vector(m, d, hf, gguf, "bias", c->dim, AS_STORED, 0);
	snprintf(hf, sizeof hf, "%s.%s", block, f->norm2);
	snprintf(gguf, sizeof gguf, "blk.%ld.ffn_norm", i);
	l->gain2 = vector(m, d, hf, gguf, "weight", c->dim, AS_STORED, 0);
	if (bias)
		l->bias2 = vector(m, d, hf, gguf, "bias", c->dim, AS_STORED, 0);

	for (const struct part *p = f->part; p->module; p++) {
		struct linear *lin = &l->at[p->site];
		struct linear_part *q = &lin->part[lin->n++];
		long in, out, rows;

		config_site(c, p->site, &in, &out);
		config_extent(c, p, &q->first, &rows);
		snprintf(hf, sizeof hf, "%s.%s", block, p->module);
		snprintf(gguf, sizeof gguf, "blk.%ld.%s", i, p->gguf);
		q->w = matrix(m, d, hf, gguf, rows, in, gguf_order(c, p));
		q->bias = vector(m, d, hf, gguf, "bias", rows, gguf_order(c, p), 1);
	}
}

static void open_device(struct model *m, const struct compute_opts *o)
{
	const char *why = NULL;

	m->dev = dev_open(o->device, (int)o->threads, &why);
	if (!m->dev)
		die("--device %s: %s", o->device, why);
	m->type = !strcmp(o->dtype, "bf16") || (!strcmp(o->dtype, "auto") && m->dev->fast_bf16) ? BF16 : F32;
}

/* Every weight, from the file to the device. */
static void place_weights(struct model *m, struct dev *d)
{
	const struct config *c = &m->config;
	const struct family *f = c->family;

	m->embed = matrix(m, d, f->embed, "token_embd", c->vocab, c->dim, AS_STORED);
	m->head = c->tied ? m->embed : matrix(m, d, weights_has(m->weights, f->head) ? f->head : "lm_head", "output",
	                                      c->vocab, c->dim, AS_STORED);
	m->gain = vector(m, d, f->final_norm, "output_norm", "weight", c->dim, AS_STORED, 0);
	if (!f->rms)
		m->bias = vector(m, d, f->final_norm, "output_norm", "bias", c->dim, AS_STORED, 0);
	for (long i = 0; i < c->layers; i++)
		open_layer(m, d, i);
}

struct model *model_begin(const char *path, const struct compute_opts *o)
{
	struct model *m = xzalloc(1, sizeof *m);
	struct dev *counting = dev_counting();

	open_device(m, o);
	m->weights = weights_open(path, &m->config);
	m->layer = xzalloc(m->config.layers, sizeof *m->layer);
	place_weights(m, counting);
	m->owned = dev_counted(counting);
	m->mapped = dev_counted_adopted(counting);
	weights_release(m->weights, counting);
	dev_counting_close(counting);
	m->pass = o->pass;
	m->limit = o->memory;
	m->room = memory_available() / 4;
	return m;
}

void model_load(struct model *m) { place_weights(m, m->dev); }

struct model *model_open(const char *path, const struct compute_opts *o)
{
	struct model *m = model_begin(path, o);

	model_load(m);
	return m;
}

void model_close(struct model *m)
{
	struct dev *d = m->dev;

	if (m->work)
		work_close(m->work);
	packed_close(m->packed);
	shared_close(m);
	weights_close(m->weights, d);
	d->op->free(d, m->rope);
	free(m->layer);
	free(m);
	dev_close(d);
}

const struct config *model_config(const struct model *m) { return &m->config; }
struct dev *model_dev(const struct model *m) { return m->dev; }
enum dtype model_dtype(const struct model *m) { return m->type; }
uint64_t model_hash(const struct model *m) { return weights_hash(m->weights); }

void model_positions(struct model *m, long n)
{
	const struct rope *r = &m->config.rope;
	float *table;
	long entries;
	size_t bytes;

	if (n <= m->positions)
		return;
	n = (n + 255) / 256 * 256;
	entries = rope_entry(r, n, 0);
	bytes = entries * 2 * r->pairs * sizeof *table;
	table = xalloc(bytes);
	rope_table(r, table, entries);
	m->dev->op->free(m->dev, m->rope);
	m->rope = m->dev->op->alloc(m->dev, bytes);
	m->dev->op->put(m->dev, m->rope, table, bytes);
	m->positions = n;
	free(table);
}
