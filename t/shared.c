/* SPDX-License-Identifier: MIT */
/* shared.c - rows of a pass that begin alike: computing that once changes no loss. */
#include "tap.h"
#include "tiny.h"

enum { ROWS = 5 };

/* Rows of unequal length that have their first `alike` tokens in common, and two by two one
 * more, of which the first row of all knows nothing. */
static json_t *rows_alike(long alike, long vocab)
{
	json_t *rows = json_array();

	for (int i = 0; i < ROWS; i++) {
		json_t *token = json_array(), *train = json_array();

		for (long j = 0; j < alike + 3 + 4 * i; j++) {
			json_array_append_new(token, json_integer((j < alike ? 7 * j + 1 : 11 * j + 5 * (j == alike ? i / 2 : i) + 2) % vocab));
			json_array_append_new(train, json_integer(j > alike + 1));
		}
		json_array_append_new(rows, json_pack("{s:o, s:o}", "tokens", token, "train", train));
	}
	return rows;
}

/* Their gradients, of one pass or of one a row, relative to the largest. */
static double gradients_off(struct engine *m, struct params *a, const struct batch *b)
{
	const float weight[ROWS] = {1, -0.5f, 2, 0.25f, 1};
	float *one = xalloc(a->n * sizeof *one), *each = xalloc(a->n * sizeof *each), loss[ROWS];
	double off = 0, largest = 0;

	params_zero(a);
	engine_grad(m, a, b, weight, loss);
	a->dev->op->get(a->dev, one, a->g, a->n * sizeof *one);
	params_zero(a);
	for (int i = 0; i < ROWS; i++)
		engine_grad(m, a, &(struct batch){b->row + i, 1}, weight + i, loss);
	a->dev->op->get(a->dev, each, a->g, a->n * sizeof *each);
	for (long i = 0; i < a->n; i++) {
		off = fmax(off, fabs((double)one[i] - each[i]));
		largest = fmax(largest, fabs(each[i]));
	}
	free(one);
	free(each);
	return off / largest;
}

static void compare(const char *name, enum dtype type, double most, long alike, int whole)
{
	const char *dtype = type == DT_F32 ? "f32" : "bf16";
	struct engine *m;
	struct params *a;
	struct batch b;
	struct tokens *rows;
	json_t *j;
	long row[ROWS] = {3, 0, 4, 1, 2};
	float together[ROWS], alone[ROWS], off = 0;
	double gradients;

	m = tiny_engine(gold_path(name, ""), tiny_opts(dtype, 0, 1), TINY_PLAIN);
	a = whole ? tiny_whole(m) : tiny_new(m, "auto", 4, 4, 1);
	j = rows_alike(alike, engine_model(m)->config.vocab);
	rows = tiny_rows(j);
	b = tiny_batch(rows, row, ROWS);
	engine_loss(m, a, &b, together);
	for (int i = 0; i < ROWS; i++) {
		engine_loss(m, a, &(struct batch){b.row + i, 1}, alone + i);
		off = fmaxf(off, fabsf(together[i] - alone[i]));
	}
	ok(off <= most, "%s %s: %ld tokens in common, together as alone (%.1e)", name, dtype, alike, off);
	gradients = gradients_off(m, a, &b);
	ok(gradients <= most, "gradients of %s too (%.1e)", whole ? "all weights" : "an adapter", gradients);
	tokens_close(rows);
	json_decref(j);
	params_close(a);
	tiny_close(m);
}

int main(void)
{
	static const char *const model[] = {"tiny-llama", "tiny-neox", "tiny-mistral", "tiny-llama3"};

	/* The simulator of a GPU is slow: there two models, and the longer beginning. */
	int models = on_cpu() ? sizeof model / sizeof *model : 2;

	for (int i = 0; i < models; i++)
		for (long alike = on_cpu() ? 1 : 21; alike <= 21; alike += 20)
			for (int whole = 0; whole < 2; whole++) {
				compare(model[i], DT_F32, 1e-5, alike, whole);
				compare(model[i], DT_BF16, 2e-2, alike, whole);
			}
	return tap_done();
}
