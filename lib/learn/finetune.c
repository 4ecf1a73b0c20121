/* finetune.c - see finetune.h. */
#include "finetune.h"

#include <stdlib.h>

void finetune_run(struct finetune *f)
{
	struct training t = {.opts = f->opts, .what = "train", .model = f->model, .theta = f->theta,
	                     .data = f->data, .valid = f->valid, .settings = f->settings};
	float *weight = xalloc(f->opts->batch * sizeof *weight), *loss = xalloc(f->opts->batch * sizeof *loss);
	struct batch b;

	state_adapter(&t.state, "theta", f->theta);
	training_open(&t);
	while (training_next(&t, &b)) {
		double mean = 0, norm;
		struct adamw adamw = training_adamw(&t);

		for (int i = 0; i < b.n; i++)
			weight[i] = 1.0f / b.n;
		model_grad(f->model, f->theta, &b, weight, loss);
		training_saw(&t, &b, loss);
		norm = training_update(&t, f->theta, adamw);
		for (int i = 0; i < b.n; i++)
			mean += loss[i] / b.n;
		training_stepped(&t, json_pack("{s:f, s:f, s:f, s:f}", "epoch", training_epoch(&t), "loss", mean, "norm", norm,
		                               "lr", (double)adamw.rate), mean);
	}
	training_close(&t);
	free(weight);
	free(loss);
}
