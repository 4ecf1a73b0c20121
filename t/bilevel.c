/* SPDX-License-Identifier: MIT */
/* bilevel.c - three steps of Algorithms 1 and 2 against a PyTorch reference
 * (t/gold/bilevel.py): theta, theta-hat and omega, softmax and sigmoid, sgd and adam. */
#include <unistd.h>

#include "../lib/train/bilevel.h"
#include "../lib/train/log.h"
#include "tap.h"
#include "tiny.h"

static char tmp[] = "/tmp/seal-bilevel-XXXXXX";
static char log_file[64];

struct reference {
	struct engine *model;
	struct tokens *data, *safe;
	json_t *gold;
	struct tensor_file end;
};

/* The largest difference of an adapter from the tensors prefix*, in units of
 * the learning rate; -1 when a tensor is missing. */
static double adapter_off(const struct reference *r, const struct params *a, const char *prefix, double rate)
{
	struct apart d = {0};

	apart_params(&d, a, 1, &r->end, prefix);
	return d.n == a->n ? d.most / rate : -1;
}

static double omega_off(const struct reference *r, const struct selector *s, const char *name)
{
	const struct st_tensor *t = st_find(&r->end.st, name);
	const float *want = t ? t->data : NULL;
	double most = 0;

	if (!want || t->bytes != s->n * sizeof *want)
		return -1;
	for (long i = 0; i < s->n; i++)
		most = fmax(most, fabs(s->omega[i] - want[i]));
	return most / s->rate;
}

static void small(double off, double tol, const char *name, const char *what)
{
	ok(off >= 0 && off <= tol, "%s: %s (off by %.1e of the rate)", name, what, off);
}

static void check_visits(const struct bilevel *b, const char *name)
{
	int right = 1;

	for (long i = 0; i < b->setup->data->rows; i++)
		right &= b->visits[i] == (i < 4 ? 2 : 1) && b->last[i] == i;
	ok(right, "%s: visits, and the position of the last", name);
}

static double mean_of(const json_t *list)
{
	double sum = 0;

	for (size_t i = 0; i < json_array_size(list); i++)
		sum += json_number_value(json_array_get(list, i));
	return json_array_size(list) ? sum / json_array_size(list) : 0;
}

/* The losses and norms of every step, from the log. */
static void check_log(const struct reference *r, const char *name)
{
	const json_t *steps = json_object_get(json_object_get(r->gold, "cases"), name), *want;
	struct zin *in = zin_open(log_file);
	double off = 0;
	size_t n, raw, at = 0;
	char *line;

	for (; (line = zin_line(in, &n, &raw)) && (want = json_array_get(steps, at)); at++) {
		struct fault why;
		json_t *got = json_parse(line, n, &why);

		off = fmax(off, fabs(json_number(got, "loss_safe", NAN) - mean_of(json_object_get(want, "safe"))));
		off = fmax(off, fabs(json_number(got, "loss", NAN) - mean_of(json_object_get(want, "loss"))));
		off = fmax(off, fabs(json_number(got, "loss_hat", NAN) - mean_of(json_object_get(want, "hat"))));
		off = fmax(off, fabs(json_number(got, "norm", NAN) - json_number(want, "norm", 0)));
		if (isnan(json_number(got, "norm", NAN)) || isnan(json_number(got, "loss", NAN)))
			off = INFINITY;
		json_decref(got);
	}
	zin_close(in);
	ok(at == json_array_size(steps) && off < 1e-4, "%s: losses and norms of each step (off by %.1e)", name, off);
}

static void check(const struct reference *r, enum activation act, enum selector_optim optim, int algorithm)
{
	const json_t *set = json_object_get(r->gold, "settings");
	struct train_opts opts = TRAIN_DEFAULTS;
	double rate = json_number(set, "rate", 0);
	int32_t visits[8] = {0}, last[8];
	json_t *settings = json_object();
	struct setup setup = {.engine = r->model, .safe = r->safe, .data = r->data, .opts = &opts, .settings = settings};
	struct bilevel b = {.setup = &setup, .visits = visits, .last = last};
	char *name = xprintf("%s.%s.%d", act == ACTIVATION_SOFTMAX ? "softmax" : "sigmoid",
	                     optim == SELECTOR_SGD ? "sgd" : "adam", algorithm), *of;

	opts.epochs = 2;
	opts.batch = json_long(set, "batch", 0);
	opts.max_steps = json_long(set, "steps", 0);
	opts.rate = rate;
	opts.clip = json_number(set, "clip", 0);
	opts.no_shuffle = 1;
	opts.log = log_file;
	b.gamma = json_number(set, "gamma", 0);
	b.gamma_step = json_number(set, "gamma_step", 0);
	for (int i = 0; i < 8; i++)
		last[i] = -1;
	setup.theta = tiny_adapter(r->model, "tiny-llama-qv");
	b.hat = algorithm == 1 ? params_clone(setup.theta) : NULL;
	b.omega = selector_open(r->data->rows, act, optim,
	                        json_number(set, optim == SELECTOR_SGD ? "sgd_rate" : "adam_rate", 0));
	for (long i = 0; i < b.omega->n; i++)
		b.omega->omega[i] += (float)json_number_value(json_array_get(json_object_get(set, "moved"), i));
	bilevel_run(&b);

	of = xprintf("%s.theta.", name);
	small(adapter_off(r, setup.theta, of, rate), 2e-3, name, "theta");
	free(of);
	if (b.hat) {
		of = xprintf("%s.hat.", name);
		small(adapter_off(r, b.hat, of, rate), 2e-3, name, "theta-hat");
		free(of);
		params_close(b.hat);
	}
	of = xprintf("%s.omega", name);
	small(omega_off(r, b.omega, of), 1e-4, name, "omega");
	free(of);
	check_visits(&b, name);
	check_log(r, name);
	log_end(log_file, 0); /* or the next one would go on in it */
	params_close(setup.theta);
	selector_close(b.omega);
	json_decref(settings);
	free(name);
}

int main(void)
{
	json_t *rows = json_read_file(GOLD "bilevel-rows.json");
	struct reference r;

	die_name("bilevel.t");
	notice_quiet(1);
	if (!mkdtemp(tmp))
		die("mkdtemp:");
	snprintf(log_file, sizeof log_file, "%s/log", tmp);
	r.model = tiny_open("tiny-llama", "f32", 2048, 1);
	r.data = tiny_rows(json_object_get(rows, "data"));
	r.safe = tiny_rows(json_object_get(rows, "safe"));
	r.gold = json_read_file(GOLD "bilevel.json");
	tensors_open(&r.end, GOLD "bilevel.safetensors");
	for (int act = ACTIVATION_SOFTMAX; act <= ACTIVATION_SIGMOID; act++)
		for (int optim = SELECTOR_SGD; optim <= SELECTOR_ADAM; optim++)
			for (int algorithm = 1; algorithm <= 2; algorithm++)
				check(&r, act, optim, algorithm);
	unlink(log_file);
	rmdir(tmp);
	tensors_close(&r.end);
	json_decref(r.gold);
	json_decref(rows);
	tokens_close(r.data);
	tokens_close(r.safe);
	tiny_close(r.model);
	return tap_done();
}
