/* SPDX-License-Identifier: MIT */
/* nll.c - the mean negative log-likelihood of rows, {"id","nll","tokens"} for each: the
 * mean over its trained tokens, and how many those are.  --per-token adds "nlls", an array of all
 * its tokens, null where one is not trained.
 */
#include <math.h>

#include "../base/progress.h"
#include "../rows/order.h"
#include "../rows/shard.h"
#include "../train/losses.h"
#include "../train/setup.h"
#include "command.h"

static struct nll_opts {
	const char *model, *adapter; /* adapter NULL: the model alone */
	int per_token;
	struct shard_opts shard;
	struct compute_opts compute;
} opts = {.compute = COMPUTE_DEFAULTS};

#define AT(field) offsetof(struct nll_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"adapter", 'a', OPT_TEXT, AT(adapter), "ADAPTER", "a PEFT folder", 0, 0},
	{"per-token", 0, OPT_FLAG, AT(per_token), NULL, "add the losses of every token", 0, 0},
	{0},
};
/* clang-format on */

static void write_row(void *out, const struct visited *v)
{
	const struct tokens_row *r = v->row;
	json_t *j = json_object(), *list = json_array();
	long count = 0;
	double sum = 0;
	char id[128];

	for (long t = 0; t < r->n; t++) {
		if (r->train[t]) {
			sum += v->nll[t];
			count++;
		}
		if (opts.per_token)
			json_array_append_new(list, json_float(v->nll[t]));
	}
	if (!isfinite(sum))
		die("the likelihood of row %s is not a number", row_id(r, id, sizeof id));
	json_object_set_new(j, "id", json_stringn(r->id, r->id_n));
	json_object_set_new(j, "nll", json_float(sum / count));
	json_object_set_new(j, "tokens", json_integer(count));
	if (opts.per_token)
		json_object_set(j, "nlls", list);
	json_write_line(out, j);
	json_decref(list);
	json_decref(j);
}

static void run(char *const paths[], int n, struct zout *out)
{
	const struct visit visit = {.see = write_row, .ctx = out};
	struct progress *p;
	struct share share;
	struct order o;
	struct batch b;
	struct setup s;
	long done = 0;

	shard_check(&opts.shard, 0, paths, n);
	setup_open(&s, opts.model, opts.adapter, &opts.compute);
	s.data = setup_read(&s, paths, n);
	s.demand.rows[0] = LOSS_BATCH;
	setup_begin(&s);
	share = shard_of(&opts.shard, s.data->rows, LOSS_BATCH);
	p = progress_open("nll", "rows", share.end - share.first);
	order_open(&o, s.data, 0, 0, 0);
	order_within(&o, share.first, share.end);
	for (order_next(&o, &b, LOSS_BATCH); b.n; order_next(&o, &b, LOSS_BATCH)) {
		engine_visit(s.engine, s.theta, &b, &visit);
		progress_at(p, done += b.n, NULL);
	}
	order_close(&o);
	progress_close(p);
	setup_close(&s);
}

static const struct opt_group groups[] = {{"Likelihood", options, &opts},
                                          {"Sharing the work", shard_options, &opts.shard},
                                          {"Computing", compute_options, &opts.compute},
                                          {0}};

const struct command command_nll = {
	.name = "nll",
	.what = "likelihood of rows under a model",
	.does = "Mean negative log-likelihood of every row's trained tokens.",
	.operands = "[TOKENS...]",
	.groups = groups,
	.computes = 1,
	.shares = 1,
	.run = run,
};
