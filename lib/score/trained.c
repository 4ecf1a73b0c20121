/* SPDX-License-Identifier: MIT */
/* trained.c - the methods that ask a model: bilevel, safe-loss and loss.
 *
 * They differ in how theta is trained: as SEAL does (../train/bilevel.h), on the safe rows
 * alone, or not at all.  All but the weight, the visits and the last visit come from passes
 * over all rows in file order, under theta_0, theta and theta-hat each, so that they cannot
 * know the order of training.
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/hash.h"
#include "../base/progress.h"
#include "../train/bilevel.h"
#include "../train/check.h"
#include "../train/losses.h"
#include "method.h"
#include "score.h"

static struct seal_opts {
	long algorithm;
	const char *activation, *optim;
	double rate, gamma, gamma_step;
} seal = {.algorithm = 2, .activation = "softmax", .optim = "sgd", .rate = 0.1, .gamma_step = 0.03};

#define AT(field) offsetof(struct seal_opts, field)

/* clang-format off */
static const struct opt seal_options[] = {
	{"algorithm", 0, OPT_COUNT, AT(algorithm), "1|2", "of the paper: 1 keeps theta-hat", 1, 1},
	{"activation", 0, OPT_CHOICE, AT(activation), "softmax|sigmoid", "omega to weights", 0, 1},
	{"selector-optim", 0, OPT_CHOICE, AT(optim), "sgd|adam",
		"the paper's plain step, or the authors' Adam", 0, 1},
	{"selector-lr", 0, OPT_REAL, AT(rate), "X", "learning rate of omega", 0, 1},
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

static void check_bilevel(const struct score_opts *o, int operands, int chosen)
{
	(void)operands;
	if (seal.algorithm > 2)
		die_usage("--algorithm: '%ld' is not one of 1|2", seal.algorithm);
	if (seal.gamma >= 1)
		die_usage("--gamma: must be below 1");
	if (chosen && seal.gamma + (o->train.epochs - 1) * seal.gamma_step >= 1)
		die_usage("gamma reaches 1 in the last epoch");
}

/* A run, and what it finds out: an array of the rows for each column, or NULL. */
struct asked {
	struct score_run *run;
	struct train_opts *opts; /* of the training, if theta is trained */
	int trains, bilevel, hat;
	struct model *model;
	struct engine *engine;
	struct params *theta; /* NULL: the model as it is */
	struct tokens *data, *safe, *valid;
	json_t *settings;
	float *weight, *base, *loss, *loss_hat;
	int32_t *visits, *last;
};

#define A_ROW(type, field) sizeof(*((type *)0)->field)

/* What is kept for each row of data while theta is trained, the most there ever is: its
 * place in the order, the base loss, two counts, and omega with its gradient, or Adam's. */
static size_t bytes_a_row(const struct asked *a)
{
	size_t n = A_ROW(struct asked, base);

	if (a->trains)
		n += order_bytes(1) + A_ROW(struct asked, visits) + A_ROW(struct asked, last);
	if (a->bilevel)
		n += A_ROW(struct selector, omega) + A_ROW(struct selector, g);
	if (a->bilevel && !strcmp(seal.optim, "adam"))
		n += A_ROW(struct selector, m) + A_ROW(struct selector, v);
	return n;
}

/* What the run takes: theta with gradients where it is trained, on batches of the safe rows, and
 * of the data where these weigh in. */
static struct demand demand(const struct asked *a)
{
	struct demand d = {.theta = a->theta,
	                   .copies = a->theta ? 1 + a->hat : 0,
	                   .rows = {LOSS_BATCH, a->trains ? a->opts->batch : 0},
	                   .bytes = a->data->rows * bytes_a_row(a)};

	train_demand(&d, a->data);
	train_demand(&d, a->safe);
	train_demand(&d, a->valid);
	if (a->trains) {
		assert(a->safe); /* what trains has said that it needs safe rows */
		d.bytes += order_bytes(a->safe->rows);
	}
	return d;
}

/* The tokens of path (NULL: stdin), which are of the model and of the data's template. */
static struct tokens *stream(const struct asked *a, const char *path)
{
	char *paths[] = {(char *)path};
	struct tokens *t = tokens_read(paths, path ? 1 : 0);

	if (!path)
		path = "stdin";
	check_tokens(t, path, a->run->o->model, &a->model->config);
	if (a->data)
		check_same_template(t, path, a->data);
	return t;
}

/* Opens the model and what it reads, and takes the memory. */
static void begin(struct asked *a)
{
	const struct score_opts *o = a->run->o;
	struct demand asked;
	char hex[17];

	a->model = model_open(o->model, &o->compute);
	a->data = stream(a, a->run->n ? a->run->paths[0] : NULL);
	if (o->safe)
		a->safe = stream(a, o->safe);
	if (a->opts->valid)
		a->valid = stream(a, a->opts->valid);
	if (a->trains || a->opts->init)
		a->theta = train_layout(a->model, a->opts);
	asked = demand(a);
	a->engine = engine_open(a->model, &o->compute, &asked);
	if (a->theta)
		train_begin(a->model, a->theta, a->opts);
	a->settings = train_settings(a->run->groups, a->opts, a->engine, a->theta, a->data);
	if (a->safe) {
		hash_hex(a->safe->input, hex);
		json_object_set_new(a->settings, "safe", json_string(hex));
		if (!a->safe->rows)
			die("no safe rows");
	}
}

static float *losses(const struct asked *a, struct params *theta, const char *what)
{
	float *loss = xalloc(a->data->rows * sizeof *loss);

	all_losses(a->engine, theta, a->data, loss, what);
	return loss;
}

static void read_weights(struct asked *a, struct selector *omega)
{
	char id[128];

	a->weight = xalloc(a->data->rows * sizeof *a->weight);
	selector_all(omega, a->weight);
	for (long i = 0; i < a->data->rows; i++)
		if (!isfinite(a->weight[i]))
			die("the weight of row %s is not finite (--selector-lr %g)",
			    tokens_id(a->data, i, id, sizeof id), seal.rate);
}

/* Trains theta as the method says; returns theta-hat, or NULL. */
static struct params *train(struct asked *a)
{
	struct bilevel b = {.engine = a->engine,
	                    .theta = a->theta,
	                    .safe = a->safe,
	                    .data = a->data,
	                    .valid = a->valid,
	                    .opts = a->opts,
	                    .settings = a->settings};
	long n = a->data->rows;

	a->visits = b.visits = xzalloc(n, sizeof *b.visits);
	a->last = b.last = xalloc(n * sizeof *b.last);
	for (long i = 0; i < n; i++)
		b.last[i] = -1;
	if (a->bilevel) {
		b.gamma = seal.gamma;
		b.gamma_step = seal.gamma_step;
		b.omega = selector_open(n, strcmp(seal.activation, "sigmoid") ? SOFTMAX : SIGMOID,
		                        strcmp(seal.optim, "adam") ? SELECTOR_SGD : SELECTOR_ADAM,
		                        seal.rate);
	}
	if (a->hat)
		b.hat = params_clone(a->theta);
	bilevel_run(&b);
	if (b.omega) {
		read_weights(a, b.omega);
		selector_close(b.omega);
	}
	return b.hat;
}

static void write_rows(const struct asked *a, const struct column *from)
{
	struct scores_out *out =
		scores_create(a->run->out, a->run->header, from, &a->run->score, a->data->rows);

	for (long i = 0; i < a->data->rows; i++) {
		struct tokens_row r = tokens_row(a->data, i);
		double v[COLUMNS] = {
			[HAT] = a->loss_hat ? a->loss_hat[i] : NAN,
			[WEIGHT] = a->weight ? a->weight[i] : NAN,
			[VISITS] = a->visits ? a->visits[i] : NAN,
			[LAST] = a->last && a->last[i] >= 0 ? a->last[i] : NAN,
			[BASE] = a->base[i],
			[LOSS] = a->loss ? a->loss[i] : a->base[i],
		};

		scores_add(out, r.id, r.id_n, r.hash, r.line, v + (from - model_columns));
	}
	scores_finish(out);
}

static void end(struct asked *a)
{
	const struct score_opts *o = a->run->o;

	if (o->save)
		train_save(a->model, a->theta, o->save, o->model, a->data, a->settings);
	notice("%ld rows scored by %s in %.1f s, peak memory %.0f MB", a->data->rows, o->score,
	       seconds_now() - a->run->began, peak_memory() / 1e6);
	params_close(a->theta);
	free(a->weight);
	free(a->base);
	free(a->loss);
	free(a->loss_hat);
	free(a->visits);
	free(a->last);
	json_decref(a->settings);
	tokens_close(a->data);
	if (a->safe)
		tokens_close(a->safe);
	if (a->valid)
		tokens_close(a->valid);
	engine_close(a->engine);
	model_close(a->model);
}

static void ask(struct asked a, struct score_run *run, const struct column *from)
{
	struct train_opts opts = run->o->train;
	struct params *hat;

	a.run = run;
	a.opts = &opts;
	begin(&a);
	/* theta before its first step, or the model alone, to which new pairs add nothing */
	a.base = losses(&a, opts.init || opts.full ? a.theta : NULL, "base losses");
	if (a.trains) {
		hat = train(&a);
		a.loss = losses(&a, a.theta, "losses");
		if (hat) {
			a.loss_hat = losses(&a, hat, "theta-hat's losses");
			params_close(hat);
		}
	}
	json_object_set(run->header, "settings", a.settings);
	json_object_set(run->header, "history", a.data->history);
	write_rows(&a, from);
	end(&a);
}

static void run_bilevel(struct score_run *run)
{
	ask((struct asked){.trains = 1, .bilevel = 1, .hat = seal.algorithm == 1}, run,
	    bilevel_columns());
}

static void run_safe_loss(struct score_run *run)
{
	ask((struct asked){.trains = 1}, run, loss_columns());
}

static void run_loss(struct score_run *run) { ask((struct asked){0}, run, loss_columns()); }

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
	.run = run_bilevel,
};

const struct method method_safe_loss = {
	.name = "safe-loss",
	.what = "theta trained on safe rows only",
	.needs = METHOD_MODEL | METHOD_SAFE | METHOD_TRAINS,
	.score = "loss",
	.columns = loss_columns,
	.run = run_safe_loss,
};

const struct method method_loss = {
	.name = "loss",
	.what = "the model as it is",
	.needs = METHOD_MODEL,
	.score = "loss",
	.columns = loss_columns,
	.run = run_loss,
};
