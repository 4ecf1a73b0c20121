/* SPDX-License-Identifier: MIT */
/* finetune.c - supervised tuning, and what keeps an aligned model safe meanwhile; see finetune.h.
 *
 * The loss of a step over its batch is  L = sum_i w_i l(theta; z_i) / sum_i |w_i|,  the mean of l
 * where the weights are equal and positive, and 0 where all are 0.  With g = grad L, and s the
 * gradient of the mean of l over a batch of safe rows, which steps go through over and over:
 *
 *   --project       g <- g - min(0, g's / s's) s                 (Chaudhry et al. 2019, "A-GEM")
 *   --safe-share S  g <- (1-S) g + S s              (Bianchi et al. 2024, "Safety-Tuned LLaMAs")
 *   --pull X        theta <- theta - rate X (theta - theta_0)     (Li, Grandvalet, Davoine 2018)
 *
 * The optimiser sees g as these left it.  The pull is beside it, decoupled as AdamW's decay is: in
 * the gradient, Adam would divide it by the size of the gradients, and weaken it where they are
 * large.
 */
#include "finetune.h"

#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "training.h"

struct finetune {
	const struct setup *setup;
	const float *weight; /* of the data's rows; NULL: all are equal */
	float *w;            /* [batch] what each row's gradient is multiplied by */
	float *loss;         /* [batch] */
	float *begin;        /* device: theta_0; NULL without a pull */
	float *safe;         /* device: s; NULL where gradients are not projected */
};

/* into[i] = a w_i / sum |w| over the batch; equal weights give exactly what none do. */
static void batch_weights(const float weight[], const struct batch *b, double a, float into[])
{
	double sum = 0;
	int equal = 1;

	for (int i = 0; weight && i < b->n; i++) {
		sum += fabs(weight[b->row[i].at]);
		equal &= weight[b->row[i].at] == weight[b->row[0].at];
	}
	for (int i = 0; i < b->n; i++) {
		float w = weight ? weight[b->row[i].at] : 1;

		into[i] = w == 0 ? 0 : equal ? copysignf(a / b->n, w) : (float)(a * w / sum);
	}
}

/* Adds a grad L over the batch to theta's gradient; returns L. */
static double add_rows(struct finetune *f, struct training *t, const struct batch *b,
                       const float weight[], double a)
{
	double sum = 0;

	batch_weights(weight, b, a, f->w);
	training_grad(t, f->setup->theta, b, f->w, f->loss);
	for (int i = 0; i < b->n; i++)
		sum += (double)f->w[i] * f->loss[i];
	return sum / a;
}

/* Takes s out of theta's gradient g where they oppose each other, adds `share` of it, and logs
 * the cosine between them. */
static void project(const struct finetune *f, double share, json_t *line)
{
	struct params *theta = f->setup->theta;
	double gs = params_dot(theta, theta->g, f->safe);
	double ss = params_dot(theta, f->safe, f->safe);
	double norms = params_norm(theta) * sqrt(ss);

	params_add_scaled(theta, theta->g, f->safe, share + (gs < 0 ? -gs / ss : 0));
	json_object_set_new(line, "cosine", json_real(norms > 0 ? gs / norms : 0));
	json_object_set_new(line, "projected", json_boolean(gs < 0));
}

/* Sets theta's gradient to that of a step; returns L, and logs the losses. */
static double gradient(struct finetune *f, struct training *t, const struct batch *b, json_t *line)
{
	struct params *theta = f->setup->theta;
	double share = f->setup->opts->share, mean;
	struct batch safe;

	if (t->safe) {
		training_safe(t, &safe);
		mean = add_rows(f, t, &safe, NULL, f->safe ? 1 : share);
		json_object_set_new(line, "loss_safe", json_real(mean));
	}
	if (f->safe) {
		params_sum(theta);
		theta->dev->op->copy(theta->dev, mat_of(f->safe, DT_F32, 1, theta->n),
		                     mat_of(theta->g, DT_F32, 1, theta->n));
		params_zero(theta);
	}
	mean = add_rows(f, t, b, f->weight, 1 - share);
	params_sum(theta);
	json_object_set_new(line, "loss", json_real(mean));
	if (f->safe)
		project(f, share, line);
	return mean;
}

static void step(struct finetune *f, struct training *t, const struct batch *b)
{
	struct adamw adamw = training_adamw(t);
	json_t *line = json_pack("{s:f}", "epoch", (double)training_epoch(t));
	double mean = gradient(f, t, b, line);
	struct pull pull = {f->begin, f->setup->opts->pull};
	double norm = training_update(t, f->setup->theta, adamw, f->begin ? &pull : NULL);

	json_object_set_new(line, "norm", json_real(norm));
	json_object_set_new(line, "lr", json_real(adamw.rate));
	training_stepped(t, line, mean);
}

void finetune_run(const struct setup *s, const float weight[])
{
	const struct train_opts *o = s->opts;
	struct training t = {.setup = s, .what = "train"};
	struct finetune f = {.setup = s,
	                     .weight = weight,
	                     .w = xalloc(o->batch * sizeof *f.w),
	                     .loss = xalloc(o->batch * sizeof *f.loss)};
	struct dev *dev = s->theta->dev;
	struct batch b;

	if (o->share > 0 || o->project)
		t.safe = s->safe;
	if (o->project)
		f.safe = params_vector(s->theta, NULL);
	if (o->pull > 0) /* before a checkpoint is read: a resumed run begins at the same theta_0 */
		f.begin = params_vector(s->theta, s->theta->p);
	state_params(&t.state, "theta", s->theta);
	training_open(&t);
	while (training_next(&t, &b))
		step(&f, &t, &b);
	training_close(&t);
	if (f.safe)
		dev->op->free(dev, f.safe);
	if (f.begin)
		dev->op->free(dev, f.begin);
	free(f.w);
	free(f.loss);
}
