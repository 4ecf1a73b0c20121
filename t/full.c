/* SPDX-License-Identifier: MIT */
/* full.c - theta of all weights: gradients, and ten AdamW steps, against gold
 * values that transformers gave in float64 (t/gold/full.py). */
#include "../lib/model/engine.h"
#include <unistd.h>

#include "tap.h"
#include "tiny.h"

enum { ROWS = 6, STEPS = 10, ENTRIES = 12 };
static const long order[ROWS] = {0, 1, 2, 3, 4, 5};

struct test {
	const char *name;
	struct engine *model;
	struct params *a;
	struct batch batch;
	float weight[ROWS];
	const json_t *gold;             /* "grad" or "moved" */
	const float *start;             /* theta before the steps */
	double most;                    /* the largest relative difference so far */
	int tensors;
	char worst[160];
};

static void differs(struct test *t, double got, double want, double scale, const struct tensor_role *w)
{
	double off = fabs(got - want) / scale;

	if (off <= t->most)
		return;
	t->most = off;
	snprintf(t->worst, sizeof t->worst, "%s", w->hf);
}

static double norm_of(const float *x, const float *less, long n)
{
	double s = 0;

	for (long i = 0; i < n; i++)
		s += pow(x[i] - (less ? less[i] : 0), 2);
	return sqrt(s);
}

/* A gradient's norm, and its entries as a share of its root mean square. */
static void check_tensor(void *ctx, const struct tensor_role *w, struct mat *at)
{
	struct test *t = ctx;
	const json_t *gold = json_object_get(t->gold, w->hf), *entries = json_object_get(gold, "at");
	long n = w->rows * w->cols, step = n / ENTRIES + 1;
	double norm = json_number(gold, "norm", 0);

	if (!at->p)
		return;
	t->tensors += gold != NULL;
	differs(t, norm_of(at->p, NULL, n), norm, norm, w);
	for (size_t i = 0; i < json_array_size(entries); i++)
		differs(t, ((float *)at->p)[i * step], json_number_value(json_array_get(entries, i)), norm / sqrt(n), w);
}

static void check_moved(void *ctx, const struct tensor_role *w, struct mat *at)
{
	struct test *t = ctx;
	double norm = json_number(t->gold, w->hf, 0);
	/* A bias of keys shifts all of a query's scores alike where it does not rotate: its
	 * gradient is 0 but for rounding, which Adam blows up to steps of full size. */
	int loose = strstr(w->hf, "k_proj.bias") || strstr(w->hf, "query_key_value.bias");
	float *p = at->p;

	if (!p)
		return;
	t->tensors += norm > 0;
	differs(t, norm_of(p, t->start + (p - t->a->p), w->rows * w->cols), norm, loose ? 100 * norm : norm, w);
}

/* Over every tensor of net: all of gold's are there, and none is off by more than tol. */
static void each(struct test *t, struct net *net, net_fn *f, const json_t *gold, double tol, const char *what)
{
	t->gold = gold;
	t->most = t->tensors = 0;
	*t->worst = 0;
	net_each(net, &engine_model(t->model)->config, DT_F32, f, t);
	ok(t->tensors == (int)json_object_size(gold), "%s: %s of %d tensors of %zu", t->name, what, t->tensors,
	   json_object_size(gold));
	ok(t->most <= tol, "%s: %s (off by %.1e, %s)", t->name, what, t->most, t->worst);
}

static void begin_with(struct test *t, const char *name, struct engine *e, const struct tokens *rows,
                       const json_t *json)
{
	memset(t, 0, sizeof *t);
	t->name = name;
	t->model = e;
	t->a = tiny_whole(t->model);
	t->batch = tiny_batch(rows, order, ROWS);
	for (int i = 0; i < ROWS; i++)
		t->weight[i] = (float)json_number(json_array_get(json, i), "weight", 0);
}

static void begin(struct test *t, const char *name, const char *dtype, long pass, const struct tokens *rows,
                  const json_t *json)
{
	begin_with(t, name, tiny_open(name, dtype, pass, 1), rows, json);
}

/* A row a pass, and all activations but a block's are computed again. */
static void begin_least(struct test *t, const char *name, const struct tokens *rows, const json_t *json)
{
	begin_with(t, name, tiny_engine(gold_path(name, ""), tiny_opts("f32", 1, 1), TINY_LEAST), rows, json);
}

static void end(struct test *t)
{
	params_close(t->a);
	tiny_close(t->model);
}

/* Central differences of the summed loss, at a value of theta. */
static double difference(struct test *t, float *p, float by)
{
	double sum[2] = {0};
	float was = *p, loss[ROWS];

	for (int side = 0; side < 2; side++) {
		*p = side ? was + by : was - by;
		params_refresh(t->a);
		engine_loss(t->model, t->a, &t->batch, loss);
		for (int i = 0; i < ROWS; i++)
			sum[side] += (double)t->weight[i] * loss[i];
	}
	*p = was;
	return (sum[1] - sum[0]) / (2 * by);
}

/* Three values of every tensor, which begin with the largest gradient's.  Of a gradient below 0.1
 * the rounding of the losses, about 24, is too large a share. */
static void check_difference(void *ctx, const struct tensor_role *w, struct mat *at)
{
	struct test *t = ctx;
	const float *g = at->p;
	long n = w->rows * w->cols, most = 0;

	if (!g)
		return;
	for (long i = 0; i < n; i++)
		if (fabs(g[i]) > fabs(g[most]))
			most = i;
	for (int i = 0; i < 3; i++) {
		long k = (most + i * (n / 3)) % n;

		differs(t, difference(t, t->a->p + (g - t->a->g) + k, 2e-3f), g[k], fmax(fabs(g[most]), 0.1), w);
	}
	t->tensors += json_object_get(t->gold, w->hf) != NULL;
}

static void check_gradient(const char *name, const struct tokens *rows, const json_t *json, const json_t *gold)
{
	struct test t;
	float loss[ROWS], alone[ROWS];

	begin(&t, name, "f32", 2048, rows, json);
	engine_loss(t.model, NULL, &t.batch, alone);
	engine_grad(t.model, t.a, &t.batch, t.weight, loss);
	ok(!memcmp(loss, alone, sizeof loss), "%s: theta starts as the model", name);
	each(&t, t.a->grad, check_tensor, gold, 1e-4, "gradients");
	each(&t, t.a->grad, check_difference, gold, 1e-2, "finite differences");
	end(&t);

	begin_least(&t, name, rows, json);
	for (int i = 0; i < ROWS; i++)
		t.weight[i] /= 2;
	engine_grad(t.model, t.a, &t.batch, t.weight, loss);
	engine_grad(t.model, t.a, &t.batch, t.weight, loss);
	each(&t, t.a->grad, check_tensor, gold, 1e-4, "gradients in passes, added up");
	end(&t);
}

static void check_steps(const char *name, const struct tokens *rows, const json_t *json, const json_t *gold)
{
	const struct adamw w = {.rate = 0.003f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .decay = 0.01f, .clip = 1};
	struct params *start;
	struct test t;
	struct net master;
	double most = 0;
	float loss[ROWS], alone[ROWS], again[ROWS];

	begin(&t, name, "f32", 64, rows, json);         /* several passes a step */
	engine_loss(t.model, NULL, &t.batch, alone);
	start = params_clone(t.a);
	t.start = start->p;
	for (int i = 0; i < ROWS; i++)
		t.weight[i] = 1.f / ROWS;
	for (int s = 0; s < STEPS; s++) {
		engine_grad(t.model, t.a, &t.batch, t.weight, loss);
		params_step(t.a, w, NULL);
		for (int i = 0; i < ROWS; i++) {
			double want = json_number_value(json_array_get(json_array_get(json_object_get(gold, "loss"), s), i));

			most = fmax(most, fabs(loss[i] - want) / want);
		}
	}
	ok(most < 1e-4, "%s: the losses of %d steps (off by %.1e)", name, STEPS, most);
	net_like(&master, t.a->net, &engine_model(t.model)->config);
	each(&t, &master, check_moved, json_object_get(gold, "moved"), 1e-4, "how far each tensor moved");
	net_close(&master);
	engine_loss(t.model, NULL, &t.batch, again);
	ok(!memcmp(again, alone, sizeof again), "%s: the model itself does not move", name);
	engine_loss(t.model, start, &t.batch, again);
	ok(!memcmp(again, alone, sizeof again), "%s: nor does a clone", name);
	params_close(start);
	end(&t);
}

/* In bf16 theta is still F32; products see its rounding. */
static void check_bf16(const char *name, const struct tokens *rows, const json_t *json, const json_t *gold)
{
	struct test t, exact;
	double dot = 0, aa = 0, bb = 0;
	float loss[ROWS], *p;

	(void)gold;
	begin(&exact, name, "f32", 2048, rows, json);
	begin(&t, name, "bf16", 2048, rows, json);
	p = xalloc(t.a->n * sizeof *p);
	memcpy(p, t.a->p, t.a->n * sizeof *p);
	ok(t.a->n == exact.a->n && !memcmp(p, exact.a->p, t.a->n * sizeof *p), "%s: bf16, theta is the model's, unrounded", name);
	engine_grad(exact.model, exact.a, &exact.batch, exact.weight, loss);
	engine_grad(t.model, t.a, &t.batch, t.weight, loss);
	for (long i = 0; i < t.a->n; i++) {
		dot += (double)t.a->g[i] * exact.a->g[i];
		aa += (double)t.a->g[i] * t.a->g[i];
		bb += (double)exact.a->g[i] * exact.a->g[i];
	}
	ok(1 - dot / sqrt(aa * bb) < 1e-3, "%s: bf16, direction of the gradient (1 - %.1e)", name, 1 - dot / sqrt(aa * bb));
	near(sqrt(aa / bb), 1, 0.02, "bf16, length of the gradient");
	free(p);
	end(&t);
	end(&exact);
}

/* From GGUF, whose rows are in another order, come the same values. */
static void check_gguf(const char *name, const struct tokens *rows, const json_t *json)
{
	char file[64];
	struct test t, hf;

	snprintf(file, sizeof file, "%s.gguf", name);
	begin(&hf, name, "f32", 2048, rows, json);
	begin(&t, file, "f32", 2048, rows, json);
	ok(t.a->n == hf.a->n && !memcmp(t.a->p, hf.a->p, t.a->n * sizeof *t.a->p), "%s: the same theta", file);
	end(&t);
	end(&hf);
}

int main(void)
{
	json_t *json = json_read_file(GOLD "rows.json"), *gold = json_read_file(GOLD "full.json"), *said;
	json_t *more = json_read_file(GOLD "families-full.json");
	struct tokens *rows = tiny_rows(json);
	const char *name;

	die_name("full.t");
	json_object_update(gold, more);
	json_decref(more);
	json_object_foreach(gold, name, said) {
		check_gradient(name, rows, json, json_object_get(said, "grad"));
		check_steps(name, rows, json, said);
		check_bf16(name, rows, json, said);
		if (!access(gold_path(name, ".gguf"), R_OK))
			check_gguf(name, rows, json);
	}
	tokens_close(rows);
	json_decref(json);
	json_decref(gold);
	return tap_done();
}
