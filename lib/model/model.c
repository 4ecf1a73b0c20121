/* SPDX-License-Identifier: MIT */
/* model.c - see model.h. */
#include "model.h"

#include <omp.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "../base/world.h"

const struct opt compute_options[] = {
	{"device", 0, OPT_TEXT, offsetof(struct compute_opts, device), dev_names,
         "where to compute", 0, 0},
	{"dtype", 0, OPT_CHOICE, offsetof(struct compute_opts, dtype), "auto|bf16|f32",
         "type of the products; auto: bf16 where the device is fast at it", 0, 0},
	{"threads", 'j', OPT_COUNT, offsetof(struct compute_opts, threads), "N",
         "processor threads, 0 for all", 0, 0},
	{"max-memory", 0, OPT_SIZE, offsetof(struct compute_opts, memory), "SIZE",
         "memory to take at most, such as 8G; else most of what there is", 0, 0},
	{"pass-tokens", 0, OPT_COUNT, offsetof(struct compute_opts, pass), "N",
         "tokens that are computed on at a time, 0 for the device's own number", 0, 0},
	{0},
};

int compute_threads(const struct compute_opts *o)
{
	return o->threads ? (int)o->threads : world_threads(omp_get_max_threads());
}

static void open_device(struct model *m, const struct compute_opts *o)
{
	const char *why = NULL;

	m->dev = dev_open(o->device, compute_threads(o), &why);
	if (!m->dev)
		die("--device %s: %s", o->device, why);
	if (why)
		notice("computing on %s (%s)", m->dev->name, why);
	else
		notice("computing on %s", m->dev->name);
	m->type = !strcmp(o->dtype, "bf16") || (!strcmp(o->dtype, "auto") && m->dev->fast_bf16)
	                  ? DT_BF16
	                  : DT_F32;
}

/* transformers 5 ties no head that is there with other values; earlier ones did. */
static void check_tied(const struct model *m)
{
	const struct config *c = &m->config;
	const char *embed = c->family->embed;

	if (c->tied && weights_has_name(m->weights, c->head) &&
	    !weights_same(m->weights, c->head, embed))
		die("%s: tie_word_embeddings is true, but %s.weight is not %s.weight",
		    weights_path(m->weights), c->head, embed);
}

struct model *model_open(const char *path, const struct compute_opts *o)
{
	struct model *m = xzalloc(1, sizeof *m);

	open_device(m, o);
	m->weights = weights_open(path, &m->config);
	if (!weights_has_name(m->weights, m->config.head))
		m->config.head = "lm_head";
	check_tied(m);
	net_open(&m->net, &m->config);
	weights_check_used(m->weights, &m->net, &m->config);
	return m;
}

struct counting {
	const struct model *model;
	int stored;
	size_t bytes[WEIGHTS_WAYS];
	size_t room[2]; /* of matrices and of vectors that move to the device */
	size_t *block;  /* [layers] of matrices that are divided among the ranks; NULL: none are */
};

static void count_tensor(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct counting *n = ctx;
	const struct weights *w = n->model->weights;
	enum weights_way way = weights_way(w, r, n->stored);
	size_t bytes = weights_bytes(w, r, n->stored);

	(void)at;
	if (weights_moves(n->model->dev, way)) {
		bytes = size_round_up(bytes, MAT_ALIGN);
		if (n->block && r->part) {
			n->block[r->layer] += bytes;
			return;
		}
		n->room[r->rows == 1] += bytes;
	}
	n->bytes[way] += bytes;
}

static struct counting count(const struct model *m, int stored)
{
	struct counting n = {.model = m, .stored = stored};
	struct net none;

	if (m->divides)
		n.block = xzalloc(m->config.layers, sizeof *n.block);
	net_like(&none, &m->net, &m->config);
	net_each(&none, &m->config, m->type, count_tensor, &n);
	net_close(&none);
	return n;
}

void model_bytes(const struct model *m, int stored, size_t *mapped, size_t *copied)
{
	struct counting n = count(m, stored);

	if (n.block)
		n.bytes[WEIGHTS_COPIED] += divided_bytes(n.block, m->config.layers);
	free(n.block);
	*mapped = n.bytes[WEIGHTS_MAPPED] + n.bytes[WEIGHTS_STORED];
	*copied = n.bytes[WEIGHTS_COPIED];
}

struct loading {
	struct model *model;
	long layer; /* whose matrices are being divided; -1: none yet */
};

static void load_tensor(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct loading *l = ctx;
	struct model *m = l->model;

	if (m->divided && r->part && r->layer != l->layer) {
		if (l->layer >= 0)
			divided_keep(m->divided, l->layer);
		l->layer = r->layer;
		weights_room_at(m->weights, divided_place(m->divided, l->layer));
	}
	*at = weights_mat(m->weights, m->dev, &m->config, r, m->stored);
}

/* Where the rows of stored matrices are. */
static void load_orders(struct model *m)
{
	const struct config *c = &m->config;

	for (long i = 0; i < c->layers; i++) {
		int n[SITES] = {0};

		for (const struct part *p = c->family->part; p->module; p++) {
			struct linear_part *q = &m->net.layer[i].at[p->site].part[n[p->site]++];

			if (q->w.type != m->type)
				q->order = weights_order(m->weights, m->dev, c,
				                         part_gguf_order(c, p), q->w.rows);
		}
	}
}

void model_load(struct model *m)
{
	struct counting n = count(m, m->stored);

	struct loading l = {m, -1};

	weights_room(m->weights, m->dev, n.room);
	if (n.block)
		m->divided = divided_open(m->dev, n.block, m->config.layers);
	net_each(&m->net, &m->config, m->type, load_tensor, &l);
	if (l.layer >= 0)
		divided_keep(m->divided, l.layer);
	load_orders(m);
}

void model_close(struct model *m)
{
	struct dev *d = m ? m->dev : NULL;

	if (!m)
		return;
	divided_close(m->divided);
	weights_close(m->weights, d);
	net_close(&m->net);
	free(m);
	dev_close(d);
}

const char *model_template(const struct model *m)
{
	return weights_meta(m->weights, "seal.template");
}

struct filling {
	const struct model *m;
	struct params *a;
};

static void fill(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct filling *f = ctx;
	const struct slice *s = params_find(f->a, r->hf);

	(void)at;
	if (s)
		weights_read(f->m->weights, f->a->dev, &f->m->config, r, params_values(f->a, s));
}

void model_values(const struct model *m, struct params *a)
{
	struct filling f = {m, a};

	net_each(a->grad, &m->config, DT_F32, fill, &f);
	params_refresh(a);
}
