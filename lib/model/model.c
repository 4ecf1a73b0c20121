/* SPDX-License-Identifier: MIT */
/* model.c - opening a model: which tensor goes where. */
#include "model_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

const struct opt compute_options[] = {
	{"device", 0, OPT_TEXT, offsetof(struct compute_opts, device), "auto|cpu|cuda[:N]",
         "where to compute", 0, 0},
	{"dtype", 0, OPT_CHOICE, offsetof(struct compute_opts, dtype), "auto|bf16|f32",
         "type of the products; auto: bf16 where the device is fast at it", 0, 0},
	{"threads", 'j', OPT_COUNT, offsetof(struct compute_opts, threads), "N",
         "processor threads, 0 for all", 0, 0},
	{"max-memory", 0, OPT_SIZE, offsetof(struct compute_opts, memory), "SIZE",
         "memory to take at most, such as 8G; else most of what there is", 0, 0},
	{0},
};

static void open_device(struct model *m, const struct compute_opts *o)
{
	const char *why = NULL;

	m->dev = dev_open(o->device, (int)o->threads, &why);
	if (!m->dev)
		die("--device %s: %s", o->device, why);
	notice("computing on %s", m->dev->name);
	m->type = !strcmp(o->dtype, "bf16") || (!strcmp(o->dtype, "auto") && m->dev->fast_bf16)
	                  ? DT_BF16
	                  : DT_F32;
}

struct placing {
	struct model *m;
	struct dev *d;
};

static void place_tensor(void *ctx, const struct wanted *w, struct mat *at)
{
	const struct placing *p = ctx;

	*at = weights_mat(p->m->weights, p->d, &p->m->config, w);
}

/* Every weight, from the file to the device. */
static void place_weights(struct model *m, struct dev *d)
{
	struct placing p = {m, d};

	net_each(&m->net, &m->config, m->type, place_tensor, &p);
}

/* transformers 5 ties no head that is there with other values; earlier ones did. */
static void check_tied(const struct model *m)
{
	const struct config *c = &m->config;

	if (c->tied && weights_has(m->weights, c->head) &&
	    !weights_same(m->weights, c->head, c->family->embed))
		die("%s: tie_word_embeddings is true, but %s.weight is not %s.weight",
		    weights_path(m->weights), c->head, c->family->embed);
}

struct model *model_begin(const char *path, const struct compute_opts *o)
{
	struct model *m = xzalloc(1, sizeof *m);
	struct config *c = &m->config;
	struct dev *counting = dev_counting();

	open_device(m, o);
	m->weights = weights_open(path, c);
	if (!weights_has(m->weights, c->head))
		c->head = "lm_head";
	check_tied(m);
	net_open(&m->net, c);
	place_weights(m, counting);
	m->owned = dev_counted(counting);
	m->mapped = dev_counted_adopted(counting);
	weights_release(m->weights, counting);
	dev_counting_close(counting);
	m->pass = o->pass;
	m->limit = o->memory;
	m->room = m->dev->op->spare(m->dev) / 4;
	return m;
}

void model_load(struct model *m)
{
	place_weights(m, m->dev);
	m->loaded = 1;
}

struct model *model_open(const char *path, const struct compute_opts *o)
{
	struct model *m = model_begin(path, o);

	model_load(m);
	return m;
}

struct filling {
	struct model *m;
	struct adapter *a;
};

/* at: the place of its gradient */
static void fill(void *ctx, const struct wanted *w, struct mat *at)
{
	struct filling *f = ctx;

	if (at->p)
		weights_read(f->m->weights, f->a->dev, &f->m->config, w, adapter_master(f->a, *at));
}

struct adapter *model_theta(struct model *m, struct dev *d)
{
	struct filling f = {m, adapter_whole(d, &m->config, m->type, &m->net)};

	net_each(f.a->grad, &m->config, DT_F32, fill, &f);
	adapter_refresh(f.a);
	return f.a;
}

void model_close(struct model *m)
{
	struct dev *d = m->dev;

	if (m->work)
		work_close(m->work);
	packed_close(m->packed);
	weights_close(m->weights, d);
	d->op->free(d, m->rope);
	net_close(&m->net);
	free(m);
	dev_close(d);
}

const struct config *model_config(const struct model *m) { return &m->config; }
struct dev *model_dev(const struct model *m) { return m->dev; }
enum dtype model_dtype(const struct model *m) { return m->type; }
const char *model_template(const struct model *m)
{
	return weights_meta(m->weights, "seal.template");
}
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
