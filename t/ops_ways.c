/* SPDX-License-Identifier: MIT */
/* ops_ways.c - no large product takes a slow way through oneDNN: of a training step of SmolLM2-135M
 * all that multiply bf16 take the code that is made for the processor (brgemm), not the general
 * one, which has half the speed or less.  oneDNN says so where ONEDNN_VERBOSE asks it to: the test
 * starts itself again, and reads that. */
#include <unistd.h>

#include "../kernels/cpu.h"
#include "../kernels/tile_amx.h"
#include "ops_help.h"

enum { DIM = 576, QKV = 960, FFN = 1536, HEADS = 576, VOCAB = 4096, ROWS = 640 };

/* c [ROWS x n] = a [ROWS x k] b, or b', as block.c has them: c may be columns of a wider matrix. */
static const struct { const char *name; long n, k, wide; int tb, ctype; } products[] = {
	{"queries, keys and values", QKV, DIM, QKV, 1, DT_BF16},
	{"their gradient", DIM, QKV, DIM, 0, DT_F32},
	{"attention's output", DIM, HEADS, DIM, 1, DT_F32},
	{"its gradient", HEADS, DIM, HEADS, 0, DT_BF16},
	{"gate and up", 2 * FFN, DIM, 2 * FFN, 1, DT_BF16},
	{"one of them", FFN, DIM, 2 * FFN, 1, DT_BF16},
	{"their gradient", DIM, 2 * FFN, DIM, 0, DT_F32},
	{"down", DIM, FFN, DIM, 1, DT_F32},
	{"its gradient", FFN, DIM, FFN, 0, DT_BF16},
	{"the head", VOCAB, DIM, VOCAB, 1, DT_F32},
	{"its gradient", DIM, VOCAB, DIM, 0, DT_F32},
};
enum { PRODUCTS = sizeof products / sizeof *products };

static int multiply(void)
{
	open_device(1);
	for (int i = 0; i < PRODUCTS; i++) {
		long n = products[i].n, k = products[i].k;
		struct mat a = upload(host_mat(DT_BF16, ROWS, k, 0, 1));
		struct mat b = upload(products[i].tb ? host_mat(DT_BF16, n, k, 0, 1) : host_mat(DT_BF16, k, n, 0, 1));
		struct mat c = upload(host_mat(products[i].ctype, ROWS, products[i].wide, 0, 1));

		op->gemm(dev, columns(c, 0, n), a, 0, b, products[i].tb, 1, products[i].ctype == DT_F32);
		tidy();
	}
	dev_close(dev);
	return 0;
}

int main(int argc, char **argv)
{
	char line[1024];
	int seen = 0;
	FILE *f;

	if (argc > 1)
		return multiply();
	if (!bf16_is_fast() || amx_is_there()) {
		skip("ways of products", bf16_is_fast() ? "those by AMX are our own" : "no products of bf16 here");
		return tap_done();
	}
	snprintf(line, sizeof line, "ONEDNN_VERBOSE=1 '%s' multiply", argv[0]);
	f = popen(line, "r");
	while (f && fgets(line, sizeof line, f)) {
		const char *way = strstr(line, ",matmul,");

		if (!strstr(line, ",exec,") || !way || seen == PRODUCTS)
			continue;
		way += strlen(",matmul,");
		ok(!strncmp(way, "brg", 3), "%s: %.*s", products[seen].name, (int)strcspn(way, ","), way);
		seen++;
	}
	ok(f && !pclose(f) && seen == PRODUCTS, "each of them is seen (%d of %d)", seen, PRODUCTS);
	return tap_done();
}
