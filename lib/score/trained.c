/* SPDX-License-Identifier: MIT */
/* trained.c - the methods that ask a model: bilevel, safe-loss and loss.
 *
 * They differ in how theta is trained: as SEAL does (../train/bilevel.h), on the safe rows alone,
 * or not at all.  The weight and the visits of a row are what training leaves.  All other columns
 * come from passes over all rows in file order, under theta_0, theta and theta-hat each, so that
 * they cannot know the order of training.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/progress.h"
#include "../format/scratch.h"
#include "../rows/order.h"
#include "../train/bilevel.h"
#include "../train/losses.h"
#include "join.h"
#include "method.h"
#include "score.h"
#include "states.h"

#define SEAL_DEFAULTS                                                                 \
	{                                                                             \
		.algorithm = 2, .activation = "softmax", .optim = "sgd", .rate = 0.1, \
		.gamma_step = 0.03                                                    \
	}
static struct seal_opts {
	long algorithm; /* of the paper: 1 or 2 */
	const char *activation, *optim;
	const char *init;         /* a scores file that omega starts from, or NULL */
	int share;                /* omega is linear in the rows' hidden states */
	double rate;              /* of omega */
	double gamma, gamma_step; /* in epoch 0, and its growth an epoch */
} seal = SEAL_DEFAULTS;
static const struct seal_opts seal_defaults = SEAL_DEFAULTS;

#define AT(field) offsetof(struct seal_opts, field)

/* clang-format off */
static const struct opt seal_options[] = {
	{"algorithm", 0, OPT_COUNT, AT(algorithm), "1|2", "of the paper: 1 keeps theta-hat", 1, 1},
	{"activation", 0, OPT_CHOICE, AT(activation), "softmax|sigmoid", "omega to weights", 0, 1},
	{"selector-optim", 0, OPT_CHOICE, AT(optim), "sgd|adam",
		"the paper's plain step, or the authors' Adam", 0, 1},
	{"selector-lr", 0, OPT_REAL, AT(rate), "X", "learning rate of omega", 0, 1},
	{"init-scores", 0, OPT_TEXT, AT(init), "SCORES",
		"omega starts at these scores, not at 0", 0, 0},
	{"selector-states", 0, OPT_FLAG, AT(share), NULL,
		"omega is linear in the rows' hidden states", 0, 1},
	{"gamma", 0, OPT_REAL, AT(gamma), "X",
		"penalty of the weighted rows in the first epoch, in [0,1)", 0, 1},
	{"gamma-step", 0, OPT_REAL, AT(gamma_step), "X", "its growth an epoch", 0, 1},
	{0},
};

/* Algorithm 1 fills all columns, Algorithm 2 those from the second on, the other methods the
 * last two. */
enum { HAT, WEIGHT, VISITS, LAST, BASE, LOSS, COLUMNS };
static const struct column model_columns[] = {
	{"loss_hat", COLUMN_F32,
		"mean negative log-likelihood under theta-hat, Algorithm 1's second adapter"},
	{"weight", COLUMN_F32, "the learnt weight, mean 1 (softmax) or from 0 to 2 (sigmoid)"},
	{"visits", COLUMN_COUNT, "how often training has seen the row"},
	{"last", COLUMN_COUNT, "position of the last visit in its epoch, from 0"},
	{"loss_base", COLUMN_F32, "mean negative log-likelihood under theta_0, the model as it came"},
	{"loss", COLUMN_F32, "mean negative log-likelihood under theta, as it was trained"},
	{0},
};
/* clang-format on */

static const struct column *bilevel_columns(void)
{
	return model_columns + (seal.algorithm == 1 ? HAT : WEIGHT);
}

static const struct column *loss_columns(void) { return model_columns + BASE; }

/* Whether an option of the method differs from what it is by default. */
static int seal_asked(void)
{
	const struct seal_opts *d = &seal_defaults;

	return seal.algorithm != d->algorithm || strcmp(seal.activation, d->activation) ||
	       strcmp(seal.optim, d->optim) || seal.rate != d->rate || seal.gamma != d->gamma ||
	       seal.gamma_step != d->gamma_step || seal.init || seal.share;
}

static void check_bilevel(const struct score_opts *o, int chosen)
{
	if (!chosen && seal_asked())
		die_usage("--algorithm, --activation, --selector-optim, --selector-lr, "
		          "--init-scores, --selector-states, --gamma and --gamma-step are for "
		          "--method "
		          "bilevel");
	if (seal.algorithm > 2)
		die_usage("--algorithm: '%ld' is not one of 1|2", seal.algorithm);
	if (seal.share && strcmp(seal.optim, "sgd"))
		die_usage("--selector-states goes with --selector-optim sgd");
	if (seal.gamma >= 1)
		die_usage("--gamma: must be below 1");
	if (chosen && seal.gamma + (o->train.epochs - 1) * seal.gamma_step >= 1)
		die_usage("gamma reaches 1 in the last epoch");
}

static enum activation activation(void)
{
	return strcmp(seal.activation, "sigmoid") ? ACTIVATION_SOFTMAX : ACTIVATION_SIGMOID;
}

static enum selector_optim optim(void)
{
	return strcmp(seal.optim, "adam") ? SELECTOR_SGD : SELECTOR_ADAM;
}

/* Which steps a method takes, and what it finds out: an array of the rows for each column, or NULL
 * where nothing fills it. */
struct asked {
	int trains, bilevel, hat; /* theta is trained; omega too; theta-hat too */
	struct score_run *run;
	struct train_opts opts; /* of this theta: a copy, since --init-adapter changes them */
	struct setup setup;
	float *start; /* omega's first values, or NULL */
	float *x;     /* mapped: [rows x wide] standardised states, or NULL */
	float *weight, *base, *loss, *loss_hat;
	int32_t *visits, *last;
};

static size_t states_bytes(const struct asked *a)
{
	return a->setup.data->rows * states_wide(&a->setup.model->config) * sizeof(float);
}

/* The states of all rows under the model alone, each number with mean 0 and deviation 1 over the
 * rows, and a row scaled so that x'x is about 1: a step moves a row's own omega about as far as if
 * it were free. */
static void share_states(struct asked *a)
{
	struct setup *s = &a->setup;
	long n = s->data->rows, d = states_wide(&s->model->config);
	double *mean = xzalloc(d, sizeof *mean), *square = xzalloc(d, sizeof *square);
	struct states from = {.engine = s->engine,
	                      .layer = {states_layer(&s->model->config, STATES_USUALLY)},
	                      .layers = 1};

	a->x = scratch_map(states_bytes(a));
	states_fill(&from, NULL, s->data, &a->x, "states");
	for (long i = 0; i < n; i++)
		for (long k = 0; k < d; k++)
			mean[k] += a->x[i * d + k] / n;
	for (long i = 0; i < n; i++)
		for (long k = 0; k < d; k++)
			square[k] += pow(a->x[i * d + k] - mean[k], 2) / n;
	for (long i = 0; i < n; i++)
		for (long k = 0; k < d; k++) {
			double scale = square[k] > 0 ? 1 / sqrt(square[k] * d) : 0;

			a->x[i * d + k] = (float)((a->x[i * d + k] - mean[k]) * scale);
		}
	free(mean);
	free(square);
}

/* The batches of the run, and its memory for each row while theta is trained, when it holds most:
 * the base loss, a place in the order, two counts, omega. */
static void demand(struct asked *a)
{
	struct demand *d = &a->setup.demand;
	size_t a_row = sizeof *a->base;

	d->copies += a->hat;
	d->rows[0] = LOSS_BATCH;
	if (a->trains) {
		assert(a->setup.safe); /* what trains has said that it needs safe rows */
		d->rows[1] = a->opts.batch;
		d->bytes += order_bytes(a->setup.safe->rows);
		a_row += order_bytes(1) + sizeof *a->visits + sizeof *a->last;
	}
	if (a->bilevel)
		a_row += selector_bytes(optim());
	if (a->bilevel && seal.share) {
		d->states = 1;
		d->mapped += states_bytes(a);
		d->bytes += states_bytes(a);
	}
	d->bytes += a->setup.data->rows * a_row;
}

/* Opens the model and what it reads, and takes the memory. */
static void begin(struct asked *a)
{
	const struct score_opts *o = a->run->o;
	struct setup *s = &a->setup;

	setup_open(s, o->model, o->train.init, &o->compute);
	s->data = setup_read(s, a->run->paths, a->run->n);
	if (o->safe)
		s->safe = setup_read(s, (char *const *)&o->safe, 1);
	s->valid = setup_valid(s, &o->train);
	if (a->trains)
		setup_theta(s, &a->opts);
	demand(a);
	setup_begin(s);
	s->settings = setup_settings(s, a->run->groups);
	if (a->bilevel && seal.share && s->data->rows)
		share_states(a);
	if (a->bilevel && seal.init) {
		a->start = score_values(seal.init, s->data);
		json_object_set_new(s->settings, "init-scores",
		                    json_hash(hash_bytes(a->start,
		                                         s->data->rows * sizeof *a->start)));
	}
	if (s->safe && !s->safe->rows)
		die("no safe rows");
}

/* The losses of the share's rows under theta, owned: [rows]. */
static float *losses(const struct asked *a, const struct params *theta, const char *what)
{
	float *loss = xalloc(a->setup.data->rows * sizeof *loss);

	share_losses(a->setup.engine, theta, a->setup.data, a->run->share, loss, what);
	return loss;
}

static void read_weights(struct asked *a, const struct selector *omega)
{
	char id[128];

	a->weight = xalloc(omega->n * sizeof *a->weight);
	selector_weights(omega, NULL, omega->n, a->weight);
	for (long i = 0; i < omega->n; i++)
		if (!isfinite(a->weight[i]))
			die("the weight of row %s is not finite (--selector-lr %g)",
			    tokens_id(a->setup.data, i, id, sizeof id), seal.rate);
}

/* Trains theta as the method says, and finds all columns but the base loss. */
static void train(struct asked *a)
{
	long n = a->setup.data->rows;
	struct bilevel b = {.setup = &a->setup, .gamma = seal.gamma, .gamma_step = seal.gamma_step};

	a->visits = b.visits = xzalloc(n, sizeof *b.visits);
	a->last = b.last = xalloc(n * sizeof *b.last);
	for (long i = 0; i < n; i++)
		b.last[i] = -1;
	if (a->bilevel)
		b.omega = selector_open(n, activation(), optim(), seal.rate);
	if (a->x)
		selector_share(b.omega, a->x, states_wide(&a->setup.model->config));
	if (a->start)
		memcpy(b.omega->omega, a->start, n * sizeof *a->start);
	if (a->hat)
		b.hat = params_clone(a->setup.theta);
	bilevel_run(&b);
	if (b.omega) {
		read_weights(a, b.omega);
		selector_close(b.omega);
	}
	a->loss = losses(a, a->setup.theta, "losses");
	if (b.hat) {
		a->loss_hat = losses(a, b.hat, "theta-hat's losses");
		params_close(b.hat);
	}
}

static void write_rows(const struct asked *a)
{
	const struct score_run *run = a->run;
	const struct tokens *data = a->setup.data;
	struct scores_out *out = scores_create(run->out, run->header, run->columns, &run->score,
	                                       data->rows, run->share);

	for (long i = run->share.first; i < run->share.end; i++) {
		struct tokens_row r = tokens_row(data, i);
		double v[COLUMNS] = {
			[HAT] = a->loss_hat ? a->loss_hat[i] : NAN,
			[WEIGHT] = a->weight ? a->weight[i] : NAN,
			[VISITS] = a->visits ? a->visits[i] : NAN,
			[LAST] = a->last && a->last[i] >= 0 ? a->last[i] : NAN,
			[BASE] = a->base[i],
			[LOSS] = a->loss ? a->loss[i] : a->base[i],
		};

		scores_add(out, r.id, r.id_n, r.hash, r.line, v + (run->columns - model_columns));
	}
	scores_finish(out);
}

static void run(struct score_run *run)
{
	struct asked a = {.run = run, .opts = run->o->train};
	struct setup *s = &a.setup;

	a.trains = (run->method->needs & METHOD_TRAINS) != 0;
	a.bilevel = run->method == &method_bilevel;
	a.hat = a.bilevel && seal.algorithm == 1;
	begin(&a);
	run->share = share_of(run, s->data->rows);
	/* theta before its first step, or the model alone, to which new pairs add nothing */
	a.base = losses(&a, s->adapter || a.opts.full ? s->theta : NULL, "base losses");
	if (a.trains)
		train(&a);
	json_object_set(run->header, "settings", s->settings);
	json_object_set(run->header, "history", s->data->history);
	write_rows(&a);
	if (run->o->save)
		setup_save(s, run->o->save);
	notice("%ld rows scored by %s in %.1f s, peak memory %.0f MB", s->data->rows, run->o->score,
	       seconds_now() - run->began, peak_memory() / 1e6);
	if (a.x)
		munmap(a.x, states_bytes(&a));
	free(a.start);
	free(a.weight);
	free(a.base);
	free(a.loss);
	free(a.loss_hat);
	free(a.visits);
	free(a.last);
	setup_close(s);
}

static const struct opt_group seal_groups[] = {{"SEAL (--method bilevel)", seal_options, &seal},
                                               {0}};

const struct method method_bilevel = {
	.name = "bilevel",
	.what = "SEAL",
	.needs = METHOD_MODEL | METHOD_SAFE | METHOD_TRAINS,
	.score = "weight",
	.options = seal_groups,
	.columns = bilevel_columns,
	.check = check_bilevel,
	.run = run,
};

const struct method method_safe_loss = {
	.name = "safe-loss",
	.what = "theta trained on safe rows only",
	.needs = METHOD_MODEL | METHOD_SAFE | METHOD_TRAINS | METHOD_SHARES,
	.score = "loss",
	.columns = loss_columns,
	.run = run,
};

const struct method method_loss = {
	.name = "loss",
	.what = "the model as it is",
	.needs = METHOD_MODEL | METHOD_SHARES,
	.score = "loss",
	.columns = loss_columns,
	.run = run,
};
