/* SPDX-License-Identifier: MIT */
/* nll.c - see nll.h. */
#include "nll.h"

#include "../base/memory.h"
#include "../base/progress.h"
#include "../format/jsonl.h"
#include "../rows/order.h"
#include "../train/losses.h"

struct writing {
	struct zout *out;
	int per_token;
};

static void write_row(void *ctx, const struct visited *v)
{
	const struct writing *w = ctx;
	const struct tokens_row *r = v->row;
	json_t *j = json_object(), *list = json_array();
	long count = 0;
	double sum = 0;

	for (long t = 0; t < r->n; t++) {
		if (r->train[t]) {
			sum += v->nll[t];
			count++;
		}
		if (w->per_token)
			json_array_append_new(list, json_float(v->nll[t]));
	}
	json_object_set_new(j, "id", json_stringn(r->id, r->id_n));
	json_object_set_new(j, "nll", json_float(sum / count));
	json_object_set_new(j, "tokens", json_integer(count));
	if (w->per_token)
		json_object_set(j, "nlls", list);
	json_write_line(w->out, j);
	json_decref(list);
	json_decref(j);
}

void nll_rows(struct engine *e, const struct params *theta, const struct tokens *d, int per_token,
              struct zout *out)
{
	struct progress *p = progress_open("nll", "rows", d->rows);
	struct writing w = {out, per_token};
	const struct visit visit = {.see = write_row, .ctx = &w, .layer = -1};
	struct order o;
	struct batch b;
	long done = 0;

	order_open(&o, d, 0, 0, 0);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		engine_visit(e, theta, &b, &visit);
		progress_at(p, done += b.n, NULL);
	}
	order_close(&o);
	progress_close(p);
}
