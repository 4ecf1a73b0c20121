/* SPDX-License-Identifier: MIT */
/* plan.c - the plan of a run's memory: what gives way to which limit, and that it changes no bit. */
#include "../lib/model/plan.h"

#include "../lib/base/memory.h"
#include "tap.h"
#include "tiny.h"

enum { ROWS = 6, LONGEST = 100 };

static struct plan planned(const struct model *m, const struct demand *d, long memory, long pass)
{
	struct compute_opts o = tiny_opts("f32", pass, 1);
	struct plan p;

	o.memory = memory;
	plan_make(&p, m, d, &o);
	return p;
}

/* From too little to more than enough, in 200 steps. */
static void limits(const struct model *m, const struct demand *d)
{
	struct plan all = planned(m, d, 1L << 40, 0), least = planned(m, d, 1, 0);
	long step = (long)(all.total - least.total) / 200 + 1, over = 0, fewer = 0, passes = 0, one = 0;
	int kept = 0;

	ok(all.kept == all.layers && all.total < all.limit, "no limit: all blocks keep their activations");
	ok(!least.kept && least.total > least.limit, "too little: none can, and the least is said");
	ok(!planned(m, d, (long)least.total - 1, 0).kept, "a byte less than the least does not do");
	ok(planned(m, d, (long)least.total, 0).kept == 1, "the least does, for one block");
	for (long limit = (long)least.total; limit < (long)all.total; limit += step) {
		struct plan p = planned(m, d, limit, 0);

		over += p.total > p.limit;
		fewer += p.kept < kept;
		passes += p.pass != all.pass || p.tokens[1] != all.tokens[1];
		one += p.kept < p.layers;
		kept = p.kept;
	}
	ok(one > 100 && !over, "within every limit in between (%ld over)", over);
	ok(!fewer, "more memory never means fewer blocks (%ld did)", fewer);
	ok(!passes, "the length of a pass does not follow memory (%ld did)", passes);
}

static void passes(const struct model *m, struct demand d)
{
	struct plan p = planned(m, &d, 1L << 40, 128);

	ok(p.pass == 128 && p.tokens[1] == 128, "--pass-tokens is the largest pass");
	d.longest = 500;
	ok(planned(m, &d, 1L << 40, 128).tokens[1] == 512, "but for a longer row, padded");
	d.longest = 20;
	d.rows[1] = 2;
	ok(planned(m, &d, 1L << 40, 128).tokens[1] == 64, "few short rows make a shorter one");
	d.rows[0] = d.rows[1] = 0;
	ok(!planned(m, &d, 1L << 40, 128).tokens[1], "no rows, no pass");
}

/* Vectors beside theta are F32, and without gradient and moments. */
static void vectors(const struct model *m, struct demand d)
{
	struct plan before = planned(m, &d, 1L << 40, 0), after;

	d.vectors = 2;
	after = planned(m, &d, 1L << 40, 0);
	ok(after.bytes[MEMORY_THETA] - before.bytes[MEMORY_THETA] == 2 * d.theta->n * sizeof(float) && d.theta->n > 0 &&
	   after.total - before.total == 2 * d.theta->n * sizeof(float), "two vectors of theta's length");
}

/* Theta of all weights stands in the weights' place. */
static void weights(const struct model *m, struct demand d)
{
	struct params *whole = params_whole(&m->config, m->type, m->weights);
	struct plan p = planned(m, &d, 1L << 40, 0);
	size_t pairs = p.bytes[MEMORY_THETA];

	long padding = (long)(p.bytes[MEMORY_MAPPED] + p.bytes[MEMORY_WEIGHTS]) - 4 * whole->n;

	ok(padding >= 0 && padding < MAT_ALIGN * whole->slices, "every weight is planned, in the file or copied");
	ok(pairs == 4 * sizeof(float) * d.theta->n, "and theta: values, gradient, two moments");
	d.copies = 2;
	ok(planned(m, &d, 1L << 40, 0).bytes[MEMORY_THETA] == 2 * pairs, "each copy of it");
	d.theta = whole;
	d.copies = 1;
	p = planned(m, &d, 1L << 40, 0);
	ok(!p.bytes[MEMORY_MAPPED] && !p.bytes[MEMORY_WEIGHTS] && (long)p.bytes[MEMORY_THETA] == 16 * whole->n,
	   "theta of all weights needs no others");
	params_close(whole);
}

/* Losses and gradients of a model whose blocks all keep their activations, or as few as can. */
static void same_bits(const char *name, const struct tokens *rows)
{
	long row[ROWS] = {0, 1, 2, 3, 4, 5};
	struct batch b = tiny_batch(rows, row, ROWS);
	float *g[2], loss[2][ROWS], weight[ROWS] = {1, 2, 1, 1, 1, 1};
	char *lora = xprintf("%s-lora", name);
	long n = 0;

	for (int least = 0; least < 2; least++) {
		struct engine *e = tiny_engine(gold_path(name, ""), tiny_opts("f32", 128, 2),
		                               least ? TINY_LEAST : TINY_PLAIN);
		struct params *a = tiny_adapter(e, lora);

		n = a->n;
		g[least] = xalloc(n * sizeof **g);
		engine_grad(e, a, &b, weight, loss[least]);
		a->dev->op->get(a->dev, g[least], a->g, n * sizeof **g);
		params_close(a);
		tiny_close(e);
	}
	ok(!memcmp(loss[0], loss[1], sizeof *loss) && !memcmp(g[0], g[1], n * sizeof **g),
	   "%s: activations kept or computed again, the same bits", name);
	free(g[0]);
	free(g[1]);
	free(lora);
}

/* A file of halves takes less than their floats, and stays as it is where these do not fit. */
static void stored(void)
{
	struct compute_opts o = tiny_opts("f32", 0, 1);
	struct model *m = model_open(gold_path("tiny-gemma3", ".gguf"), &o);
	struct params *theta = params_lora(&m->config, m->type, "all-linear", 16, 16);
	struct demand d = {.theta = theta, .copies = 1, .longest = 20, .rows = {2, 2}};
	struct plan all = planned(m, &d, 1L << 40, 0), least = planned(m, &d, 1, 0), p;

	m->stored = 1;
	p = planned(m, &d, 1L << 40, 0);
	ok(!all.stored && p.stored, "converted, but where it is asked for");
	ok(p.bytes[MEMORY_WEIGHTS] < all.bytes[MEMORY_WEIGHTS] && p.bytes[MEMORY_MAPPED] > 0,
	   "stored weights take fewer bytes, mapped");
	m->stored = 0;
	ok(least.stored, "what a run needs at least is with stored weights");
	ok(planned(m, &d, (long)least.total, 0).stored, "which are taken where the others do not fit");
	ok(!planned(m, &d, (long)all.total, 0).stored, "and not where they do");
	params_close(theta);
	model_close(m);
}

int main(void)
{
	static const char *const names[] = {"tiny-llama", "tiny-neox", "tiny-olmo2", "tiny-gemma3"};
	json_t *json = json_read_file(gold_path("rows", ".json"));
	struct compute_opts o = tiny_opts("f32", 0, 1);
	struct model *m = model_open(gold_path("tiny-gemma3", ""), &o);
	struct params *theta = params_lora(&m->config, m->type, "all-linear", 16, 16);
	struct tokens *rows = tiny_rows(json);
	struct demand d = {.theta = theta, .copies = 1, .longest = LONGEST, .rows = {64, 64}};

	die_name("plan.t");
	notice_quiet(1);
	limits(m, &d);
	passes(m, d);
	vectors(m, d);
	weights(m, d);
	stored();
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		same_bits(names[i], rows);
	params_close(theta);
	model_close(m);
	tokens_close(rows);
	json_decref(json);
	return tap_done();
}
