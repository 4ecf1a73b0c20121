/* SPDX-License-Identifier: MIT */
/* whole.c - theta as all of a model's tensors, in place of the frozen ones.
 *
 * Products see matrices in the compute type, the shadow; vectors, which norms and biases read,
 * are the F32 values themselves.
 */
#include <assert.h>
#include <string.h>

#include "../base/die.h"
#include "../base/memory.h"
#include "params.h"
#include "weights.h"

struct whole_walk {
	struct params *a;
	const struct weights *weights;
	int next; /* slice */
};

static void add(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct whole_walk *w = ctx;

	(void)at;
	if (weights_has(w->weights, r))
		params_add(w->a, (struct slice){.name = xstrdup(r->hf),
		                                .rows = r->rows,
		                                .cols = r->cols,
		                                .layer = r->layer,
		                                .part = r->part});
}

struct params *params_whole(const struct config *c, enum dtype type, const struct weights *weights)
{
	struct params *a = xzalloc(1, sizeof *a);
	struct whole_walk w = {.a = a, .weights = weights};

	a->config = c;
	a->type = type;
	a->net = xzalloc(1, sizeof *a->net);
	a->grad = xzalloc(1, sizeof *a->grad);
	net_open(a->net, c);
	net_open(a->grad, c);
	net_each(a->net, c, type, add, &w);
	return a;
}

/* The slice of this role, which is the next one if there is any. */
static const struct slice *next(struct whole_walk *w, const struct tensor_role *r)
{
	const struct slice *s = &w->a->slice[w->next];

	if (w->next == w->a->slices || strcmp(s->name, r->hf))
		return NULL;
	w->next++;
	return s;
}

static void place_value(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct whole_walk *w = ctx;
	const struct slice *s = next(w, r);

	if (s && r->type == DT_F32)
		*at = params_values(w->a, s);
	else if (s)
		*at = mat_of((char *)w->a->shadow + s->at * dtype_size(r->type), r->type, r->rows,
		             r->cols);
}

static void place_gradient(void *ctx, const struct tensor_role *r, struct mat *at)
{
	struct whole_walk *w = ctx;
	const struct slice *s = next(w, r);

	if (s)
		*at = params_gradient(w->a, s);
}

void whole_place(struct params *a)
{
	struct whole_walk values = {.a = a}, gradients = {.a = a};

	net_each(a->net, a->config, a->type, place_value, &values);
	net_each(a->grad, a->config, DT_F32, place_gradient, &gradients);
	assert(values.next == a->slices && gradients.next == a->slices);
}
