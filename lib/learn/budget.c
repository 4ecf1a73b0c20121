/* budget.c - see budget.h.  The order of the rows is known beforehand, and so is the
 * largest pass. */
#include "budget.h"

/* The largest pass of `steps` batches of n rows. */
static long walk(const struct tokens *d, const struct train_opts *o, uint64_t stream, int shuffle, int n, long steps,
                 long pass)
{
	struct order order;
	struct batch b;
	long most = 0;

	if (!d || !d->rows)
		return 0;
	order_open(&order, d, o ? o->seed : 0, stream, shuffle);
	for (long i = 0; i < steps; i++) {
		long tokens;

		if (stream == SAFE_STREAM)
			order_cycle(&order, &b, n);
		else
			order_next(&order, &b, n);
		if (!b.n)
			order_next(&order, &b, n);
		tokens = model_largest(&b, pass);
		if (tokens > most)
			most = tokens;
	}
	order_close(&order);
	return most;
}

static long longer(long a, long b) { return a > b ? a : b; }

static long in_order(const struct tokens *d, long pass)
{
	return d ? walk(d, NULL, 0, 0, LOSS_BATCH, (d->rows + LOSS_BATCH - 1) / LOSS_BATCH, pass) : 0;
}

static long largest(const void *run, long pass, int backward)
{
	const struct budget *b = run;
	const struct train_opts *o = b->opts;
	long most = 0, steps = o ? train_steps(o, b->data) : 0;

	if (o && b->data_back == backward)
		most = walk(b->data, o, DATA_STREAM, !o->no_shuffle, (int)o->batch, steps, pass);
	if (o && b->safe && b->safe_back == backward)
		most = longer(most, walk(b->safe, o, SAFE_STREAM, !o->no_shuffle, (int)o->batch, steps, pass));
	if (!backward && b->all)
		most = longer(most, in_order(b->data, pass));
	return backward ? most : longer(most, in_order(b->valid, pass));
}

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
	struct demand d = {.largest = largest, .run = b};
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
	d.rows += b->each * b->data->rows + (b->opts && b->safe ? ORDER_BYTES * b->safe->rows : 0);
	model_plan(m, &d);
	if (theta)
		adapter_close(theta);
	dev_counting_close(counting);
}
