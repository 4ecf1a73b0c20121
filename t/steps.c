/* SPDX-License-Identifier: MIT */
/* steps.c - ten steps of training against torch's AdamW (t/gold/steps.py). */
#include "tap.h"
#include "tiny.h"

enum { ROWS = 6, STEPS = 10 };

/* The largest |got - want| / |want| over the losses before each step. */
static double steps_off(const char *name, json_t *gold, const struct tokens *rows, double *fell)
{
	static const long row[ROWS] = {0, 1, 2, 3, 4, 5};
	const struct adamw w = {.rate = 0.01f, .beta1 = 0.9f, .beta2 = 0.95f, .eps = 1e-8f, .clip = 1};
	struct batch b = tiny_batch(rows, row, ROWS);
	struct engine *m = tiny_open(name, "f32", 64, 1);        /* several passes a step */
	struct params *a;
	float weight[ROWS], loss[ROWS];
	double most = 0, sum[STEPS] = {0};
	char adapter[64];

	snprintf(adapter, sizeof adapter, "%s-lora", name);
	a = tiny_adapter(m, adapter);
	for (int i = 0; i < ROWS; i++)
		weight[i] = 1.f / ROWS;
	for (int s = 0; s < STEPS; s++) {
		engine_grad(m, a, &b, weight, loss);
		params_step(a, w, NULL);
		for (int i = 0; i < ROWS; i++) {
			double want = json_number_value(json_array_get(json_array_get(gold, s), i));
			double off = fabs(loss[i] - want) / want;

			sum[s] += loss[i];
			if (!(off <= most))
				most = off;
		}
	}
	*fell = sum[0] - sum[STEPS - 1];
	params_close(a);
	tiny_close(m);
	return most;
}

int main(void)
{
	json_t *json = json_read_file(GOLD "rows.json"), *gold = json_read_file(GOLD "steps.json"), *said;
	json_t *more = json_read_file(GOLD "families-steps.json");
	struct tokens *rows = tiny_rows(json);
	const char *name;

	die_name("steps.t");
	json_object_update(gold, more);
	json_decref(more);
	json_object_foreach(gold, name, said) {
		double fell, off;

		if (!on_cpu() && strcmp(name, "tiny-llama") && strcmp(name, "tiny-neox"))
			continue;               /* the simulator of a GPU is slow */
		off = steps_off(name, said, rows, &fell);

		ok(off < 1e-4, "%s: the losses of %d steps (off by %.1e)", name, STEPS, off);
		ok(fell > 1, "%s: which fall by %.2f", name, fell);
	}
	tokens_close(rows);
	json_decref(json);
	json_decref(gold);
	return tap_done();
}
