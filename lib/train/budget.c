/* SPDX-License-Identifier: MIT */
/* budget.c - see budget.h.  The order of the rows is known beforehand, and so is the
 * largest pass. */
#include "budget.h"

/* The passes of `steps` batches of n rows. */
static void walk(const struct tokens *d, const struct train_opts *o, uint64_t stream, int shuffle,
                 int n, long steps, long pass, struct passes *p)
{
	struct order order;
	struct batch b;

	if (!d || !d->rows)
		return;
	order_open(&order, d, o ? o->seed : 0, stream, shuffle);
	for (long i = 0; i < steps; i++) {
		if (stream == SAFE_STREAM)
			order_cycle(&order, &b, n);
		else
			order_next(&order, &b, n);
		if (!b.n)
			order_next(&order, &b, n);
		passes_add(p, &b, pass);
	}
	order_close(&order);
}

static void in_order(const struct tokens *d, long pass, struct passes *p)
{
	if (d)
		walk(d, NULL, 0, 0, LOSS_BATCH, (d->rows + LOSS_BATCH - 1) / LOSS_BATCH, pass, p);
}

static void passes(const void *run, long pass, int backward, struct passes *p)
{
	const struct budget *b = run;
	const struct train_opts *o = b->opts;
	long steps = o ? train_steps(o, b->data) : 0;

	if (o && b->data_back == backward)
		walk(b->data, o, DATA_STREAM, !o->no_shuffle, (int)o->batch, steps, pass, p);
	if (o && b->safe && b->safe_back == backward)
		walk(b->safe, o, SAFE_STREAM, !o->no_shuffle, (int)o->batch, steps, pass, p);
	if (backward)
		return;
	if (b->all)
		in_order(b->data, pass, p);
	in_order(b->valid, pass, p);
}

static long longer(long a, long b) { return a > b ? a : b; }

static void add_rows(struct demand *d, const struct tokens *t)
{
	if (!t)
		return;
	d->longest = longer(d->longest, t->longest);
	d->rows += t->in_memory + t->mapped;
	d->mapped += t->mapped;
}

void budget_plan(struct model *m, const struct budget *b)
{
	struct dev *counting = dev_counting();
	struct demand d = {.passes = passes, .run = b};
	struct adapter *theta = NULL;
	struct train_opts o;

	if (b->opts) {
		o = *b->opts;
		theta = train_adapter(m, counting, &o);
	} else if (b->adapter) {
		theta = adapter_load(counting, model_config(m), model_dtype(m), b->adapter);
	}
	d.theta = theta;
	d.adapters = b->adapters * dev_counted(counting);
	add_rows(&d, b->data);
	add_rows(&d, b->safe);
	add_rows(&d, b->valid);
	d.resident = d.rows;
	d.rows += b->each * b->data->rows + (b->opts && b->safe ? order_bytes(b->safe->rows) : 0);
	model_plan(m, &d);
	if (theta)
		adapter_close(theta);
	dev_counting_close(counting);
}

static void answer_passes(const void *run, long pass, int backward, struct passes *p)
{
	const struct demand *d = run;

	(void)pass;
	if (!backward)
		*p = (struct passes){cache_tokens(d->slots, d->positions), {~0ull}};
}

int budget_answers(struct model *m, const char *adapter, long positions, int most)
{
	struct dev *counting = dev_counting();
	struct demand d = {.passes = answer_passes,
	                   .run = &d,
	                   .slots = most,
	                   .positions = positions,
	                   .longest = positions};
	struct adapter *theta =
		adapter ? adapter_load(counting, model_config(m), model_dtype(m), adapter) : NULL;

	d.theta = theta;
	d.adapters = dev_counted(counting);
	while (d.slots > 1 && !model_fits(m, &d))
		d.slots = (d.slots + 1) / 2;
	model_plan(m, &d);
	if (theta)
		adapter_close(theta);
	dev_counting_close(counting);
	return (int)d.slots;
}
