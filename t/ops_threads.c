/* SPDX-License-Identifier: MIT */
/* ops_threads.c - the operations that add across rows give the same bits
 * whatever the number of threads, or the order in which a GPU runs its own. */
#include <omp.h>

#include "ops_help.h"

int amx_is_there(void); /* of kernels/tile_amx.h, which has other names that are used here */

enum { TOKENS = 300, HEADS = 6, KV = 2, DIM = 20, WIDE = HEADS * DIM, CUTS = 4, COUNT = 30011 };

struct results { struct mat o, dq, dk, dv, dgain, dbias, sums, rows, square; };

static struct mat fresh(long rows, long cols)
{
	struct mat m = mat_of(dev_alloc(4 * rows * cols), DT_F32, rows, cols);

	op->zero(dev, m);
	return m;
}

static struct results all(int threads)
{
	static const char *const orders[] = {"forward", "backward", "shuffled"};
	static const int32_t start[CUTS + 1] = {0, 1, 120, 137, TOKENS};
	int32_t len[CUTS], id[TOKENS];
	struct heads h = {HEADS, KV, DIM, DIM, DIM, 0, 0.2f, 0};
	struct norm plain = {.eps = 1e-5f, .heads = 1};
	struct results r;

	setenv("CUDASIM_ORDER", orders[threads - 1], 1);
	open_device(threads);                  /* and the same dice */
	for (int i = 0; i < CUTS; i++)
		len[i] = start[i + 1] - start[i];
	for (int i = 0; i < TOKENS; i++)
		id[i] = rng_below(&dice, 10);
	struct spans s = {upload_bytes(start, sizeof start), NULL, upload_bytes(len, sizeof len), CUTS,
	                  TOKENS - 137};
	s.k = s.q;
	struct mat q = upload(host_mat(DT_F32, TOKENS, WIDE, 0, 1));
	struct mat k = upload(host_mat(DT_F32, TOKENS, KV * DIM, 0, 1));
	struct mat v = upload(host_mat(DT_F32, TOKENS, KV * DIM, 0, 1));
	struct mat dout = upload(host_mat(DT_BF16, TOKENS, WIDE, 0, 1));
	struct mat g = upload(host_mat(DT_F32, TOKENS, WIDE, 0, 1));
	struct mat many = upload(host_mat(DT_F32, 1, COUNT, 0, 1)), gain = row_range(g, 0, 1);
	float *lse = dev_alloc(4 * TOKENS * HEADS), *stat = dev_alloc(8 * TOKENS);

	r.o = fresh(TOKENS, WIDE), r.dq = fresh(TOKENS, WIDE), r.dk = fresh(TOKENS, KV * DIM);
	r.dv = fresh(TOKENS, KV * DIM), r.dgain = fresh(1, WIDE), r.dbias = fresh(1, WIDE);
	r.sums = fresh(1, WIDE), r.rows = fresh(10, WIDE), r.square = fresh(1, 1);
	op->attn(dev, r.o, lse, q, k, v, s, h);
	op->attn_back(dev, r.dq, r.dk, r.dv, g, r.o, lse, q, k, v, s, h);
	struct mat y = fresh(TOKENS, WIDE), dx = fresh(TOKENS, WIDE), none = {0};
	op->norm(dev, y, stat, q, gain, gain, plain, 0);
	op->norm_back(dev, dx, none, r.dgain, r.dbias, dout, q, gain, stat, plain, 1);
	op->bias_back(dev, r.sums, dout, 1);
	op->scatter_add(dev, r.rows, dout, upload_groups(id, TOKENS), 1);
	op->dot(dev, r.square.p, many.p, many.p, COUNT);
	return r;
}

enum { MANY = 2570 };

/* What the pieces of by_rows share: each adds twice its rows of x to those of y. */
struct pieces { struct mat y, x; int32_t count; };

static void double_rows(struct dev *part, long first, long n, void *with)
{
	struct pieces *p = with;
	struct mat y = row_range(p->y, first, n), one = row_range(p->x, first, n);
	static const float eye[4] = {1, 0, 0, 1};
	struct mat i2 = mat_of(part->op->alloc(part, sizeof eye), DT_F32, 2, 2);

	part->op->put(part, i2.p, eye, sizeof eye);
	part->op->gemm(part, y, one, 0, i2, 0, 2, 1);
	part->op->free(part, i2.p);
	__atomic_add_fetch(&p->count, 1, __ATOMIC_RELAXED);
}

static void check_by_rows(int threads, long rows)
{
	struct pieces p = {.count = 0};
	struct mat got, want;
	double off = 0;

	open_device(threads);
	want = host_mat(DT_F32, rows, 2, 0, 1);
	p.x = upload(want);
	p.y = fresh(rows, 2);
	op->by_rows(dev, rows, double_rows, &p);
	got = download(p.y);
	for (long i = 0; i < rows; i++)
		for (long j = 0; j < 2; j++)
			off = fmax(off, fabs(get(got, i, j) - 2 * get(want, i, j)));
	ok(off == 0, "by_rows, %ld rows, %d threads: each row once (%d pieces)", rows, threads, p.count);
	if (on_cpu() && !amx_is_there() && threads > 1 && rows >= 300 * threads)
		ok(p.count >= threads, "a piece for each of them at least");
	tidy();
	dev_close(dev);
}

int main(void)
{
	struct results a = all(1);
	struct dev *first = dev;
	int processors = omp_get_num_procs();

	omp_set_num_threads(1); /* as OMP_NUM_THREADS=1 would */
	open_device(0);
	ok(omp_get_max_threads() == 1, "as many threads as the environment says");
	dev_close(dev);
	omp_set_num_threads(processors);
	for (int threads = 2; threads <= 3; threads++) {
		struct results b = all(threads);

		printf(on_cpu() ? "# %d threads\n" : "# order %d\n", threads);
		same_bytes(a.o, b.o, "attn");
		same_bytes(a.dq, b.dq, "attn_back: dq");
		same_bytes(a.dk, b.dk, "attn_back: dk");
		same_bytes(a.dv, b.dv, "attn_back: dv");
		same_bytes(a.dgain, b.dgain, "norm_back: dgain");
		same_bytes(a.dbias, b.dbias, "norm_back: dbias");
		same_bytes(a.sums, b.sums, "bias_back");
		same_bytes(a.rows, b.rows, "scatter_add");
		same_bytes(a.square, b.square, "dot");
		if (threads == 2)
			dev_close(dev);
	}
	tidy();
	dev_close(first);
	dev_close(dev);
	for (int threads = 1; threads <= 4; threads++)
		for (long rows = 0; rows <= MANY; rows += 257)
			check_by_rows(threads, rows);
	return tap_done();
}
