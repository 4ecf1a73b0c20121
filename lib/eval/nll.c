/* SPDX-License-Identifier: MIT */
/* nll.c - how likely a model finds given rows. */
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/progress.h"
#include "generate.h"
#include "../format/jsonl.h"
#include "../train/train.h"

static void write_row(struct zout *out, const struct tokens *d, long row, const float nll[],
                      int per_token)
{
	json_t *j = json_object(), *list = json_array();
	struct tokens_row r = tokens_row(d, row);
	long count = 0;
	double sum = 0;

	for (long t = 0; t < r.n; t++) {
		if (r.train[t]) {
			sum += nll[t];
			count++;
		}
		if (per_token)
			json_array_append_new(list, json_float(nll[t]));
	}
	json_object_set_new(j, "id", json_stringn(r.id, r.id_n));
	json_object_set_new(j, "nll", json_float(sum / count));
	json_object_set_new(j, "tokens", json_integer(count));
	if (per_token)
		json_object_set(j, "nlls", list);
	json_write_line(out, j);
	json_decref(list);
	json_decref(j);
}

void nll_rows(struct model *m, struct adapter *a, const struct tokens *d, int per_token,
              struct zout *out)
{
	struct progress *p = progress_open("nll", "rows", d->rows);
	struct order o;
	struct batch b;
	long done = 0;

	order_open(&o, d, 0, 0, 0);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		long total = 0, at = 0;
		float *nll;

		for (int i = 0; i < b.n; i++)
			total += tokens_length(d, b.row[i]);
		nll = xalloc(total * sizeof *nll);
		model_nll(m, a, &b, 0, nll);
		for (int i = 0; i < b.n; i++) {
			write_row(out, d, b.row[i], nll + at, per_token);
			at += tokens_length(d, b.row[i]);
		}
		free(nll);
		progress_at(p, done += b.n, NULL);
	}
	order_close(&o);
	progress_close(p);
}
