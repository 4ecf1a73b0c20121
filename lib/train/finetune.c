/* SPDX-License-Identifier: MIT */
/* finetune.c - supervised tuning; see finetune.h.
 *
 * The loss of a step over its batch is  sum_i w_i l(theta; z_i) / sum_i |w_i|,  the mean of l
 * where the weights are equal and positive, and 0 where all are 0.
 */
#include "finetune.h"

#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "training.h"

/* into[i] = w_i / sum |w| over the batch; equal weights give exactly what none do. */
static void batch_weights(const float weight[], const struct batch *b, float into[])
{
	double sum = 0;
	int equal = 1;

	for (int i = 0; weight && i < b->n; i++) {
		sum += fabs(weight[b->row[i].at]);
		equal &= weight[b->row[i].at] == weight[b->row[0].at];
	}
	for (int i = 0; i < b->n; i++) {
		float w = weight ? weight[b->row[i].at] : 1;

		into[i] = w == 0 ? 0 : equal ? copysignf(1.0f / b->n, w) : (float)(w / sum);
	}
}

void finetune_run(const struct setup *s, const float weight[])
{
	struct training t = {.setup = s, .what = "train"};
	float *w = xalloc(s->opts->batch * sizeof *w),
	      *loss = xalloc(s->opts->batch * sizeof *loss);
	struct batch b;

	state_params(&t.state, "theta", s->theta);
	training_open(&t);
	while (training_next(&t, &b)) {
		struct adamw adamw = training_adamw(&t);
		double mean = 0, norm;

		batch_weights(weight, &b, w);
		engine_grad(s->engine, s->theta, &b, w, loss);
		training_saw(&t, &b, loss);
		norm = training_update(&t, s->theta, adamw);
		for (int i = 0; i < b.n; i++)
			mean += (double)w[i] * loss[i];
		training_stepped(&t,
		                 json_pack("{s:f, s:f, s:f, s:f}", "epoch",
		                           (double)training_epoch(&t), "loss", mean, "norm", norm,
		                           "lr", (double)adamw.rate),
		                 mean);
	}
	training_close(&t);
	free(w);
	free(loss);
}
