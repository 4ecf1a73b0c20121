/* SPDX-License-Identifier: MIT */
/* steps.c - a selector step against its two supervised passes, and Algorithm 1
 * against Algorithm 2: the same batches, taken in turn, so that what else the
 * machine does strikes all alike.  For one thread that is processor time.
 *
 *     build/t/bench/steps MODEL SAFE.tok DATA.tok bf16|f32 THREADS BATCH ROUNDS
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "../../lib/base/memory.h"
#include "../../lib/train/bilevel.h"
#include "../../lib/train/finetune.h"

enum { SAFE, DATA, TWO, ONE, TWO_FIRST, ONE_FIRST, KINDS };

static const char *const name[KINDS] = {
	"supervised, safe rows", "supervised, rows", "Algorithm 2", "Algorithm 1",
	"Algorithm 2, gamma 0", "Algorithm 1, gamma 0"};

static struct train_opts opts = TRAIN_DEFAULTS;
static struct setup setup;
static struct params *hat;
static clockid_t watch = CLOCK_MONOTONIC;

static double now(void)
{
	struct timespec t;

	clock_gettime(watch, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

static void bilevel(double gamma, struct params *that)
{
	struct bilevel b = {.setup = &setup, .hat = that, .gamma = gamma};

	b.omega = selector_open(setup.data->rows, ACTIVATION_SOFTMAX, SELECTOR_SGD, 0.1);
	b.visits = xzalloc(setup.data->rows, sizeof *b.visits);
	b.last = xzalloc(setup.data->rows, sizeof *b.last);
	bilevel_run(&b);
	selector_close(b.omega);
	free(b.visits);
	free(b.last);
}

static double run(int kind)
{
	struct setup supervised = setup;
	double began = now();

	supervised.data = kind == SAFE ? setup.safe : setup.data;
	if (kind <= DATA)
		finetune_run(&supervised, NULL);
	else
		bilevel(kind <= ONE ? 0.3 : 0, kind == ONE || kind == ONE_FIRST ? hat : NULL);
	return now() - began;
}

static int ascending(const void *a, const void *b)
{
	return (*(double *)a > *(double *)b) - (*(double *)a < *(double *)b);
}

static double median(double *x, int n)
{
	qsort(x, n, sizeof *x, ascending);
	return n % 2 ? x[n / 2] : (x[n / 2 - 1] + x[n / 2]) / 2;
}

static void open_all(char **argv)
{
	static struct compute_opts compute = COMPUTE_DEFAULTS;

	compute.dtype = argv[4];
	compute.threads = atol(argv[5]);
	opts.batch = atol(argv[6]);
	opts.max_steps = opts.no_shuffle = opts.seed = 1;
	opts.targets = "q_proj,v_proj";
	setup_open(&setup, argv[1], NULL, &compute);
	setup.safe = setup_read(&setup, &argv[2], 1);
	setup.data = setup_read(&setup, &argv[3], 1);
	setup_theta(&setup, &opts);
	setup.demand.copies = 2;
	setup.demand.rows[0] = setup.demand.rows[1] = opts.batch;
	setup_begin(&setup);
	hat = params_clone(setup.theta);
}

int main(int argc, char **argv)
{
	double *took[KINDS], least[KINDS], ratio[3][64];
	int rounds;

	die_name("steps");
	dev_prepare(argv);
	notice_quiet(1);
	if (argc != 8 || (rounds = atoi(argv[7])) < 1 || rounds > 64)
		die("needs MODEL SAFE DATA TYPE THREADS BATCH ROUNDS (at most 64)");
	if (atoi(argv[5]) == 1)
		watch = CLOCK_PROCESS_CPUTIME_ID;
	open_all(argv);
	for (int k = 0; k < KINDS; k++)
		took[k] = xalloc(rounds * sizeof **took);
	run(ONE);                      /* memory and products are made */
	for (int i = 0; i < rounds; i++) {
		for (int k = 0; k < KINDS; k++)
			took[k][i] = run(k);
		ratio[0][i] = took[TWO][i] / (took[SAFE][i] + took[DATA][i]);
		ratio[1][i] = took[ONE][i] / took[TWO][i];
		ratio[2][i] = took[ONE_FIRST][i] / took[TWO_FIRST][i];
	}
	for (int k = 0; k < KINDS; k++) {
		least[k] = median(took[k], rounds);
		printf("%-24s %8.3f s\n", name[k], least[k]);
	}
	printf("a selector step / its two supervised passes   %.3f\n", median(ratio[0], rounds));
	printf("Algorithm 1 / Algorithm 2                     %.3f\n", median(ratio[1], rounds));
	printf("the same while gamma is 0                     %.3f\n", median(ratio[2], rounds));
	params_close(hat);
	setup_close(&setup);
	return 0;
}
