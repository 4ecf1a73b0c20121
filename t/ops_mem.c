/* SPDX-License-Identifier: MIT */
/* ops_mem.c - memory, conversion, rows by index, biases, and devices by name. */
#include "ops_help.h"

static void check_devices(void)
{
	const char *why = NULL;
	struct dev *d = dev_open("abacus", 0, &why);

	ok(!d && why && *why, "an unknown device says why: %s", why);
	d = dev_open("auto", 1, &why);
	ok(d && (on_cpu() || !strncmp(d->name, TEST_DEVICE, strlen(TEST_DEVICE))), "auto is what there is");
	dev_close(d);
	dev_close(NULL);
}

static void check_memory(void)
{
	static const char text[] = "held by the host";
	char *p = dev_alloc(100), back[sizeof text] = "";

	ok((uintptr_t)p % 64 == 0, "alloc is aligned");
	op->put(dev, p, text, sizeof text);
	op->get(dev, back, p, sizeof text);
	same(back, text, "put and get");
	op->zero(dev, mat_of(p, DT_F32, 1, 1));
	op->get(dev, back, p, sizeof text);
	ok(!memcmp(back, "\0\0\0\0 by the host", sizeof text), "zero");
	tidy();
}

/* More than passes through a GPU's staging memory at once, and changed as soon as it is put. */
static void check_much(void)
{
	enum { N = 9 << 20 };
	float *x = host_alloc(N * sizeof *x), *y = host_alloc(N * sizeof *y);
	char *p = dev_alloc(N * sizeof *x);
	int good = 1;

	for (int i = 0; i < N; i++)
		x[i] = i;
	op->put(dev, p, x, N * sizeof *x);
	memset(x, 1, N * sizeof *x);
	op->get(dev, y, p, N * sizeof *x);
	for (int i = 0; i < N; i++)
		good &= y[i] == i;
	ok(good, "36 MB there and back");
	for (int i = 0; i < 1000; i++) {
		x[0] = i;
		op->put(dev, p + i * 4L, x, 4);
	}
	op->get(dev, y, p, 4000);
	good = 1;
	for (int i = 0; i < 1000; i++)
		good &= y[i] == i;
	ok(good, "a thousand small puts");
	ok(op->spare(dev) > 1 << 20, "there is memory to spare");
	tidy();
}

/* bf16 by copy: to nearest, ties to even, infinities and NaN kept. */
static void check_rounding(void)
{
	static const float x[] = {1, 1.00390625f, 1.01171875f, 1.0039064f, -3.4e38f, 1e-40f, INFINITY,
	                          -INFINITY, -0.0f, 3.3895314e38f, 65280, 1.0f / 3};
	static const uint16_t want[] = {0x3f80, 0x3f80, 0x3f82, 0x3f81, 0xff80, 0x0001, 0x7f80, 0xff80,
	                                0x8000, 0x7f7f, 0x477f, 0x3eab};
	enum { N = sizeof x / sizeof *x };
	uint32_t nan = 0x7f800001;      /* its payload lies below bf16 */
	uint16_t y[N + 1];
	float in[N + 1];
	struct mat u = mat_of(dev_alloc(sizeof in), DT_F32, 1, N + 1);
	struct mat v = mat_of(dev_alloc(sizeof y), DT_BF16, 1, N + 1);

	memcpy(in, x, sizeof x);
	memcpy(in + N, &nan, 4);
	op->put(dev, u.p, in, sizeof in);
	op->copy(dev, v, u);
	op->get(dev, y, v.p, sizeof y);
	for (int i = 0; i < N; i++)
		ok(y[i] == want[i], "%g is bf16 %04x", x[i], want[i]);
	ok((y[N] & 0x7fff) > 0x7f80, "NaN stays NaN");
	tidy();
}

static void check_copy(enum dtype to, enum dtype from, long rows, long cols, int aligned)
{
	struct mat x = host_mat(from, rows, cols, gap_for(cols, 3, aligned), 1);
	struct mat y = host_mat(to, rows, cols, gap_for(cols, 1, aligned), 1);
	struct mat ux = upload(x), uy = upload(y);
	struct ref want = ref_of(x);

	op->copy(dev, uy, ux);
	agrees(uy, want, 0, 0, "copy");
	tidy();
}

/* Some columns of a wider matrix become 0, and nothing else. */
static void check_zero(enum dtype type, long rows, long cols, long gap)
{
	struct mat x = host_mat(type, rows, cols, gap, 1), u = upload(x);

	op->zero(dev, u);
	agrees(u, ref_new(rows, cols), 0, 0, gap ? "zero of some columns" : "zero of all");
	tidy();
}

static void check_rows(enum dtype to, enum dtype from, long n, long table, long cols, float scale, int aligned)
{
	long gap = gap_for(cols, 2, aligned);
	struct mat x = host_mat(from, table, cols, gap + 8, 1), y = host_mat(to, n, cols, gap, 1);
	struct mat ux = upload(x), uy = upload(y), z = host_mat(to, table, cols, gap, 1), uz = upload(z);
	struct mat s = host_mat(to, table, cols, gap, 1), us = upload(s), dy = host_mat(from, n, cols, gap, 1);
	struct ref gathered = ref_new(n, cols), scattered = ref_of(z), added = ref_of(s);
	int32_t *id = host_alloc(4 * n), *own = host_alloc(4 * n), *uid;
	char name[100];

	for (long i = 0; i < n; i++) {
		id[i] = rng_below(&dice, table / 2 + 1);
		own[i] = table - 1 - i;
		for (long j = 0; j < cols; j++) {
			R(gathered, i, j) = scale * get(x, id[i], j);
			R(scattered, own[i], j) = get(dy, i, j);
			R(added, id[i], j) += scale * get(dy, i, j);
		}
	}
	snprintf(name, sizeof name, "gather %s <- %s, %ld of %ldx%ld times %g", type_name(to), type_name(from), n,
	         table, cols, scale);
	uid = upload_bytes(id, 4 * n);
	struct mat udy = upload(dy);
	op->gather(dev, uy, ux, uid, scale);
	agrees(uy, gathered, scale == 1 ? 0 : 1e-7, 0, name);
	snprintf(name, sizeof name, "scatter_add %s <- %s", type_name(to), type_name(from));
	op->scatter_add(dev, us, udy, upload_groups(id, n), scale);
	agrees(us, added, 2e-6, fmax(1, fabs(scale)), name);
	op->scatter(dev, uz, udy, upload_bytes(own, 4 * n));
	agrees(uz, scattered, 0, 0, "scatter");
	tidy();
}

/* Rows of every type that files hold, of any bytes, come as the host decodes them, bit for bit. */
static void check_stored(enum dtype type, enum dtype to)
{
	enum { ROWS = 5, COLS = 512, N = 7 };
	static const int32_t id[N] = {4, 0, 3, 3, 1, 2, 0};
	size_t row = COLS / dtype_block(type) * dtype_block_bytes(type);
	uint8_t *x = host_alloc(ROWS * row);
	struct mat y = host_mat(to, N, COLS, 8, 1), u = upload(y), from = mat_of(NULL, type, ROWS, COLS);
	long wrong = 0;

	for (size_t i = 0; i < ROWS * row; i++)
		x[i] = rng_below(&dice, 256);
	from.p = upload_bytes(x, ROWS * row);
	op->gather(dev, u, from, upload_bytes(id, sizeof id), 1);
	y = download(u);
	for (long i = 0; i < N; i++) {
		float want[COLS], got[COLS];

		dtype_decode(type, x + id[i] * row, COLS, want);
		if (to == DT_BF16) {
			uint16_t half[COLS];

			dtype_encode(DT_BF16, want, COLS, half);
			dtype_decode(DT_BF16, half, COLS, want);
		}
		for (long j = 0; j < COLS; j++) {
			got[j] = (float)get(y, i, j);
			wrong += memcmp(&got[j], &want[j], 4) && !(isnan(got[j]) && isnan(want[j]));
		}
	}
	ok(!wrong, "gather %s <- %s: %ld values are not the host's", type_name(to), dtype_name(type),
	   wrong);
	tidy();
}

static void check_bias(enum dtype type, long rows, long cols, float scale, int aligned)
{
	struct mat y = host_mat(type, rows, cols, gap_for(cols, 3, aligned), 1), b = host_mat(DT_F32, 1, cols, 0, 1);
	struct mat uy = upload(y), ub = upload(b), udb = upload(b);
	struct ref want = ref_of(y), sum = ref_of(b);

	for (long i = 0; i < rows; i++)
		for (long j = 0; j < cols; j++) {
			R(want, i, j) += scale * get(b, 0, j);
			R(sum, 0, j) += scale * get(y, i, j);
		}
	op->bias_back(dev, udb, uy, scale);
	agrees(udb, sum, 2e-6, sqrt(rows) * fmax(1, fabs(scale)), "bias_back");
	op->bias(dev, uy, ub, scale);
	agrees(uy, want, 1e-6, 1, "bias");
	tidy();
}

int main(void)
{
	check_devices();
	open_device(0);
	check_memory();
	check_much();
	check_rounding();
	for (int type = DT_F16; type < DT_TYPES; type++)
		for (int to = DT_F32; to <= DT_BF16; to++)
			check_stored(type, to);
	for (int to = DT_F32; to <= DT_BF16; to++)
		for (int from = DT_F32; from <= DT_BF16; from++) {
			check_copy(to, from, 5, 2100, 0);
			check_copy(to, from, 5, 2100, 1);
			check_copy(to, from, 1, 1, 0);
			check_copy(to, from, 0, 3, 0);
			check_rows(to, from, 7, 20, 100, 1, 1);
			check_rows(to, from, 7, 20, 100, 22.6f, 1);
			check_rows(to, from, 30, 30, 1030, 1, 0);
			check_rows(to, from, 9, 10, 1030, -0.3f, 0);
			check_rows(to, from, 300, 400, 12, 1, 1);
			check_rows(to, from, 1000, 1500, 9, 1, 0);   /* the same id near and far */
			check_rows(to, from, 1, 1, 1, 1, 0);
			check_rows(to, from, 0, 1, 1, 1, 0);
		}
	for (int type = DT_F32; type <= DT_BF16; type++) {
		check_bias(type, 33, 1100, 1, 1);
		check_bias(type, 33, 1100, 0.22f, 1);
		check_bias(type, 4200, 11, 1, 0);
		check_bias(type, 1, 1, -3, 0);
		check_bias(type, 0, 3, 1, 0);
		check_zero(type, 7, 300, 5);
		check_zero(type, 3, 9, 0);
		check_zero(type, 0, 9, 1);
	}
	dev_close(dev);
	return tap_done();
}
