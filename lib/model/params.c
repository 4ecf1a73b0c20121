/* SPDX-License-Identifier: MIT */
/* params.c - theta's vectors, and its optimiser step; see params.h. */
#include "params.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../base/rng.h"
#include "ranks.h"

long params_add(struct params *a, struct slice s)
{
	a->slice = xrealloc(a->slice, (a->slices + 1) * sizeof *a->slice);
	s.at = a->n;
	a->slice[a->slices++] = s;
	a->n += s.rows * s.cols;
	return s.at;
}

enum { PART_ROUND = 64 }; /* parts begin at multiples of so many values */

/* Where the r-th rank's part begins. */
static size_t part_begin(const struct params *a, int r)
{
	long units = a->n / PART_ROUND;

	return r == world_size() ? a->n : units * r / world_size() * PART_ROUND;
}

size_t params_bytes(const struct params *a)
{
	size_t shadow = a->type == DT_F32 ? 0 : dtype_size(a->type);
	size_t own = part_begin(a, world_rank() + 1) - part_begin(a, world_rank());

	return a->n * (2 * sizeof(float) + shadow) + own * 2 * sizeof(float) + ranks_bytes(a->n);
}

static float *vector(struct dev *d, long n)
{
	float *x = d->op->alloc(d, n * sizeof *x);

	d->op->zero(d, mat_of(x, DT_F32, 1, n));
	return x;
}

void params_room(struct params *a, struct dev *d)
{
	a->dev = d;
	a->part = xalloc((world_size() + 1) * sizeof *a->part);
	for (int r = 0; r <= world_size(); r++)
		a->part[r] = part_begin(a, r);
	a->p = d->op->alloc(d, a->n * sizeof *a->p);
	a->g = vector(d, a->n);
	a->m = vector(d, long_max(1, params_own(a)));
	a->v = vector(d, long_max(1, params_own(a)));
	a->sum = vector(d, 1);
	if (d->apart && world_size() > 1)
		a->room = d->op->alloc(d, ranks_bytes(a->n));
	a->shadow = a->type == DT_F32 ? a->p : d->op->alloc(d, a->n * dtype_size(a->type));
	if (a->site)
		lora_place(a);
	else
		whole_place(a);
}

static void free_room(struct params *a)
{
	const struct ops *op = a->dev->op;

	if (a->shadow != a->p)
		op->free(a->dev, a->shadow);
	op->free(a->dev, a->p);
	op->free(a->dev, a->g);
	op->free(a->dev, a->m);
	op->free(a->dev, a->v);
	op->free(a->dev, a->sum);
	if (a->room)
		op->free(a->dev, a->room);
}

void params_close(struct params *a)
{
	if (!a)
		return;
	if (a->dev)
		free_room(a);
	if (a->net) {
		net_close(a->net);
		net_close(a->grad);
	}
	for (int i = 0; i < a->slices; i++)
		free(a->slice[i].name);
	free(a->slice);
	free(a->part);
	free(a->net);
	free(a->grad);
	free(a->targets);
	json_decref(a->peft);
	free(a->site);
	free(a);
}

struct params *params_clone(const struct params *from)
{
	const struct config *c = from->config;
	struct params *a = xzalloc(1, sizeof *a);

	a->config = c;
	a->type = from->type;
	for (int i = 0; i < from->slices; i++) {
		struct slice s = from->slice[i];

		s.name = xstrdup(s.name);
		params_add(a, s);
	}
	a->rank = from->rank;
	a->alpha = from->alpha;
	a->peft = json_incref(from->peft);
	memcpy(a->ranks, from->ranks, sizeof a->ranks);
	if (from->site) {
		a->targets = xstrdup(from->targets);
		a->site = xalloc(c->layers * sizeof *a->site);
		memcpy(a->site, from->site, c->layers * sizeof *a->site);
	} else {
		a->net = xzalloc(1, sizeof *a->net);
		a->grad = xzalloc(1, sizeof *a->grad);
		net_like(a->net, from->net, c);
		net_like(a->grad, from->grad, c);
	}
	params_room(a, from->dev);
	a->dev->op->copy(a->dev, mat_of(a->p, DT_F32, 1, a->n), mat_of(from->p, DT_F32, 1, a->n));
	params_refresh(a);
	return a;
}

void params_random(struct params *a, uint64_t seed)
{
	struct rng r = rng_new(seed, 0x10aa);
	float *p = xzalloc(a->n, sizeof *p);

	for (long i = 0; i < a->config->layers; i++)
		for (int s = 0; s < SITES; s++) {
			const struct lora_site *l = &a->site[i][s];
			float *x = p + l->pair[0].a_at; /* a layer's a's are adjacent */
			double bound = l->n ? 1 / sqrt(l->a.cols) : 0;

			for (long k = 0; l->n && k < l->a.rows * l->a.cols; k++)
				x[k] = (float)((2 * rng_unit(&r) - 1) * bound);
		}
	params_set(a, p);
	free(p);
}

void params_set(struct params *a, const float *p)
{
	a->dev->op->put(a->dev, a->p, p, a->n * sizeof *p);
	params_refresh(a);
}

void params_get(const struct params *a, float *p)
{
	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
}

void params_get_gradient(const struct params *a, float *g)
{
	a->dev->op->get(a->dev, g, a->g, a->n * sizeof *g);
}

struct mat params_values(const struct params *a, const struct slice *s)
{
	return mat_of(a->p + s->at, DT_F32, s->rows, s->cols);
}

struct mat params_gradient(const struct params *a, const struct slice *s)
{
	return mat_of(a->g + s->at, DT_F32, s->rows, s->cols);
}

const struct slice *params_find(const struct params *a, const char *name)
{
	for (int i = 0; i < a->slices; i++)
		if (!strcmp(a->slice[i].name, name))
			return &a->slice[i];
	return NULL;
}

void params_sum(struct params *a) { ranks_sum(a); }

void params_zero(struct params *a) { a->dev->op->zero(a->dev, mat_of(a->g, DT_F32, 1, a->n)); }

/* Sets a->sum to x'y. */
static void dot(const struct params *a, const float *x, const float *y)
{
	long first = params_first(a);
	float sum = 0;

	if (params_own(a))
		a->dev->op->dot(a->dev, a->sum, x + first, y + first, params_own(a));
	if (world_size() == 1)
		return;
	if (params_own(a))
		a->dev->op->get(a->dev, &sum, a->sum, sizeof sum);
	sum = (float)world_add(sum);
	a->dev->op->put(a->dev, a->sum, &sum, sizeof sum);
}

double params_norm(const struct params *a) { return sqrt(params_dot(a, a->g, a->g)); }

double params_dot(const struct params *a, const float *x, const float *y)
{
	float sum;

	dot(a, x, y);
	a->dev->op->get(a->dev, &sum, a->sum, sizeof sum);
	return sum;
}

void params_add_scaled(const struct params *a, float *y, const float *x, double scale)
{
	a->dev->op->bias(a->dev, mat_of(y, DT_F32, 1, a->n), mat_of((float *)x, DT_F32, 1, a->n),
	                 (float)scale);
}

float *params_vector(const struct params *a, const float *like)
{
	float *x = vector(a->dev, a->n);

	if (like)
		a->dev->op->copy(a->dev, mat_of(x, DT_F32, 1, a->n),
		                 mat_of((float *)like, DT_F32, 1, a->n));
	return x;
}

void params_refresh(struct params *a)
{
	if (a->shadow != a->p)
		a->dev->op->copy(a->dev, mat_of(a->shadow, a->type, 1, a->n),
		                 mat_of(a->p, DT_F32, 1, a->n));
}

/* A step of this rank's part. */
static void step_part(struct params *a, struct adamw w, const struct pull *to)
{
	const struct ops *op = a->dev->op;
	long first = params_first(a), n = params_own(a);

	if (!n)
		return;
	if (to)
		w.decay += (float)to->strength; /* to begin, which is then added again */
	op->adamw(a->dev, a->p + first, a->g + first, a->m, a->v, n, w, a->sum);
	if (to)
		op->bias(a->dev, mat_of(a->p + first, DT_F32, 1, n),
		         mat_of((float *)to->begin + first, DT_F32, 1, n),
		         (float)((double)w.rate * (float)to->strength));
}

double params_step(struct params *a, struct adamw w, const struct pull *to)
{
	float sum;

	w.step = ++a->step;
	dot(a, a->g, a->g);
	step_part(a, w, to);
	params_zero(a);
	ranks_gather(a);
	params_refresh(a);
	/* Read last: a GPU then has nothing to wait for in between. */
	a->dev->op->get(a->dev, &sum, a->sum, sizeof sum);
	return sqrt(sum);
}
