/* model.c - opening a model: which tensor goes where. */
#include "model_in.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../base/die.h"

const struct opt compute_options[] = {
	{"device", 0, OPT_TEXT, offsetof(struct compute_opts, device), "auto|cpu",
	 "where to compute", 0, 0},
	{"dtype", 0, OPT_CHOICE, offsetof(struct compute_opts, dtype), "auto|bf16|f32",
	 "type of the products; auto: bf16 where the device is fast at it", 0, 0},
	{"threads", 'j', OPT_COUNT, offsetof(struct compute_opts, threads), "N",
	 "processor threads, 0 for all", 0, 0},
	{0}
};

static void open_device(struct model *m, const struct compute_opts *o)
{
	const char *why = NULL;

	m->dev = dev_open(o->device, (int)o->threads, &why);
	if (!m->dev)
		die("--device %s: %s", o->device, why);
	m->type = !strcmp(o->dtype, "bf16") || (!strcmp(o->dtype, "auto") && m->dev->fast_bf16) ? BF16 : F32;
}

static void open_tensor(void *ctx, const struct wanted *w, struct mat *at)
{
	struct model *m = ctx;

	*at = weights_mat(m->weights, m->dev, &m->config, w);
}

struct model *model_open(const char *path, const struct compute_opts *o)
{
	struct model *m = xzalloc(1, sizeof *m);
	struct config *c = &m->config;

	open_device(m, o);
	m->weights = weights_open(path, c);
	if (!weights_has(m->weights, c->head))
		c->head = "lm_head";
	net_open(&m->net, c);
	net_each(&m->net, c, m->type, open_tensor, m);
	m->pass = o->pass;
	m->keep = (size_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 4;
	return m;
}

struct filling { struct model *m; struct adapter *a; };

/* at: the place of its gradient */
static void fill(void *ctx, const struct wanted *w, struct mat *at)
{
	struct filling *f = ctx;

	if (at->p)
		weights_read(f->m->weights, f->m->dev, &f->m->config, w, adapter_master(f->a, *at));
}

struct adapter *model_theta(struct model *m)
{
	struct filling f = {m, adapter_whole(m->dev, &m->config, m->type, &m->net)};

	net_each(f.a->grad, &m->config, F32, fill, &f);
	adapter_refresh(f.a);
	return f.a;
}

void model_close(struct model *m)
{
	struct dev *d = m->dev;

	if (m->work)
		work_close(m->work);
	weights_close(m->weights, d);
	d->op->free(d, m->rope);
	net_close(&m->net);
	free(m);
	dev_close(d);
}

const struct config *model_config(const struct model *m) { return &m->config; }
struct dev *model_dev(const struct model *m) { return m->dev; }
enum dtype model_dtype(const struct model *m) { return m->type; }
const char *model_template(const struct model *m) { return weights_meta(m->weights, "seal.template"); }
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
