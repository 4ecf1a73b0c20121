/* SPDX-License-Identifier: MIT */
/* ops_gemm.c - c = alpha op(a) op(b) + beta c, every way round. */
#include <sys/wait.h>
#include <unistd.h>

#include "ops_help.h"

static struct ref expected(struct mat c, struct mat a, int ta, struct mat b, int tb, double alpha,
                           double beta)
{
	struct ref r = ref_new(c.rows, c.cols);
	long k = ta ? a.rows : a.cols;

	for (long i = 0; i < c.rows; i++)
		for (long j = 0; j < c.cols; j++) {
			double s = 0;

			for (long l = 0; l < k; l++)
				s += (ta ? get(a, l, i) : get(a, i, l)) *
				     (tb ? get(b, j, l) : get(b, l, j));
			R(r, i, j) = alpha * s + (beta != 0 ? beta * get(c, i, j) : 0);
		}
	return r;
}

static void one(long m, long n, long k, int ta, int tb, enum dtype type, enum dtype ctype,
                float alpha, float beta, long gap)
{
	struct mat a = ta ? host_mat(type, k, m, gap, 1) : host_mat(type, m, k, gap, 1);
	struct mat b = tb ? host_mat(type, n, k, gap, 1) : host_mat(type, k, n, gap, 1);
	struct mat c = host_mat(ctype, m, n, gap, 1);
	char name[200];

	if (beta == 0 && m && n)
		set(c, 0, 0, NAN);     /* not read */
	struct ref want = expected(c, a, ta, b, tb, alpha, beta);
	struct mat da = upload(a), db = upload(b), dc = upload(c), dc2 = upload(c);
	snprintf(name, sizeof name, "%ldx%ldx%ld %s%s %s->%s alpha %g beta %g gap %ld", m, n, k,
	         ta ? "t" : "n", tb ? "t" : "n", type_name(type), type_name(ctype), alpha, beta, gap);
	op->gemm(dev, dc, da, ta, db, tb, alpha, beta);
	op->gemm(dev, dc2, da, ta, db, tb, alpha, beta);
	/* Sums of k products of size 1 wander by sqrt(k) roundings.  Tensor cores cut off instead of
	 * rounding: their errors all go one way, and grow with k. */
	double cut = type == DT_BF16 && dev->apart ? 1 + k / 500. : 1;
	agrees(dc, want, 4e-6, fabs(alpha) * sqrt(k) * cut + fabs(beta), name);
	if (beta == 1) { /* the same with what is added elsewhere, and c nowhere read */
		struct mat base = upload(c), dc3;

		set(c, m - 1, n - 1, NAN);
		dc3 = upload(c);
		op->gemm_add(dev, dc3, base, da, ta, db, tb, alpha);
		snprintf(name, sizeof name, "gemm_add %ldx%ldx%ld", m, n, k);
		agrees(dc3, want, 4e-6, fabs(alpha) * sqrt(k) * cut + fabs(beta), name);
	}
	struct mat x = download(dc), y = download(dc2);
	if (memcmp(x.p, y.p, mat_bytes(x)))
		ok(0, "%s: the same bits twice", name);
	tidy();
}

static void shapes(int ta, int tb, enum dtype type, enum dtype ctype)
{
	static const long size[][3] = {
		{1, 1, 1}, {1, 37, 64}, {5, 1, 19}, {33, 17, 16}, {16, 130, 100}, {70, 16, 129}, {9, 6, 2100},
		{8, 5, 33}, {61, 70, 31}};
	static const float scale[][2] = {{1, 0}, {1, 1}, {0.5, 0}, {-2, 0.25}, {0.5, 1}};

	for (size_t s = 0; s < sizeof size / sizeof *size; s++)
		for (size_t i = 0; i < sizeof scale / sizeof *scale; i++)
			one(size[s][0], size[s][1], size[s][2], ta, tb, type, ctype, scale[i][0],
			    scale[i][1], (s + i) % 3 * 5);
}

/* More shapes than are kept: the cache must let go of old ones. */
static void many_shapes(void)
{
	int good = 1;

	for (int n = 1; n <= 700; n++) {
		struct mat ones = host_mat(DT_F32, 1, n, 0, 1), a;
		struct mat c = mat_of(dev_alloc(4), DT_F32, 1, 1), got;

		for (int j = 0; j < n; j++)
			set(ones, 0, j, 1);
		a = upload(ones);
		op->gemm(dev, c, a, 0, a, 1, 1, 0);
		got = download(c);
		good &= get(got, 0, 0) == n;
		tidy();
	}
	ok(good, "seven hundred shapes");
}

/* Every kind of product on device `dev`: of one row, of few, of many, and those that go through F32
 * in pieces; c holds the results one after another. */
static struct mat kinds(struct mat from, long *wrong)
{
	static const long rows[] = {1, 6, 63, 130};
	enum { N = 300, K = 70, KINDS = 4 * 4 };
	struct mat c = mat_of(dev_alloc(KINDS * 130 * N * 4), DT_F32, KINDS * 130, N);
	int kind = 0;

	*wrong = 0;
	op->zero(dev, c);
	for (int t = 0; t < 2; t++)
		for (int ct = 0; ct < 2; ct++)
			for (int r = 0; r < 4; r++, kind++) {
				enum dtype type = t ? DT_BF16 : DT_F32, into = ct ? DT_BF16 : DT_F32;
				struct mat a = mat_of(dev_alloc(rows[r] * K * 4), type, rows[r], K);
				struct mat b = mat_of(dev_alloc(N * K * 4), type, N, K);
				struct mat y = mat_of(dev_alloc(rows[r] * N * 4), into, rows[r], N), got;

				op->copy(dev, a, columns(row_range(from, 0, rows[r]), 0, K));
				op->copy(dev, b, columns(row_range(from, 0, N), K, K));
				op->gemm(dev, y, a, 0, b, 1, 1, 0);
				op->copy(dev, row_range(c, kind * 130, rows[r]), y);
				got = download(y);
				struct ref want = expected(got, download(a), 0, download(b), 1, 1, 0);
				for (long i = 0; i < rows[r] * N; i++)
					*wrong += !(fabs(get(got, 0, i) - want.x[i]) <
					            1e-4 + (ct ? fabs(want.x[i]) / 250 : 0));
			}
	return download(c);
}

/* A device computes with its own number of threads, also while there is another that has more. */
static void two_devices(void)
{
	struct mat x = host_mat(DT_F32, 300, 140, 0, 1), before, beside, after;
	struct dev *one, *four;
	const char *why;
	long wrong;

	open_device(1);
	one = dev;
	before = kinds(upload(x), &wrong);
	ok(!wrong, "a device of one thread: products of every kind");
	four = dev_open(TEST_DEVICE, 4, &why);
	beside = kinds(upload(x), &wrong);
	ok(!wrong && !memcmp(before.p, beside.p, mat_bytes(before)), "the same bits beside one of four");
	dev = four;
	kinds(upload(x), &wrong);
	ok(!wrong, "which computes them too");
	dev = one;
	after = kinds(upload(x), &wrong);
	ok(!wrong && !memcmp(before.p, after.p, mat_bytes(before)), "the same bits after it has computed");
	tidy();
	dev_close(four);
	dev_close(one);
}

static void everything(void)
{
	open_device(0);
	for (int ta = 0; ta < 2; ta++)
		for (int tb = 0; tb < 2; tb++)
			for (int t = 0; t < 2; t++)
				for (int c = 0; c < 2; c++)
					shapes(ta, tb, t ? DT_BF16 : DT_F32, c ? DT_BF16 : DT_F32);
	one(0, 4, 3, 0, 0, DT_F32, DT_F32, 1, 0, 0);
	one(4, 3, 0, 0, 0, DT_F32, DT_F32, 1, 0.5, 2);
	one(4, 3, 0, 0, 0, DT_BF16, DT_BF16, 1, 0, 2);
	one(4, 3, 5, 0, 0, DT_F32, DT_F32, 0, 0.5, 2);
	one(3, 1100, 1030, 0, 1, DT_BF16, DT_F32, 1, 1, 0);
	one(1100, 3, 5000, 1, 0, DT_F32, DT_BF16, 1, 1, 1);
	many_shapes();
	/* A c of more than a megabyte, whose rows are whole lines, and one whose are not. */
	for (int ctype = DT_F32; ctype <= DT_BF16; ctype++)
		for (long gap = 0; gap < 8; gap += 7)
			for (int beta = 0; beta < 2; beta++)
				one(700, 1030 + 26 * (gap == 0), 33, 0, 1, DT_BF16, ctype, 1, beta, gap);
	dev_close(dev);
}

/* oneDNN settles which instructions it uses once a process. */
static void without_avx512(void)
{
	int status = 0;
	pid_t child = fork();

	if (child == 0) {
		setenv("DNNL_MAX_CPU_ISA", "AVX2", 1);
		setenv("ONEDNN_MAX_CPU_ISA", "AVX2", 1);
		if (!freopen("/dev/null", "w", stdout))
			_exit(1);
		everything();
		_exit(tap_failed != 0);
	}
	ok(child > 0 && waitpid(child, &status, 0) == child && status == 0,
	   "all of it where oneDNN has no bf16");
}

int main(void)
{
	if (on_cpu())
		without_avx512();
	everything();
	two_devices();
	return tap_done();
}
