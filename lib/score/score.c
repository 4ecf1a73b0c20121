/* SPDX-License-Identifier: MIT */
/* score.c - see score.h.
 *
 * A score is a function of what the run leaves behind for a row: add one to the
 * table below.  All but `weight` come from one pass over all rows in file order
 * under theta_0, theta and hat, so that they cannot know the visiting order.
 */
#include "../train/budget.h"
#include "score.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"

#define AT(field) offsetof(struct score_opts, field)

const struct opt score_options[] = {
	{"safe", 0, OPT_TEXT, AT(safe), "TOKENS", "token stream of the trusted rows", 0, 0},
	{"method", 0, OPT_CHOICE, AT(method), "bilevel|safe-loss|loss|random|dsir",
         "how theta is trained: SEAL; on safe rows only; not at all; or no model at all", 0, 1},
	{"algorithm", 0, OPT_COUNT, AT(algorithm), "1|2", "of the paper: 1 keeps theta-hat", 1, 1},
	{"score", 0, OPT_CHOICE, AT(score), "weight|loss|gain|tempered|gap",
         "w; -l(theta); l(theta_0) - l(theta); l(theta_0)/2 - l(theta); l(hat) - l(theta)", 0, 1},
	{"activation", 0, OPT_CHOICE, AT(activation), "softmax|sigmoid", "omega to weights", 0, 1},
	{"selector-optim", 0, OPT_CHOICE, AT(optim), "sgd|adam",
         "the paper's plain step, or the authors' Adam", 0, 1},
	{"selector-lr", 0, OPT_REAL, AT(rate), "X", "learning rate of omega", 0, 1},
	{"gamma", 0, OPT_REAL, AT(gamma), "X",
         "penalty of the weighted rows in the first epoch, in [0,1)", 0, 1},
	{"gamma-step", 0, OPT_REAL, AT(gamma_step), "X", "its growth an epoch", 0, 1},
	{0},
};

static double by_weight(const struct score *s) { return s->weight; }
static double by_loss(const struct score *s) { return -s->loss; }
static double by_gain(const struct score *s) { return s->loss_base - s->loss; }
/* Half of gain, half of loss: the ratio to the base model at half its strength. */
static double by_tempered(const struct score *s) { return s->loss_base / 2 - s->loss; }
static double by_gap(const struct score *s) { return s->loss_hat - s->loss; }

static const struct {
	const char *name;
	double (*of)(const struct score *);
} table[] = {{"weight", by_weight},     {"loss", by_loss}, {"gain", by_gain},
             {"tempered", by_tempered}, {"gap", by_gap},   {0}};

int score_trains(const struct score_opts *o)
{
	return !strcmp(o->method, "bilevel") || !strcmp(o->method, "safe-loss");
}

void score_check(struct score_opts *o)
{
	int bilevel = !strcmp(o->method, "bilevel"), trained = score_trains(o);

	if (o->algorithm > 2)
		die_usage("--algorithm: '%ld' is not one of 1|2", o->algorithm);
	if (o->gamma >= 1)
		die_usage("--gamma: must be below 1");
	if (!o->score)
		o->score = bilevel ? "weight" : "loss";
	if (!strcmp(o->score, "weight") && !bilevel)
		die_usage("--score weight needs --method bilevel");
	if (!strcmp(o->score, "gap") && !(bilevel && o->algorithm == 1))
		die_usage("--score gap needs --method bilevel --algorithm 1");
	if ((!strcmp(o->score, "gain") || !strcmp(o->score, "tempered")) && !trained)
		die_usage("--score %s needs a method that trains: bilevel or safe-loss", o->score);
	if (trained && !o->safe)
		die_usage("--method %s needs --safe", o->method);
}

/* Arrays of 4 bytes a row: the base losses, and in training the order, visits, last; omega
 * and its gradient, and Adam's two.  (There are fewer when it is over.) */
static size_t bytes_a_row(const struct score_opts *o)
{
	int bilevel = !strcmp(o->method, "bilevel");

	if (!score_trains(o))
		return sizeof(float);
	return (4 + 2 * bilevel + 2 * (bilevel && !strcmp(o->optim, "adam"))) * sizeof(float);
}

void score_budget(struct model *m, const struct tokens *data, const struct tokens *safe,
                  const struct tokens *valid, const struct score_opts *o,
                  const struct train_opts *t)
{
	int bilevel = !strcmp(o->method, "bilevel"), trains = score_trains(o),
	    hat = bilevel && o->algorithm == 1;

	budget_plan(m, &(struct budget){
			       .opts = trains || t->init ? t : NULL,
			       .data = data,
			       .safe = trains ? safe : NULL,
			       .valid = valid,
			       .adapters = trains + hat + (!trains && t->init),
			       .safe_back = trains,
			       .all = 1,
			       .each = bytes_a_row(o),
			       .data_back = hat || (bilevel &&
	                                            o->gamma + (t->epochs - 1) * o->gamma_step > 0),
		       });
}

/* Runs the training that the method asks for; returns hat or NULL. */
static struct adapter *train(struct scoring *s, struct model *m, struct adapter *theta,
                             const struct tokens *safe, const struct tokens *valid,
                             const struct score_opts *o, const struct train_opts *opts,
                             const json_t *settings)
{
	struct bilevel b = {.model = m,
	                    .theta = theta,
	                    .safe = safe,
	                    .data = s->data,
	                    .valid = valid,
	                    .gamma = o->gamma,
	                    .gamma_step = o->gamma_step,
	                    .opts = opts,
	                    .settings = settings};
	long n = s->data->rows;

	s->visits = b.visits = xzalloc(n, sizeof *b.visits);
	s->last = b.last = xalloc(n * sizeof *b.last);
	for (long i = 0; i < n; i++)
		b.last[i] = -1;
	if (!strcmp(o->method, "bilevel")) {
		b.omega = selector_open(n, strcmp(o->activation, "sigmoid") ? SOFTMAX : SIGMOID,
		                        strcmp(o->optim, "adam") ? SELECTOR_SGD : SELECTOR_ADAM,
		                        o->rate);
		if (o->algorithm == 1)
			b.hat = adapter_clone(theta);
	} else {
		b.gamma = b.gamma_step = 0;
	}
	bilevel_run(&b);
	if (b.omega) {
		char id[128];

		s->weight = xalloc(n * sizeof *s->weight);
		selector_all(b.omega, s->weight);
		for (long i = 0; i < n; i++)
			if (!isfinite(s->weight[i]))
				die("the weight of row %s is not finite (--selector-lr %g)",
				    tokens_id(s->data, i, id, sizeof id), o->rate);
		selector_close(b.omega);
	}
	return b.hat;
}

static float *losses(struct model *m, struct adapter *a, const struct tokens *data,
                     const char *what)
{
	float *loss = xalloc(data->rows * sizeof *loss);

	all_losses(m, a, data, loss, what);
	return loss;
}

void score_rows(struct scoring *s, struct model *m, struct adapter *theta,
                const struct tokens *data, const struct tokens *safe, const struct tokens *valid,
                const struct score_opts *o, const struct train_opts *opts, const json_t *settings)
{
	struct adapter *hat;

	*s = (struct scoring){.data = data};
	if (safe && !safe->rows)
		die("no safe rows");
	/* theta before its first step, or the model alone, to which new pairs add nothing. */
	s->base = losses(m, opts->init || opts->full ? theta : NULL, data, "base losses");
	if (!score_trains(o))
		return;
	hat = train(s, m, theta, safe, valid, o, opts, settings);
	s->loss = losses(m, theta, data, "losses");
	if (hat) {
		s->hat = losses(m, hat, data, "theta-hat's losses");
		adapter_close(hat);
	}
}

void score_write(const struct scoring *s, const struct score_opts *o, const json_t *header,
                 struct zout *out)
{
	struct buf id = {0};
	int k = 0;

	while (strcmp(table[k].name, o->score))
		k++;
	scores_begin(out, header, s->data->rows);
	for (long i = 0; i < s->data->rows; i++) {
		struct tokens_row r = tokens_row(s->data, i);
		struct score row = {.hash = r.hash,
		                    .line = r.line,
		                    .weight = NAN,
		                    .visits = -1,
		                    .last = -1,
		                    .loss_base = s->base[i],
		                    .loss = s->loss ? s->loss[i] : s->base[i],
		                    .loss_hat = s->hat ? s->hat[i] : NAN};

		if (s->weight) {
			row.weight = s->weight[i];
			row.visits = s->visits[i];
			row.last = s->last[i];
		}
		row.score = table[k].of(&row);
		id.n = 0;
		buf_add(&id, r.id, r.id_n);
		row.id = id.p;
		scores_add(out, &row);
	}
	buf_free(&id);
}

void score_close(struct scoring *s)
{
	free(s->base);
	free(s->loss);
	free(s->hat);
	free(s->weight);
	free(s->visits);
	free(s->last);
}
