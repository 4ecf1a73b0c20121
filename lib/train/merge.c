/* SPDX-License-Identifier: MIT */
/* merge.c - writes a merged model and measures what rounding did to it; see merge.h. */
#include "merge.h"

#include <math.h>

#include "../model/save_hf.h"
#include "losses.h"

json_t *merge(const struct setup *s, const char *dir, const char *template, const json_t *settings)
{
	struct tokens some = *(s->valid ? s->valid : s->data); /* the first rows, in its memory */
	float apart[MERGE_ROWS], merged[MERGE_ROWS];
	struct setup again;
	double most = 0, sum = 0;
	long worst = 0;
	char id[128];

	if (!some.rows)
		die("no rows to compare the merged model on");
	if (some.rows > MERGE_ROWS)
		some.rows = MERGE_ROWS;
	all_losses(s->engine, s->theta, &some, apart, "losses of model and adapter");
	save_hf(s->model, s->theta, dir, template, settings);
	setup_open(&again, dir, s->compute);
	again.demand.rows[0] = LOSS_BATCH;
	setup_count(&again, &some);
	setup_begin(&again);
	all_losses(again.engine, NULL, &some, merged, "losses of the merged model");
	setup_close(&again);
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
