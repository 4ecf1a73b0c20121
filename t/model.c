/* SPDX-License-Identifier: MIT */
/* model.c - model_nll, model_loss and model_grad against gold values that
 * transformers and peft gave in float64 (t/gold/models.py). */
#include "../lib/model/engine.h"
#include "tap.h"
#include "tiny.h"

enum { ROWS = 6 };
static const long order[ROWS] = {3, 0, 5, 2, 1, 4};     /* a batch is not in file order */

struct tiny {
	const char *name;
	struct tokens *rows;
	json_t *gold, *json;
	float weight[ROWS];             /* of the batch's rows */
	struct batch batch;
	long total;                     /* tokens of the batch */
};

static void tiny_begin(struct tiny *t, const char *name)
{
	t->name = name;
	t->json = json_read_file(GOLD "rows.json");
	t->rows = tiny_rows(t->json);
	t->gold = json_read_file(gold_path(name, ".json"));
	t->batch = tiny_batch(t->rows, order, ROWS);
	t->total = (long)t->rows->part->offset[ROWS];
	for (int i = 0; i < ROWS; i++)
		t->weight[i] = (float)json_number(json_array_get(t->json, order[i]), "weight", 0);
}

static void tiny_end(struct tiny *t)
{
	tokens_close(t->rows);
	json_decref(t->json);
	json_decref(t->gold);
}

static double gold_loss(const struct tiny *t, const char *part, int i)
{
	return json_number_value(json_array_get(json_object_get(json_object_get(t->gold, part), "loss"), order[i]));
}

/* The largest |got - want| / max(1, |want|) over a batch's losses. */
static double losses_off(const struct tiny *t, const char *part, const float loss[])
{
	double most = 0;

	for (int i = 0; i < ROWS; i++) {
		double want = gold_loss(t, part, i), off = fabs(loss[i] - want) / fmax(1, fabs(want));

		if (!(off <= most))
			most = off;
	}
	return most;
}

/* The same over every token's nll; -1 when a NaN is not where it must be. */
static double nll_off(const struct tiny *t, const char *part, const float nll[], int all)
{
	json_t *gold = json_object_get(json_object_get(t->gold, part), "nll");
	double most = 0;
	long k = 0;

	for (int i = 0; i < ROWS; i++) {
		const uint8_t *train = t->rows->part->train + t->rows->part->offset[order[i]];

		for (long j = 0; j < tokens_length(t->rows, order[i]); j++, k++) {
			double want, off;

			if (isnan(nll[k]) != (j == 0 || !(all || train[j])))
				return -1;
			if (isnan(nll[k]))
				continue;
			want = json_number_value(json_array_get(json_array_get(gold, order[i]), j - 1));
			off = fabs(nll[k] - want) / fmax(1, fabs(want));
			if (!(off <= most))
				most = off;
		}
	}
	return most;
}

static void small(double off, double tol, const char *name, const char *what)
{
	ok(off >= 0 && off <= tol, "%s: %s (off by %.1e)", name, what, off);
}

static void check_values(const struct tiny *t, struct engine *m, struct params *a, const char *part, double tol)
{
	float *nll = xalloc(t->total * sizeof *nll), loss[ROWS];
	char what[64];

	for (int all = 0; all < 2; all++) {
		tiny_nll(m, a, &t->batch, all, nll);
		snprintf(what, sizeof what, "%s, nll of %s tokens", part, all ? "all" : "trained");
		small(nll_off(t, part, nll, all), tol, t->name, what);
	}
	engine_loss(m, a, &t->batch, loss);
	snprintf(what, sizeof what, "%s, losses", part);
	small(losses_off(t, part, loss), tol, t->name, what);
	free(nll);
}

/* Gradients of the weighted losses, which are added to what is there. */
static void check_gradient(const struct tiny *t, struct engine *m, struct params *a)
{
	struct tensor_file want;
	struct apart d = {0};
	float loss[ROWS], half[ROWS];
	int found;

	tensors_open(&want, gold_path(t->name, "-grad.safetensors"));
	for (int i = 0; i < ROWS; i++)
		half[i] = t->weight[i] / 2;
	params_zero(a);
	engine_grad(m, a, &t->batch, half, loss);
	engine_grad(m, a, &t->batch, half, loss);
	small(losses_off(t, "lora", loss), 1e-5, t->name, "losses beside gradients");
	found = apart_params(&d, a, 0, &want, "");
	ok(found == want.st.n && d.n == a->n, "%s: every tensor of the adapter has a gradient (%d of %d)", t->name,
	   found, want.st.n);
	small(d.most / d.largest, 2e-5, t->name, "gradients, of the largest entry");
	near(params_norm(a), sqrt(d.bb), 1e-5, "the gradient's norm");
	tensors_close(&want);
}

/* A device that takes rows through a block a few at a time, as a processor does with many. */
static void by_sevens(struct dev *d, long rows, void (*f)(struct dev *, long, long, void *),
                      void *with)
{
	for (long i = 0; i < rows; i += 7)
		f(d, i, rows - i < 7 ? rows - i : 7, with);
}

static void check_passes(const struct tiny *t, struct engine *m, struct params *a)
{
	struct ops sevens = *a->dev->op;
	char adapter[64];
	float *one = xalloc(a->n * sizeof *one), *many = xalloc(a->n * sizeof *many), loss[ROWS], again[ROWS];
	double most = 0, largest = 0;

	snprintf(adapter, sizeof adapter, "%s-lora", t->name);
	params_zero(a);
	engine_grad(m, a, &t->batch, t->weight, loss);
	a->dev->op->get(a->dev, one, a->g, a->n * sizeof *one);
	sevens.by_rows = by_sevens;
	for (int way = 0; way < 4; way++) {
		/* passes of a few rows, of a single one, nothing kept: all recomputed, pieces of a pass */
		struct compute_opts o = tiny_opts("f32", way == 0 ? 64 : way == 1 ? 1 : 2048, way == 2 ? 2 : 1);
		struct engine *narrow = tiny_engine(gold_path(t->name, ""), o,
		                                    way == 2 ? TINY_LEAST : TINY_PLAIN);
		struct params *b = tiny_adapter(narrow, adapter);

		if (way == 3)
			b->dev->op = &sevens;
		engine_grad(narrow, b, &t->batch, t->weight, again);
		b->dev->op->get(b->dev, many, b->g, b->n * sizeof *many);
		for (long i = 0; i < a->n; i++) {
			most = fmax(most, fabs(one[i] - many[i]));
			largest = fmax(largest, fabs(one[i]));
		}
		for (int i = 0; i < ROWS; i++)
			most = fmax(most, fabs(loss[i] - again[i]));
		params_close(b);
		tiny_close(narrow);
	}
	small(most / fmax(1, largest), 1e-5, t->name,
	      "one pass, many, recomputed, or in pieces: losses and gradients");
	free(one);
	free(many);
}

/* Central differences of the summed loss, one value of theta at a time. */
static double difference(struct engine *m, struct params *a, const struct tiny *t, long at, float by)
{
	double sum[2];
	float p, moved, loss[ROWS];

	a->dev->op->get(a->dev, &p, a->p + at, sizeof p);
	for (int side = 0; side < 2; side++) {
		moved = side ? p + by : p - by;
		a->dev->op->put(a->dev, a->p + at, &moved, sizeof p);
		params_refresh(a);
		engine_loss(m, a, &t->batch, loss);
		sum[side] = 0;
		for (int i = 0; i < ROWS; i++)
			sum[side] += (double)t->weight[i] * loss[i];
	}
	a->dev->op->put(a->dev, a->p + at, &p, sizeof p);
	params_refresh(a);
	return (sum[1] - sum[0]) / (2 * by);
}

static void check_differences(const struct tiny *t, struct engine *m, struct params *a)
{
	float *g = xalloc(a->n * sizeof *g), loss[ROWS];
	double most = 0, largest = 0;

	params_zero(a);
	engine_grad(m, a, &t->batch, t->weight, loss);
	a->dev->op->get(a->dev, g, a->g, a->n * sizeof *g);
	for (long i = 0; i < a->n; i++)
		largest = fmax(largest, fabs(g[i]));
	for (long i = 0; i < a->n; i += a->n / 150 + 1)
		most = fmax(most, fabs(difference(m, a, t, i, 2e-3f) - g[i]));
	small(most / largest, 5e-3, t->name, "finite differences, of the largest entry");
	free(g);
}

/* brief: without what takes very many passes, which the simulator of a GPU is too slow for */
static void check_model(const char *name, int brief)
{
	struct tiny t;
	struct engine *m = tiny_open(name, "f32", 2048, 1);
	struct params *a;
	char adapter[64];
	float loss[ROWS];

	snprintf(adapter, sizeof adapter, "%s-lora", name);
	tiny_begin(&t, name);
	a = tiny_adapter(m, adapter);
	check_values(&t, m, NULL, "base", 1e-5);
	check_values(&t, m, a, "lora", 1e-5);
	check_gradient(&t, m, a);
	engine_loss(m, NULL, &t.batch, loss);
	small(losses_off(&t, "base", loss), 1e-5, name, "base again, after the adapter");
	if (on_cpu())
		check_differences(&t, m, a);
	if (!brief)
		check_passes(&t, m, a);
	params_close(a);
	tiny_close(m);
	tiny_end(&t);
}

/* In bf16 a value has 8 bits: the numbers agree to its rounding. */
static void check_bf16(const char *name)
{
	struct tiny t;
	struct engine *m = tiny_open(name, "bf16", 2048, 2);
	struct tensor_file want;
	struct apart d = {0};
	struct params *a;
	float loss[ROWS];
	char adapter[64];

	snprintf(adapter, sizeof adapter, "%s-lora", name);
	tiny_begin(&t, name);
	a = tiny_adapter(m, adapter);
	engine_loss(m, NULL, &t.batch, loss);
	small(losses_off(&t, "base", loss), 0.01, name, "bf16, base, losses");
	engine_grad(m, a, &t.batch, t.weight, loss);
	small(losses_off(&t, "lora", loss), 0.01, name, "bf16, lora, losses");
	tensors_open(&want, gold_path(name, "-grad.safetensors"));
	apart_params(&d, a, 0, &want, "");
	small(1 - d.dot / sqrt(d.aa * d.bb), 1e-3, name, "bf16, direction of the gradient");
	near(sqrt(d.aa / d.bb), 1, 0.02, "bf16, length of the gradient");
	tensors_close(&want);
	params_close(a);
	tiny_close(m);
	tiny_end(&t);
}

/* The same model from a GGUF file, whose rows are in another order. */
static void check_gguf(const char *name)
{
	char file[64], adapter[64];
	struct engine *m;
	struct params *a;
	struct tiny t;
	float loss[ROWS];

	snprintf(file, sizeof file, "%s.gguf", name);
	snprintf(adapter, sizeof adapter, "%s-lora", name);
	tiny_begin(&t, name);
	m = tiny_open(file, "f32", 2048, 1);
	a = tiny_adapter(m, adapter);
	engine_loss(m, NULL, &t.batch, loss);
	small(losses_off(&t, "base", loss), 1e-5, file, "base, losses");
	engine_loss(m, a, &t.batch, loss);
	small(losses_off(&t, "lora", loss), 1e-5, file, "lora, losses");
	params_close(a);
	tiny_close(m);
	tiny_end(&t);
}

/* Weights that stay as the file has them give the bits of those that are converted. */
static void check_stored(const char *name)
{
	float loss[2][ROWS], *grad[2];
	char adapter[64];
	size_t bytes = 0;

	snprintf(adapter, sizeof adapter, "%s-lora", name);
	for (int stored = 0; stored < 2; stored++) {
		struct engine *m = tiny_engine(gold_path(name, ".gguf"), tiny_opts("bf16", 2048, 1),
		                               stored ? TINY_STORED : TINY_PLAIN);
		struct params *a = tiny_adapter(m, adapter);
		struct tiny t;

		tiny_begin(&t, name);
		engine_grad(m, a, &t.batch, t.weight, loss[stored]);
		bytes = a->n * sizeof **grad;
		grad[stored] = xalloc(bytes);
		a->dev->op->get(a->dev, grad[stored], a->g, bytes);
		params_close(a);
		tiny_close(m);
		tiny_end(&t);
	}
	ok(!memcmp(loss[0], loss[1], sizeof *loss), "%s.gguf: stored weights, losses bit for bit", name);
	ok(!memcmp(grad[0], grad[1], bytes), "%s.gguf: and the gradient", name);
	free(grad[0]);
	free(grad[1]);
}

int main(void)
{
	static const char *const names[] = {"tiny-llama", "tiny-neox", "tiny-tied", "tiny-serial", "tiny-llama3",
		"tiny-mistral", "tiny-qwen2", "tiny-phi3", "tiny-qwen3", "tiny-qwen3-window", "tiny-olmo2",
		"tiny-olmo2-biased", "tiny-gemma2", "tiny-gemma2-layers", "tiny-gemma3", "tiny-gemma3-layers",
		"tiny-granite", "tiny-granite-plain", NULL};
	static const char *const ggufs[] = {"tiny-llama", "tiny-neox", "tiny-llama3", "tiny-mistral", "tiny-qwen2",
		"tiny-phi3", "tiny-qwen3", "tiny-olmo2", "tiny-gemma2", "tiny-gemma3", "tiny-granite", NULL};

	/* The simulator of a GPU is slow: there a few that have every operation between them. */
	static const char *const simulated[] = {"tiny-llama", "tiny-neox", "tiny-olmo2", "tiny-gemma2", NULL};
	const char *const *name = on_cpu() ? names : simulated;

	die_name("model.t");
	for (int i = 0; name[i]; i++) {
		check_model(name[i], !on_cpu() && i >= 2);
		check_bf16(name[i]);
	}
	for (int i = 0; ggufs[i] && (on_cpu() || i < 2); i++)
		check_gguf(ggufs[i]);
	for (int i = 0; ggufs[i] && (on_cpu() || i < 2); i++)
		check_stored(ggufs[i]);
	return tap_done();
}
