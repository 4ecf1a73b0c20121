/* SPDX-License-Identifier: MIT */
/* ops_rates.c - no large product of a training step goes a slow way: each of SmolLM2-135M's has at
 * least half the rate of the fastest.  Processor time of one thread, the best of some runs, so that
 * a busy machine does not matter; t/bench/selector.sh has the figures. */
#include <time.h>

#include "../kernels/cpu.h"
#include "../kernels/tile_amx.h"
#include "ops_help.h"

enum { DIM = 576, QKV = 960, FFN = 1536, HEADS = 576, VOCAB = 4096, ROWS = 640, RUNS = 8 };

/* c [ROWS x n] = a [ROWS x k] b, or b', as block.c has them: c may be columns of a wider matrix, and
 * F32 where it is added to. */
static const struct { const char *name; long n, k, wide; int tb, add; } products[] = {
	{"queries, keys and values", QKV, DIM, QKV, 1, 0},
	{"their gradient", DIM, QKV, DIM, 0, 1},
	{"attention's output", DIM, HEADS, DIM, 1, 1},
	{"its gradient", HEADS, DIM, HEADS, 0, 0},
	{"gate and up", 2 * FFN, DIM, 2 * FFN, 1, 0},
	{"one of them", FFN, DIM, 2 * FFN, 1, 0},
	{"their gradient", DIM, 2 * FFN, DIM, 0, 1},
	{"down", DIM, FFN, DIM, 1, 1},
	{"its gradient", FFN, DIM, FFN, 0, 0},
	{"the head", VOCAB, DIM, VOCAB, 1, 1},
	{"its gradient", DIM, VOCAB, DIM, 0, 1},
};
enum { PRODUCTS = sizeof products / sizeof *products };

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* GFLOP/s of product i of matrices of this type. */
static double rate(int i, enum dtype type)
{
	long n = products[i].n, k = products[i].k;
	struct mat a = upload(host_mat(type, ROWS, k, 0, 1));
	int tb = products[i].tb;
	struct mat b = upload(host_mat(type, tb ? n : k, tb ? k : n, 0, 1));
	struct mat c = upload(host_mat(products[i].add ? DT_F32 : type, ROWS, products[i].wide, 0, 1));
	double least = INFINITY;

	for (int run = 0; run < RUNS; run++) {
		double t = now();

		op->gemm(dev, columns(c, 0, n), a, 0, b, tb, 1, products[i].add);
		least = fmin(least, now() - t);
	}
	tidy();
	return 2e-9 * ROWS * n * k / least;
}

int main(void)
{
	double found[PRODUCTS], most = 0;

	if (amx_is_there()) {
		skip("rates of products", "with AMX they follow what strangers do on the machine");
		return tap_done();
	}
	open_device(1);
	for (int i = 0; i < PRODUCTS; i++)
		most = fmax(most, found[i] = rate(i, bf16_is_fast() ? DT_BF16 : DT_F32));
	for (int i = 0; i < PRODUCTS; i++)
		ok(found[i] >= most / 2, "%s: %.0f GFLOP/s of at most %.0f", products[i].name, found[i],
		   most);
	dev_close(dev);
	return tap_done();
}
