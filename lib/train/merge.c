/* SPDX-License-Identifier: MIT */
/* merge.c - see merge.h. */
#include "merge.h"

#include <math.h>

#include "../model/save_hf.h"
#include "losses.h"

json_t *merge(struct engine *e, const struct params *a, const char *dir, const char *template,
              const struct tokens *rows, const struct compute_opts *o, const json_t *settings)
{
	struct tokens some = *rows; /* the first of them, in the same memory */
	float apart[MERGE_ROWS], merged[MERGE_ROWS];
	struct model *again;
	struct engine *engine;
	struct demand d = {.rows = {LOSS_BATCH}, .bytes = engine_bytes(e)}; /* both are there */
	double most = 0, sum = 0;
	long worst = 0;
	char id[128];

	if (!some.rows)
		die("no rows to compare the merged model on");
	if (some.rows > MERGE_ROWS)
		some.rows = MERGE_ROWS;
	all_losses(e, a, &some, apart, "losses of model and adapter");
	save_hf(engine_model(e), a, dir, template, settings);
	again = model_open(dir, o);
	train_demand(&d, &some);
	engine = engine_open(again, o, &d);
	all_losses(engine, NULL, &some, merged, "losses of the merged model");
	engine_close(engine);
	model_close(again);
	for (long i = 0; i < some.rows; i++) {
		double off = fabs((double)merged[i] - apart[i]);

		sum += off;
		if (off > most) {
			most = off;
			worst = i;
		}
	}
	return json_pack("{s:I, s:f, s:s, s:f}", "rows", (json_int_t)some.rows, "largest", most,
	                 "row", tokens_id(&some, worst, id, sizeof id), "mean", sum / some.rows);
}
