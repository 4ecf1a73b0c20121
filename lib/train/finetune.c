/* SPDX-License-Identifier: MIT */
/* finetune.c - see finetune.h. */
#include "finetune.h"

#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"

/* into[i] = w_i / sum |w| over the batch; 0 where all are.  Equal weights give
 * exactly what none do. */
static void batch_weights(const struct finetune *f, const struct batch *b, float into[])
{
	double sum = 0;
	int equal = 1;

	for (int i = 0; f->weight && i < b->n; i++) {
		sum += fabs(f->weight[b->row[i].at]);
		equal &= f->weight[b->row[i].at] == f->weight[b->row[0].at];
	}
	for (int i = 0; i < b->n; i++) {
		float w = f->weight ? f->weight[b->row[i].at] : 1;

		into[i] = w == 0 ? 0 : equal ? copysignf(1.0f / b->n, w) : (float)(w / sum);
	}
}

void finetune_run(struct finetune *f)
{
	struct training t = {.opts = f->opts,
	                     .what = "train",
	                     .engine = f->engine,
	                     .theta = f->theta,
	                     .data = f->data,
	                     .valid = f->valid,
	                     .settings = f->settings};
	float *weight = xalloc(f->opts->batch * sizeof *weight),
	      *loss = xalloc(f->opts->batch * sizeof *loss);
	struct batch b;

	state_params(&t.state, "theta", f->theta);
	training_open(&t);
	while (training_next(&t, &b)) {
		double mean = 0, norm;
		struct adamw adamw = training_adamw(&t);

		batch_weights(f, &b, weight);
		engine_grad(f->engine, f->theta, &b, weight, loss);
		training_saw(&t, &b, loss);
		norm = training_update(&t, f->theta, adamw);
		for (int i = 0; i < b.n; i++)
			mean += (double)weight[i] * loss[i];
		training_stepped(&t,
		                 json_pack("{s:f, s:f, s:f, s:f}", "epoch", training_epoch(&t),
		                           "loss", mean, "norm", norm, "lr", (double)adamw.rate),
		                 mean);
	}
	training_close(&t);
	free(weight);
	free(loss);
}
