/* SPDX-License-Identifier: MIT */
/* devices.c - ten steps of Algorithms 1 and 2 on the simulated GPU end where the CPU's end,
 * and --device says what there is. */
#include <fcntl.h>
#include <unistd.h>

#include "../../lib/train/bilevel.h"
#include "../tap.h"
#include "../tiny.h"

enum { STEPS = 10 };

/* Where a run ends. */
struct end { float *theta, *hat, *omega, *loss; long n, rows; };

static float *values(const struct params *a)
{
	float *p = xalloc(a->n * sizeof *p);

	a->dev->op->get(a->dev, p, a->p, a->n * sizeof *p);
	return p;
}

static struct end run(const char *device, const char *name, int algorithm, struct tokens *data,
                      struct tokens *safe)
{
	struct compute_opts compute = COMPUTE_DEFAULTS;
	struct train_opts opts = TRAIN_DEFAULTS;
	int32_t *visits = xzalloc(data->rows, sizeof *visits), *last = xzalloc(data->rows, sizeof *last);
	long *row = xalloc(data->rows * sizeof *row);
	struct setup setup = {.safe = (struct tokens *)safe, .data = (struct tokens *)data, .opts = &opts, .settings = json_object()};
	struct bilevel b = {.setup = &setup, .visits = visits, .last = last, .gamma = 0.4};
	char *lora = xprintf("%s-lora", name);
	struct batch all;
	struct end e = {0};

	compute.device = device;
	compute.dtype = "f32";
	compute.pass = 256;
	compute.threads = 1;
	opts.epochs = STEPS;
	opts.batch = 4;
	opts.max_steps = STEPS;
	opts.rate = 0.01;
	for (long i = 0; i < data->rows; i++)
		row[i] = i;
	all = tiny_batch(data, row, (int)data->rows);
	setup.engine = tiny_engine(gold_path(name, ""), compute, TINY_PLAIN);
	setup.theta = tiny_adapter(setup.engine, lora);
	b.hat = algorithm == 1 ? params_clone(setup.theta) : NULL;
	b.omega = selector_open(data->rows, ACTIVATION_SOFTMAX, SELECTOR_SGD, 0.5);
	bilevel_run(&b);
	e.n = setup.theta->n;
	e.rows = data->rows;
	e.theta = values(setup.theta);
	e.hat = b.hat ? values(b.hat) : NULL;
	e.omega = xalloc(e.rows * sizeof *e.omega);
	for (long i = 0; i < e.rows; i++)
		e.omega[i] = (float)b.omega->omega[i];
	e.loss = xalloc(e.rows * sizeof *e.loss);
	engine_loss(setup.engine, setup.theta, &all, e.loss);
	selector_close(b.omega);
	if (b.hat)
		params_close(b.hat);
	params_close(setup.theta);
	tiny_close(setup.engine);
	json_decref(setup.settings);
	free(lora);
	free(row);
	free(visits);
	free(last);
	return e;
}

static double apart(const float *a, const float *b, long n)
{
	double most = 0;

	for (long i = 0; i < n; i++)
		if (!(fabs(a[i] - b[i]) <= most))
			most = fabs(a[i] - b[i]);
	return most;
}

static void free_end(struct end *e)
{
	free(e->theta);
	free(e->hat);
	free(e->omega);
	free(e->loss);
}

static void check(const char *name, int algorithm, struct tokens *data, struct tokens *safe)
{
	struct end cpu = run("cpu", name, algorithm, data, safe), gpu = run("cuda", name, algorithm, data, safe);
	double theta = apart(cpu.theta, gpu.theta, cpu.n) / 0.01, loss = apart(cpu.loss, gpu.loss, cpu.rows);
	double omega = apart(cpu.omega, gpu.omega, cpu.rows) / 0.5;

	ok(theta < 0.02, "%s, Algorithm %d: theta after %d steps (%.1e of the rate apart)", name, algorithm, STEPS, theta);
	if (cpu.hat) {
		double hat = apart(cpu.hat, gpu.hat, cpu.n) / 0.01;

		ok(hat < 0.02, "%s, Algorithm 1: theta-hat (%.1e of the rate apart)", name, hat);
	}
	ok(omega < 1e-4, "%s, Algorithm %d: omega (%.1e of the rate apart)", name, algorithm, omega);
	ok(loss < 1e-4, "%s, Algorithm %d: every loss (%.1e apart)", name, algorithm, loss);
	free_end(&cpu);
	free_end(&gpu);
}

/* Whether the machine seems to have a GPU: in place of libc's, which asks the real one. */
static int seems;

int access(const char *path, int mode)
{
	if (strcmp(path, "/dev/nvidiactl"))
		return faccessat(AT_FDCWD, path, mode, 0);
	return seems ? 0 : -1;
}

/* Two cards in one process, asked in turn: each call goes to its own (the simulator dies else). */
static void check_two(void)
{
	float in[2][3] = {{1, 2, 3}, {4, 5, 6}}, out[2][3] = {{0}};
	const char *names[] = {"cuda:0", "cuda:1"}, *why;
	struct dev *d[2];
	float *p[2];

	setenv("CUDASIM_DEVICES", "2", 1);
	for (int i = 0; i < 2; i++) {
		d[i] = dev_open(names[i], 1, &why);
		p[i] = d[i]->op->alloc(d[i], sizeof in[i]);
	}
	for (int i = 0; i < 2; i++)
		d[i]->op->put(d[i], p[i], in[i], sizeof in[i]);
	for (int i = 0; i < 2; i++)
		d[i]->op->dot(d[i], p[i], p[i], p[i], 3);
	for (int i = 0; i < 2; i++) {
		d[i]->op->get(d[i], out[i], p[i], sizeof out[i]);
		d[i]->op->free(d[i], p[i]);
		dev_close(d[i]);
	}
	ok(out[0][0] == 14 && out[1][0] == 77 && out[1][2] == 6, "two cards in turn");
	unsetenv("CUDASIM_DEVICES");
}

static void check_names(void)
{
	const char *why = "";
	struct dev *d = dev_open("auto", 1, &why);

	ok(d && !strncmp(d->name, "cuda", 4) && !why, "auto is the GPU where there is one");
	dev_close(d);
	d = dev_open("cuda:1", 1, &why);
	ok(!d && *why, "a second one is not there: %s", why);
	setenv("CUDASIM_DEVICES", "0", 1);
	d = dev_open("auto", 1, &why);
	ok(d && !strcmp(d->name, "cpu") && !why, "auto is the CPU where there is none");
	dev_close(d);
	seems = 1;
	d = dev_open("auto", 1, &why);
	ok(d && !strcmp(d->name, "cpu") && why && !strncmp(why, "no cuda: ", 9), "and where one seems to be it says why: %s", why);
	dev_close(d);
	d = dev_open("cpu", 1, &why);
	ok(d && !why, "but not where the CPU was asked for");
	dev_close(d);
	why = "";
	d = dev_open("cuda", 1, &why);
	ok(!d && *why, "cuda says why not: %s", why);
}

int main(void)
{
	static const char *const names[] = {"tiny-llama", "tiny-neox"};
	json_t *rows = json_read_file(GOLD "bilevel-rows.json");
	struct tokens *data = tiny_rows(json_object_get(rows, "data")), *safe = tiny_rows(json_object_get(rows, "safe"));

	die_name("devices.t");
	notice_quiet(1);
	for (int i = 0; i < 2; i++)
		for (int algorithm = 1; algorithm <= 2; algorithm++)
			check(names[i], algorithm, data, safe);
	check_two();
	check_names();
	tokens_close(data);
	tokens_close(safe);
	json_decref(rows);
	return tap_done();
}
