/* SPDX-License-Identifier: MIT */
/* adapter.c - theta's layout in one vector, and its optimiser step. */
#include "adapter.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/rng.h"

/* Does the word list name this module, as PEFT matches target_modules (the
 * module's name or the end of it after a dot)? */
static int named(const char *list, const char *module)
{
	size_t m = strlen(module);

	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
		size_t n = strcspn(p, ",");

		if (n == 10 && !memcmp(p, "all-linear", 10))
			return 1;
		if (n && n <= m && !memcmp(module + m - n, p, n) &&
		    (n == m || module[m - n - 1] == '.'))
			return 1;
	}
	return 0;
}

static void check_targets(const struct config *c, const char *list)
{
	if (!*list)
		die("no linear layer to adapt is named");
	for (const char *p = list; *p; p += strcspn(p, ","), p += *p == ',') {
		char *word = xstrndup(p, strcspn(p, ","));
		int found = 0;

		for (const struct part *q = c->family->part; q->module; q++)
			found |= named(word, q->module);
		if (!found)
			die("%s has no linear layer \"%s\" to adapt", c->family->name, word);
		free(word);
	}
}

/* Places the pairs of one layer at element `at` of the vector; returns the next. */
static long place(struct adapter *a, struct lora_site *s, enum site where, long at)
{
	const struct config *c = a->config;
	size_t size = dtype_size(a->type);
	long in, out, begin = at;

	config_site(c, where, &in, &out);
	for (const struct part *p = c->family->part; p->module; p++)
		if (p->site == where && named(a->targets, p->module)) {
			struct lora *l = &s->pair[s->n++];

			l->part = p;
			l->rank = a->rank;
			l->at = s->ranks;
			config_extent(c, p, &l->first, &l->cols);
			l->a = mat_of((char *)a->shadow + at * size, a->type, l->rank, in);
			l->da = mat_of(a->g + at, DT_F32, l->rank, in);
			s->ranks += l->rank;
			at += l->rank * in;
		}
	s->a = mat_of((char *)a->shadow + begin * size, a->type, s->ranks, in);
	s->da = mat_of(a->g + begin, DT_F32, s->ranks, in);
	for (int i = 0; i < s->n; i++) {
		struct lora *l = &s->pair[i];

		l->b = mat_of((char *)a->shadow + at * size, a->type, l->cols, l->rank);
		l->db = mat_of(a->g + at, DT_F32, l->cols, l->rank);
		at += l->cols * l->rank;
	}
	a->sites += s->n > 0;
	return at;
}

static long place_all(struct adapter *a)
{
	long at = 0;

	memset(a->site, 0, a->config->layers * sizeof *a->site);
	a->sites = 0;
	for (long i = 0; i < a->config->layers; i++)
		for (int s = 0; s < SITES; s++)
			at = place(a, &a->site[i][s], s, at);
	return at;
}

static struct adapter *begin(struct dev *d, const struct config *c, enum dtype type)
{
	struct adapter *a = xzalloc(1, sizeof *a);

	a->dev = d;
	a->config = c;
	a->type = type;
	a->site = xzalloc(c->layers, sizeof *a->site);
	return a;
}

/* Memory for a->n values. */
static void room(struct adapter *a)
{
	struct dev *d = a->dev;
	size_t bytes = a->n * sizeof(float);

	a->p = d->op->alloc(d, bytes);
	a->g = d->op->alloc(d, bytes);
	a->m = d->op->alloc(d, bytes);
	a->v = d->op->alloc(d, bytes);
	a->sum = d->op->alloc(d, sizeof *a->sum);
	a->shadow = a->type == DT_F32 ? a->p : d->op->alloc(d, a->n * dtype_size(a->type));
	d->op->zero(d, a->g, bytes);
	d->op->zero(d, a->m, bytes);
	d->op->zero(d, a->v, bytes);
}

struct adapter *adapter_blank(struct dev *d, const struct config *c, enum dtype type,
                              const char *targets, long rank, double alpha)
{
	struct adapter *a = begin(d, c, type);

	a->rank = rank;
	a->alpha = alpha;
	a->scale = (float)(alpha / rank);
	a->targets = xstrdup(strcmp(targets, "auto") ? targets : c->family->targets);
	check_targets(c, a->targets);
	a->n = place_all(a); /* once to count, once with memory behind it */
	room(a);
	place_all(a);
	return a;
}

/* Counts the tensors' values, or, given memory, lays them out there: those of F32
 * in `single`, those of the compute type, where that is another, in `half`. */
struct layout {
	char *half;
	float *single;
	long at;
};

static void lay_out(void *ctx, const struct wanted *w, struct mat *m)
{
	struct layout *l = ctx;
	size_t size = dtype_size(w->type);

	if (!m->p)
		return;
	if (l->single)
		*m = mat_of(w->type == DT_F32 ? (void *)(l->single + l->at)
		                              : l->half + l->at * size,
		            w->type, w->rows, w->cols);
	l->at += w->rows * w->cols;
}

struct adapter *adapter_whole(struct dev *d, const struct config *c, enum dtype type,
                              const struct net *like)
{
	struct adapter *a = begin(d, c, type);
	struct layout count = {0}, net, grad;

	a->net = xzalloc(1, sizeof *a->net);
	a->grad = xzalloc(1, sizeof *a->grad);
	net_like(a->net, like, c);
	net_like(a->grad, like, c);
	net_each(a->net, c, type, lay_out, &count);
	a->n = count.at;
	room(a);
	net = (struct layout){a->shadow, a->p, 0};
	grad = (struct layout){NULL, a->g, 0};
	net_each(a->net, c, type, lay_out, &net);
	net_each(a->grad, c, DT_F32, lay_out, &grad);
	return a;
}

struct mat adapter_master(const struct adapter *a, struct mat grad)
{
	grad.p = a->p + ((float *)grad.p - a->g);
	return grad;
}

struct adapter *adapter_new(struct dev *d, const struct config *c, enum dtype type,
                            const char *targets, long rank, double alpha, uint64_t seed)
{
	struct adapter *a = adapter_blank(d, c, type, targets, rank, alpha);
	struct rng r = rng_new(seed, 0x10aa);
	float *p = xzalloc(a->n, sizeof *p);

	for (long i = 0; i < c->layers; i++)
		for (int s = 0; s < SITES; s++) {
			const struct lora_site *l = &a->site[i][s];
			float *x = l->n ? p + ((float *)l->da.p - a->g) : NULL;
			double bound = l->n ? 1 / sqrt(l->a.cols) : 0;

			for (long k = 0; k < l->a.rows * l->a.cols && l->n; k++)
				x[k] = (float)((2 * rng_unit(&r) - 1) * bound);
		}
	d->op->put(d, a->p, p, a->n * sizeof *p);
	free(p);
	adapter_refresh(a);
	return a;
}

struct adapter *adapter_clone(const struct adapter *from)
{
	struct adapter *a = from->net
	                            ? adapter_whole(from->dev, from->config, from->type, from->net)
	                            : adapter_blank(from->dev, from->config, from->type,
	                                            from->targets, from->rank, from->alpha);

	a->dev->op->copy(a->dev, mat_of(a->p, DT_F32, 1, a->n), mat_of(from->p, DT_F32, 1, a->n));
	adapter_refresh(a);
	return a;
}

void adapter_close(struct adapter *a)
{
	const struct ops *op = a->dev->op;

	if (a->net) {
		net_close(a->net);
		net_close(a->grad);
	}
	free(a->net);
	free(a->grad);
	if (a->shadow != a->p)
		op->free(a->dev, a->shadow);
	op->free(a->dev, a->p);
	op->free(a->dev, a->g);
	op->free(a->dev, a->m);
	op->free(a->dev, a->v);
	op->free(a->dev, a->sum);
	free(a->targets);
	free(a->site);
	free(a);
}

void adapter_zero(struct adapter *a) { a->dev->op->zero(a->dev, a->g, a->n * sizeof *a->g); }

double adapter_norm(const struct adapter *a)
{
	float sum;

	a->dev->op->sumsq(a->dev, a->sum, a->g, a->n);
	a->dev->op->get(a->dev, &sum, a->sum, sizeof sum);
	return sqrt(sum);
}

void adapter_refresh(struct adapter *a)
{
	if (a->shadow != a->p)
		a->dev->op->copy(a->dev, mat_of(a->shadow, a->type, 1, a->n),
		                 mat_of(a->p, DT_F32, 1, a->n));
}

double adapter_step(struct adapter *a, struct adamw w)
{
	const struct ops *op = a->dev->op;
	float sum;

	w.step = ++a->step;
	op->sumsq(a->dev, a->sum, a->g, a->n);
	op->adamw(a->dev, a->p, a->g, a->m, a->v, a->n, w, a->sum);
	adapter_zero(a);
	adapter_refresh(a);
	op->get(a->dev, &sum, a->sum,
	        sizeof sum); /* last: a GPU then has nothing to wait for in between */
	return sqrt(sum);
}
