/* SPDX-License-Identifier: MIT */
/* ops_rows.c - norms, activations, cross-entropy, the optimiser: formulas in double. */
#include "ops_help.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

static void check_norm(enum dtype type, long rows, long cols, int aligned, int rms, int with_bias,
                       int with_grads)
{
	struct mat x = host_mat(DT_F32, rows, cols, gap_for(cols, 3, aligned), 2);
	struct mat dx = host_mat(DT_F32, rows, cols, gap_for(cols, 2, aligned), 1);
	struct mat dy = host_mat(type, rows, cols, gap_for(cols, 1, aligned), 1);
	struct mat y = host_mat(type, rows, cols, gap_for(cols, 5, aligned), 1);
	struct mat gain = host_mat(DT_F32, 1, cols, 0, 1), bias = host_mat(DT_F32, 1, cols, 0, 1);
	struct mat dgain = host_mat(DT_F32, 1, cols, 0, 1), dbias = host_mat(DT_F32, 1, cols, 0, 1);
	struct ref wy = ref_new(rows, cols), wdx = ref_of(dx), wdg = ref_of(dgain);
	struct ref wdb = ref_of(dbias), wstat = ref_new(2, rows);
	struct norm m = {.rms = rms, .eps = 1e-5f, .heads = 1};
	double steepest = 1;
	char name[100];

	for (long i = 0; i < rows; i++) {
		double mean = 0, square = 0, r, g0 = 0, g1 = 0;

		for (long j = 0; j < cols && !rms; j++)
			mean += get(x, i, j) / cols;
		for (long j = 0; j < cols; j++)
			square += pow(get(x, i, j) - mean, 2) / cols;
		R(wstat, 0, i) = mean;
		R(wstat, 1, i) = r = 1 / sqrt(square + 1e-5);
		steepest = fmax(steepest, r);
		for (long j = 0; j < cols; j++) {
			double h = (get(x, i, j) - mean) * r, g = get(dy, i, j) * get(gain, 0, j);

			R(wy, i, j) = h * get(gain, 0, j) + (with_bias ? get(bias, 0, j) : 0);
			R(wdg, 0, j) += get(dy, i, j) * h;
			R(wdb, 0, j) += get(dy, i, j);
			g0 += rms ? 0 : g / cols;
			g1 += g * h / cols;
		}
		for (long j = 0; j < cols; j++)
			R(wdx, i, j) += r * (get(dy, i, j) * get(gain, 0, j) - g0 -
			                     (get(x, i, j) - mean) * r * g1);
	}
	struct mat ux = upload(x), ug = upload(gain), ub = upload(bias), udy = upload(dy);
	struct mat udx = upload(dx), uy = upload(y), udg = upload(dgain), udb = upload(dbias);
	struct mat none = {NULL, DT_F32, 1, cols, cols};
	float *stat = dev_alloc(8 * rows);

	snprintf(name, sizeof name, "%s %s %ldx%ld", rms ? "rms norm" : "layer norm",
	         type_name(type), rows, cols);
	op->norm(dev, uy, stat, ux, ug, with_bias ? ub : none, m, 0);
	agrees(uy, wy, 2e-6, 1, name);
	agrees(mat_of(stat, DT_F32, 2, rows), wstat, 1e-6, 1, "its statistics");
	op->norm_back(dev, udx, with_grads ? udg : none, with_grads ? udb : none, udy, ux, ug, stat, m, 1);
	agrees(udx, wdx, 3e-6, steepest, "dx");
	agrees(udg, with_grads ? wdg : ref_of(dgain), 3e-6, sqrt(rows), "dgain");
	agrees(udb, with_grads ? wdb : ref_of(dbias), 3e-6, sqrt(rows), "dbias");
	tidy();
}

/* The norm's gradient by differences, to tie formula to function. */
static void norm_differences(int rms)
{
	enum { N = 9 };
	struct norm m = {.rms = rms, .eps = 1e-5f, .heads = 1};
	struct mat x = host_mat(DT_F32, 1, N, 0, 1), gain = host_mat(DT_F32, 1, N, 0, 1);
	struct mat dy = host_mat(DT_F32, 1, N, 0, 1), none = {NULL, DT_F32, 1, N, N};
	struct mat ug = upload(gain), udy = upload(dy), y = upload(dy), dx = upload(dy), ux, got;
	float *stat = dev_alloc(8);
	double worst = 0;

	op->zero(dev, dx);
	ux = upload(x);
	op->norm(dev, y, stat, ux, ug, none, m, 0);
	op->norm_back(dev, dx, none, none, udy, ux, ug, stat, m, 1);
	got = download(dx);
	for (int j = 0; j < N; j++) {
		double h = 1e-2, d = 0, at = get(x, 0, j);

		for (int side = -1; side <= 1; side += 2) {
			set(x, 0, j, at + side * h);
			op->put(dev, ux.p, x.p, 4 * N);
			op->norm(dev, y, stat, ux, ug, none, m, 0);
			struct mat out = download(y);
			for (int c = 0; c < N; c++)
				d += side * get(out, 0, c) * get(dy, 0, c) / (2 * h);
		}
		set(x, 0, j, at);
		worst = fmax(worst, fabs(d - get(got, 0, j)));
	}
	ok(worst < 2e-3, "%s: dx by differences", rms ? "rms norm" : "layer norm");
	tidy();
}

static double act_of(enum act_function f, double x, double *dx)
{
	double c = sqrt(2 / M_PI), u, s;

	if (f == ACT_GELU) {
		double phi = 0.5 * erfc(-x / sqrt(2));

		*dx = phi + x * exp(-x * x / 2) / sqrt(2 * M_PI);
		return x * phi;
	}
	if (f == ACT_GELU_TANH) {
		u = c * (x + 0.044715 * x * x * x);
		*dx = 0.5 * (1 + tanh(u)) +
		      0.5 * x * (1 - pow(tanh(u), 2)) * c * (1 + 3 * 0.044715 * x * x);
		return 0.5 * x * (1 + tanh(u));
	}
	s = sigmoid(x);
	*dx = s + x * s * (1 - s);
	return x * s;
}

static void check_act(struct act act, enum dtype type, long rows, long cols, double size)
{
	static const char *const words[] = {"gelu", "gelu_tanh", "silu"};
	long wide = act.gated ? 2 * cols : cols;
	struct mat x = host_mat(type, rows, wide, 3, size), y = host_mat(type, rows, cols, 1, 1);
	struct mat dy = host_mat(type, rows, cols, 2, 1), dx = host_mat(type, rows, wide, 0, 1);
	struct ref wy = ref_new(rows, cols), wdx = ref_new(rows, wide);
	char name[100];

	for (long i = 0; i < rows; i++)
		for (long j = 0; j < cols; j++) {
			double slope, up = act.gated ? get(x, i, cols + j) : 1;
			double value = act_of(act.f, get(x, i, j), &slope);

			R(wy, i, j) = value * up;
			R(wdx, i, j) = get(dy, i, j) * slope * up;
			if (act.gated)
				R(wdx, i, cols + j) = get(dy, i, j) * value;
		}
	struct mat ux = upload(x), uy = upload(y), udy = upload(dy), udx = upload(dx);
	snprintf(name, sizeof name, "%s%s %s %ldx%ld size %g", words[act.f], act.gated ? ", gated" : "",
	         type_name(type), rows, cols, size);
	op->act(dev, uy, ux, act);
	agrees(uy, wy, 1e-6, act.gated ? size : 1, name);
	op->act_back(dev, udx, udy, ux, act);
	agrees(udx, wdx, 2e-6, size, "its gradient");
	op->act_back(dev, ux, udy, ux, act);
	agrees(ux, wdx, 2e-6, size, "its gradient in the place of x");
	tidy();
}

static void check_xent(enum dtype type, long rows, long cols, double size, int in_place)
{
	struct mat z = host_mat(DT_F32, rows, cols, 3, size), dz = host_mat(type, rows, cols, 1, 1);
	struct ref wl = ref_new(1, rows), wd = ref_new(rows, cols);
	int32_t *target = host_alloc(4 * rows);
	float *weight = host_alloc(4 * rows);
	char name[100];

	for (long i = 0; i < rows; i++) {
		double high = -INFINITY, sum = 0;

		target[i] = i % 3 == 1 ? -1 : (int32_t)rng_below(&dice, cols);
		weight[i] = normal_draw();
		for (long j = 0; j < cols; j++)
			high = fmax(high, get(z, i, j));
		for (long j = 0; j < cols; j++)
			sum += exp(get(z, i, j) - high);
		if (target[i] < 0)
			continue;
		R(wl, 0, i) = log(sum) + high - get(z, i, target[i]);
		for (long j = 0; j < cols; j++)
			R(wd, i, j) = weight[i] * (exp(get(z, i, j) - high) / sum -
			                           (j == target[i]));
	}
	struct mat uz = upload(z), ud = in_place ? uz : upload(dz), none = {0};
	float *loss = dev_alloc(4 * rows);
	int32_t *ut = upload_bytes(target, 4 * rows);
	float *uw = upload_bytes(weight, 4 * rows);

	snprintf(name, sizeof name, "xent %s %ldx%ld size %g%s", type_name(type), rows, cols, size,
	         in_place ? " in place" : "");
	op->xent(dev, loss, none, uz, ut, NULL, 0);
	agrees(mat_of(loss, DT_F32, 1, rows), wl, 1e-6, size, name);
	op->zero(dev, mat_of(loss, DT_F32, 1, rows));
	op->xent(dev, loss, ud, uz, ut, uw, 0);
	agrees(mat_of(loss, DT_F32, 1, rows), wl, 1e-6, size, "with its gradient");
	agrees(ud, wd, 4e-7 * fmax(1, size), 1, "the gradient");
	tidy();
}

static void check_nan(void)
{
	struct mat z = host_mat(DT_F32, 2, 40, 0, 1), none = {0}, got;
	int32_t target[2] = {3, 4};

	set(z, 1, 7, NAN);
	struct mat uz = upload(z), loss = mat_of(dev_alloc(8), DT_F32, 1, 2);
	op->xent(dev, loss.p, none, uz, upload_bytes(target, 8), NULL, 0);
	got = download(loss);
	ok(isfinite(get(got, 0, 0)) && isnan(get(got, 0, 1)), "a NaN logit is a NaN loss");
	tidy();
}

/* torch's AdamW after clip_grad_norm_, in double. */
static void check_adamw(long n, double clip, double decay)
{
	struct mat p = host_mat(DT_F32, 1, n, 0, 1), m = host_mat(DT_F32, 1, n, 0, 0);
	struct mat up = upload(p), um = upload(m), uv = upload(m), sum;
	struct adamw a = {.rate = 0.01, .beta1 = 0.9, .beta2 = 0.95, .eps = 1e-8, .decay = decay,
	                  .clip = clip};
	struct ref wp = ref_of(p), wm = ref_new(1, n), wv = ref_new(1, n);
	char name[100];

	sum = mat_of(dev_alloc(4), DT_F32, 1, 1);
	for (a.step = 1; a.step <= 4; a.step++) {
		struct mat g = host_mat(DT_F32, 1, n, 0, a.step == 3 ? 1e-3 : 1), ug = upload(g);
		struct ref ws = ref_new(1, 1);
		double c;

		for (long j = 0; j < n; j++)
			ws.x[0] += pow(get(g, 0, j), 2);
		op->sumsq(dev, sum.p, ug.p, n);
		snprintf(name, sizeof name, "sumsq of %ld", n);
		agrees(sum, ws, 1e-6, 0, name);
		op->adamw(dev, up.p, ug.p, um.p, uv.p, n, a, sum.p);
		c = clip > 0 ? fmin(1, clip / (sqrt(ws.x[0]) + 1e-6)) : 1;
		for (long j = 0; j < n; j++) {
			double x = c * get(g, 0, j);

			wm.x[j] = 0.9 * wm.x[j] + 0.1 * x;
			wv.x[j] = 0.95 * wv.x[j] + 0.05 * x * x;
			wp.x[j] -= 0.01 * decay * wp.x[j];
			wp.x[j] -= 0.01 * wm.x[j] / (1 - pow(0.9, a.step)) /
			           (sqrt(wv.x[j] / (1 - pow(0.95, a.step))) + 1e-8);
		}
	}
	snprintf(name, sizeof name, "adamw, %ld values, clip %g, decay %g", n, clip, decay);
	agrees(up, wp, 2e-6, 1, name);
	agrees(um, wm, 2e-6, 0.1, "its first moment");
	agrees(uv, wv, 4e-6, 1e-6, "its second moment");
}

int main(void)
{
	open_device(0);
	for (int type = DT_F32; type <= DT_BF16; type++) {
		for (int rms = 0; rms < 2; rms++) {
			check_norm(type, 1, 1, 0, rms, 1, 1);
			check_norm(type, 37, 576, 1, rms, 1, 1);
			check_norm(type, 5, 1030, 0, rms, 0, 1);
			check_norm(type, 3, 17, 1, rms, 0, 0);
			check_norm(type, 2, 5003, 1, rms, 1, 0);
		}
		for (int a = 0; a < 6; a++) {
			struct act act = {a / 2, a % 2};

			check_act(act, type, 5, 1030, 1);
			check_act(act, type, 1, 1, 1);
			check_act(act, type, 9, 104, 30);
		}
		check_xent(type, 7, 1, 1, 0);
		check_xent(type, 5, 2500, 1, 0);
		check_xent(type, 4, 1000, 1e4, 0);
	}
	norm_differences(0);
	norm_differences(1);
	check_xent(DT_F32, 6, 1500, 3, 1);
	check_nan();
	check_adamw(1, 0, 0);
	check_adamw(5000, 1, 0.1);
	check_adamw(70001, 1e9, 0);
	dev_close(dev);
	return tap_done();
}
