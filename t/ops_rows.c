/* SPDX-License-Identifier: MIT */
/* ops_rows.c - norms, activations, cross-entropy, the optimiser: formulas in double. */
#include "ops_help.h"

static double sigmoid(double x) { return 1 / (1 + exp(-x)); }

struct norm_case {
	const char *name;
	enum dtype x, y, dy, dx;
	long rows, cols; /* of a group */
	struct norm m;
	int aligned, bias, grads, add, in_place; /* in_place: y is x, dx is dy */
};

/* The matrices of a case, and what should become of them, in double. */
struct norm_want {
	struct mat x, y, dy, dx, gain, bias, dgain, dbias;
	struct ref wy, wdx, wdg, wdb, wstat;
	double steepest;
};

/* One group of the reference: y, the statistics and all gradients. */
static void refer_group(const struct norm_case *c, struct norm_want *w, long i, long h)
{
	long first = h * c->m.stride, n = c->cols, k = i * c->m.heads + h;
	double mean = 0, square = 0, r, g0 = 0, g1 = 0;

	for (long j = 0; j < n && !c->m.rms; j++)
		mean += get(w->x, i, first + j) / n;
	for (long j = 0; j < n; j++)
		square += pow(get(w->x, i, first + j) - mean, 2) / n;
	R(w->wstat, k, 0) = mean;
	R(w->wstat, k, 1) = r = 1 / sqrt(square + c->m.eps);
	w->steepest = fmax(w->steepest, r);
	for (long j = 0; j < n; j++) {
		double z = (get(w->x, i, first + j) - mean) * r, gain = c->m.offset + get(w->gain, 0, j);
		double dy = get(w->dy, i, first + j);

		R(w->wy, i, first + j) = (c->add ? R(w->wy, i, first + j) : 0) + z * gain +
		                         (c->bias ? get(w->bias, 0, j) : 0);
		R(w->wdg, 0, j) += dy * z;
		R(w->wdb, 0, j) += dy;
		g0 += c->m.rms ? 0 : dy * gain / n;
		g1 += dy * gain * z / n;
	}
	for (long j = 0; j < n; j++) {
		double z = (get(w->x, i, first + j) - mean) * r, gain = c->m.offset + get(w->gain, 0, j);

		R(w->wdx, i, first + j) = (c->add ? R(w->wdx, i, first + j) : 0) +
		                          r * (get(w->dy, i, first + j) * gain - g0 - z * g1);
	}
}

static struct norm_want refer_norm(const struct norm_case *c)
{
	long wide = (c->m.heads - 1) * c->m.stride + c->cols;
	struct norm_want w = {.steepest = 1};

	w.x = host_mat(c->x, c->rows, wide, gap_for(wide, 3, c->aligned), 2);
	w.dy = host_mat(c->dy, c->rows, wide, gap_for(wide, 1, c->aligned), 1);
	w.y = c->in_place ? w.x : host_mat(c->y, c->rows, wide, gap_for(wide, 5, c->aligned), 1);
	w.dx = c->in_place ? w.dy : host_mat(c->dx, c->rows, wide, gap_for(wide, 2, c->aligned), 1);
	w.gain = host_mat(DT_F32, 1, c->cols, 0, 1);
	w.bias = host_mat(DT_F32, 1, c->cols, 0, 1);
	w.dgain = host_mat(DT_F32, 1, c->cols, 0, 1);
	w.dbias = host_mat(DT_F32, 1, c->cols, 0, 1);
	w.wy = ref_of(w.y); /* what lies between the groups stays */
	w.wdx = ref_of(w.dx);
	w.wdg = ref_of(w.dgain);
	w.wdb = ref_of(w.dbias);
	w.wstat = ref_new(c->rows * c->m.heads, 2);
	for (long i = 0; i < c->rows; i++)
		for (long h = 0; h < c->m.heads; h++)
			refer_group(c, &w, i, h);
	return w;
}

static double rounded_half(double x)
{
	uint16_t bits = bf16_of(x);

	return get((struct mat){&bits, DT_BF16, 1, 1, 1}, 0, 0);
}

/* The sanitizers keep the compiler from summing in several chains at once: one chain of thousands
 * of terms is so much less exact. */
#ifdef SEAL_SAN
#define CHAIN 8
#else
#define CHAIN 1
#endif

static void check_norm(struct norm_case c)
{
	struct norm_want w = refer_norm(&c);
	struct mat x = upload(w.x), gain = upload(w.gain), bias = upload(w.bias), dy = upload(w.dy);
	struct mat dgain = upload(w.dgain), dbias = upload(w.dbias);
	struct mat y = c.in_place ? upload(w.x) : upload(w.y), dx = c.in_place ? dy : upload(w.dx);
	struct mat none = {NULL, DT_F32, 1, c.cols, c.cols};
	long groups = c.rows * c.m.heads;
	float *stat = dev_alloc(8 * groups);
	char name[200];

	snprintf(name, sizeof name, "%s norm%s%s, %s -> %s%s, %ldx%ld of %d", c.m.rms ? "rms" : "layer", *c.name ? ", " : "",
	         c.name, type_name(c.x), type_name(c.y), c.add ? " added" : c.in_place ? " in place" : "", c.rows, c.cols,
	         c.m.heads);
	op->norm(dev, y, stat, c.in_place ? y : x, gain, c.bias ? bias : none, c.m, c.add);
	agrees(y, w.wy, CHAIN * 2e-6, 1, name);
	agrees(mat_of(stat, DT_F32, groups, 2), w.wstat, CHAIN * 1e-6, 1, "its statistics");
	struct mat like = host_mat(DT_BF16, dx.rows, dx.cols, 3 * (c.rows % 2), 1);
	struct mat half = c.grads ? none : upload(like);
	struct mat all, rounded;

	op->norm_back(dev, dx, half, c.grads ? dgain : none, c.grads ? dbias : none, dy, x, gain, stat, c.m, c.add);
	agrees(dx, w.wdx, CHAIN * 3e-6, w.steepest * (1 + fabs(c.m.offset)), "dx");
	if (half.p) {
		long wrong = 0;

		all = download(dx);
		rounded = download(half);
		for (long i = 0; i < c.rows; i++)
			for (long h = 0; h < c.m.heads; h++)
				for (long j = h * c.m.stride; j < h * c.m.stride + c.cols; j++)
					wrong += get(rounded, i, j) != rounded_half(get(all, i, j));
		ok(!wrong && !damaged(rounded), "dx in bf16: %ld values", wrong);
	}
	agrees(dgain, c.grads ? w.wdg : ref_of(w.dgain), 3e-6, sqrt(groups), "dgain");
	agrees(dbias, c.grads ? w.wdb : ref_of(w.dbias), 3e-6, sqrt(groups), "dbias");
	tidy();
}

/* Every mix of types, set, added and in place, where the contract has it. */
static void check_norms(const char *name, long rows, long cols, struct norm m, int aligned, int bias, int grads)
{
	for (int types = 0; types < 16; types++)
		for (int how = 0; how < 3; how++) {
			struct norm_case c = {name, types & 1, types >> 1 & 1, types >> 2 & 1, types >> 3, rows, cols, m,
			                      aligned, bias, grads, how == 1, how == 2};

			if ((how == 1 && (c.y || c.dx)) || (how == 2 && (c.x != c.y || c.dy != c.dx)))
				continue;
			check_norm(c);
		}
}

static void check_every_norm(void)
{
	for (int rms = 0; rms < 2; rms++) {
		struct norm plain = {.rms = rms, .eps = 1e-5f, .heads = 1}, heads = {rms, 1e-6f, 0, 5, 24};
		struct norm gemma = {rms, 1e-6f, 1, 1, 0}, one = {rms, 1e-5f, 1, 3, 1};

		check_norms("", 1, 1, plain, 0, 1, 1);
		check_norms("", 37, 576, plain, 1, 1, 1);
		check_norms("", 5, 1030, plain, 0, 0, 1);
		check_norms("", 3, 17, plain, 1, 0, 0);
		check_norms("", 2, 5003, plain, 1, 1, 0);
		check_norms("offset", 4, 300, gemma, 1, 0, 1);
		check_norms("heads", 41, 16, heads, 1, 0, 1);
		check_norms("heads, odd", 3, 13, heads, 0, 1, 1);
		check_norms("heads of one column", 2, 1, one, 0, 0, 1);
		heads.stride = 1200;
		heads.offset = 1;
		check_norms("wide heads", 2, 1100, heads, 1, 0, 1);
	}
}

/* The norm's gradient by differences, to tie formula to function. */
static void norm_differences(struct norm m)
{
	enum { N = 9, WIDE = 40 };
	struct mat x = host_mat(DT_F32, 1, WIDE, 0, 1), gain = host_mat(DT_F32, 1, N, 0, 1);
	struct mat dy = host_mat(DT_F32, 1, WIDE, 0, 1), none = {NULL, DT_F32, 1, N, N};
	struct mat ug = upload(gain), udy = upload(dy), y, dx, ux = upload(x), got;
	float *stat = dev_alloc(8 * m.heads);
	long wide = (m.heads - 1) * m.stride + N;
	double worst = 0;

	y = upload(dy);
	dx = upload(dy);
	op->norm(dev, y, stat, ux, ug, none, m, 0);
	op->norm_back(dev, dx, none, none, none, udy, ux, ug, stat, m, 0);
	got = download(dx);
	for (int j = 0; j < wide; j++) {
		double h = 1e-2, d = 0, at = get(x, 0, j);

		if (m.heads > 1 && j % m.stride >= N)
			continue;
		for (int side = -1; side <= 1; side += 2) {
			set(x, 0, j, at + side * h);
			op->put(dev, ux.p, x.p, 4 * WIDE);
			op->norm(dev, y, stat, ux, ug, none, m, 0);
			struct mat out = download(y);
			for (int c = 0; c < wide; c++)
				if (m.heads == 1 || c % m.stride < N)
					d += side * get(out, 0, c) * get(dy, 0, c) / (2 * h);
		}
		set(x, 0, j, at);
		worst = fmax(worst, fabs(d - get(got, 0, j)));
	}
	ok(worst < 4e-3, "%s norm, %d heads, offset %g: dx by differences", m.rms ? "rms" : "layer", m.heads, m.offset);
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

/* The references' own slopes, by differences. */
static void act_differences(void)
{
	static const char *const words[] = {"gelu", "gelu_tanh", "silu"};

	for (enum act_function f = ACT_GELU; f <= ACT_SILU; f++) {
		double worst = 0, h = 1e-5, slope, spare;

		for (double x = -5; x < 5; x += 0.1) {
			act_of(f, x, &slope);
			worst = fmax(worst, fabs(slope - (act_of(f, x + h, &spare) - act_of(f, x - h, &spare)) / (2 * h)));
		}
		ok(worst < 1e-8, "%s: its slope by differences", words[f]);
	}
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

static void check_xent(enum dtype type, long rows, long cols, double size, float cap, int in_place)
{
	struct mat z = host_mat(DT_F32, rows, cols, 3, size), dz = host_mat(type, rows, cols, 1, 1);
	struct ref wl = ref_new(1, rows), wd = ref_new(rows, cols);
	int32_t *target = host_alloc(4 * rows);
	float *weight = host_alloc(4 * rows);
	char name[100];

	for (long i = 0; i < rows && cap > 0; i++)
		for (long j = 0; j < cols; j++)
			set(z, i, j, cap * tanh(get(z, i, j) / cap));
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
			R(wd, i, j) = weight[i] * (exp(get(z, i, j) - high) / sum - (j == target[i])) *
			              (cap > 0 ? 1 - pow(get(z, i, j) / cap, 2) : 1);
	}
	struct mat uz = upload(z), ud = in_place ? uz : upload(dz), none = {0};
	float *loss = dev_alloc(4 * rows);
	int32_t *ut = upload_bytes(target, 4 * rows);
	float *uw = upload_bytes(weight, 4 * rows);

	snprintf(name, sizeof name, "xent %s %ldx%ld size %g cap %g%s", type_name(type), rows, cols, size, cap,
	         in_place ? " in place" : "");
	op->xent(dev, loss, none, uz, ut, NULL, cap);
	agrees(mat_of(loss, DT_F32, 1, rows), wl, 1e-6, size, name);
	op->zero(dev, mat_of(loss, DT_F32, 1, rows));
	op->xent(dev, loss, ud, uz, ut, uw, cap);
	agrees(mat_of(loss, DT_F32, 1, rows), wl, 1e-6, size, "with its gradient");
	agrees(ud, wd, 4e-7 * fmax(1, size), 1, "the gradient");
	tidy();
}

/* Equal values, infinities and what is no number stand in some rows. */
static void check_argmax(long rows, long cols, int aligned)
{
	struct mat x = host_mat(DT_F32, rows, cols, gap_for(cols, 3, aligned), 1);
	int32_t *want = host_alloc(4 * rows), *got = host_alloc(4 * rows), *id = dev_alloc(4 * rows);
	long wrong = 0;

	for (long i = 0; i < rows; i++) {
		long a = rng_below(&dice, cols), b = rng_below(&dice, cols);

		if (i % 3 == 1) { /* the largest twice */
			set(x, i, a, 50);
			set(x, i, b, 50);
		}
		if (i % 5 == 2)
			set(x, i, a, -INFINITY);
		if (i % 7 == 3)
			set(x, i, b, i % 2 ? NAN : INFINITY);
		double high = -INFINITY;

		want[i] = -1;
		for (long j = 0; j < cols && !isnan(high); j++) {
			double v = get(x, i, j);

			if (v > high || isnan(v)) {
				high = v;
				want[i] = isfinite(v) ? j : -1;
			}
		}
	}
	op->argmax(dev, id, upload(x));
	op->get(dev, got, id, 4 * rows);
	for (long i = 0; i < rows; i++)
		wrong += got[i] != want[i];
	ok(!wrong, "argmax of %ldx%ld: %ld rows wrong", rows, cols, wrong);
	tidy();
}

static void check_softcap(long rows, long cols, double size, float cap)
{
	struct mat x = host_mat(DT_F32, rows, cols, gap_for(cols, 3, rows % 2), size), u = upload(x);
	struct ref want = ref_of(x);
	char name[100];

	for (long i = 0; i < rows; i++)
		for (long j = 0; j < cols; j++)
			R(want, i, j) = cap * tanh(get(x, i, j) / cap);
	snprintf(name, sizeof name, "softcap %g of %ldx%ld size %g", cap, rows, cols, size);
	op->softcap(dev, u, cap);
	agrees(u, want, 5e-7, 0, name);
	tidy();
}

/* The gradient of softcap and xent together, by differences. */
static void cap_differences(void)
{
	enum { N = 11 };
	struct mat x = host_mat(DT_F32, 1, N, 0, 4), none = {0}, got;
	int32_t target = 3;
	float weight = 1.5f, cap = 5, *loss = dev_alloc(4), *uw = upload_bytes(&weight, 4);
	int32_t *ut = upload_bytes(&target, 4);
	double worst = 0, h = 1e-2;
	struct mat u = upload(x), d = upload(x);

	op->softcap(dev, u, cap);
	op->xent(dev, loss, d, u, ut, uw, cap);
	got = download(d);
	for (int j = 0; j < N; j++) {
		double slope = 0, at = get(x, 0, j);
		float l;

		for (int side = -1; side <= 1; side += 2) {
			set(x, 0, j, at + side * h);
			op->put(dev, u.p, x.p, 4 * N);
			op->softcap(dev, u, cap);
			op->xent(dev, loss, none, u, ut, NULL, cap);
			op->get(dev, &l, loss, 4);
			slope += side * l * weight / (2 * h);
		}
		set(x, 0, j, at);
		worst = fmax(worst, fabs(slope - get(got, 0, j)));
	}
	ok(worst < 1e-3, "softcap and xent: the gradient by differences");
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

/* x'y, of vectors that begin at an address that is aligned or not. */
static void check_dot(long n, int skip)
{
	struct mat x = host_mat(DT_F32, 1, n + skip, 0, 1), y = host_mat(DT_F32, 1, n + skip, 0, 1);
	struct mat ux = upload(x), uy = upload(y), sum = mat_of(dev_alloc(4), DT_F32, 1, 1);
	struct ref want = ref_new(1, 1);
	double sizes = 0;
	char name[100];

	for (long j = skip; j < n + skip; j++) {
		want.x[0] += get(x, 0, j) * get(y, 0, j);
		sizes += fabs(get(x, 0, j) * get(y, 0, j));
	}
	op->dot(dev, sum.p, (float *)ux.p + skip, (float *)uy.p + skip, n);
	snprintf(name, sizeof name, "dot of %ld values from %d on", n, skip);
	agrees(sum, want, 1e-6, sizes, name);
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
		op->dot(dev, sum.p, ug.p, ug.p, n);
		snprintf(name, sizeof name, "sum of squares of %ld", n);
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
	tidy();
}

int main(void)
{
	open_device(0);
	check_every_norm();
	act_differences();
	for (int type = DT_F32; type <= DT_BF16; type++) {
		for (int a = 0; a < 6; a++) {
			struct act act = {a / 2, a % 2};

			check_act(act, type, 5, 1030, 1);
			check_act(act, type, 1, 1, 1);
			check_act(act, type, 9, 104, 30);
		}
		check_xent(type, 7, 1, 1, 0, 0);
		check_xent(type, 5, 2500, 1, 0, 0);
		check_xent(type, 5, 2500, 8, 10, 0);
		check_xent(type, 4, 1000, 1e4, 0, 0);
	}
	for (int rms = 0; rms < 2; rms++) {
		norm_differences((struct norm){rms, 1e-5f, 0, 1, 0});
		norm_differences((struct norm){rms, 1e-5f, 1, 3, 12});
	}
	check_xent(DT_F32, 6, 1500, 3, 0, 1);
	check_xent(DT_F32, 6, 1500, 3, 2, 1);
	check_argmax(40, 1, 0);
	check_argmax(40, 37, 1);
	check_argmax(40, 5003, 0);
	check_argmax(40, 4608, 1);
	check_softcap(3, 1100, 1e-3, 30);
	check_softcap(4, 37, 20, 30);
	check_softcap(1, 1, 1e6, 50);
	cap_differences();
	check_nan();
	check_dot(0, 0);
	check_dot(1, 0);
	check_dot(70001, 0);
	check_dot(5000, 3);
	check_adamw(1, 0, 0);
	check_adamw(5000, 1, 0.1);
	check_adamw(70001, 1e9, 0);
	dev_close(dev);
	return tap_done();
}
