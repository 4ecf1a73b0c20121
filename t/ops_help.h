/* SPDX-License-Identifier: MIT */
/* ops_help.h - what the tests of kernels/ share: random matrices with gaps
 * between their rows, and comparison with references in double.  tidy() frees
 * all that was made since the last one.  Each such test is built twice: for the CPU,
 * and with TEST_DEVICE "cuda" for the simulator of t/cudasim (or a GPU). */
#ifndef SEAL_OPS_HELP_H
#define SEAL_OPS_HELP_H

#include <stdlib.h>

#include "../kernels/ops.h"
#include "../lib/base/memory.h"
#include "../lib/base/rng.h"
#include "tap.h"

static struct rng dice;
static struct dev *dev;
static const struct ops *op;

#ifndef TEST_DEVICE
#define TEST_DEVICE "cpu"
#endif

static inline int on_cpu(void) { return !strcmp(TEST_DEVICE, "cpu"); }

__attribute__((unused))
static void open_device(int threads)
{
	const char *why = "";

	dice = rng_new(1, 2);
	dev = dev_open(TEST_DEVICE, threads, &why);
	if (!dev)
		die("device %s: %s", TEST_DEVICE, why);
	op = dev->op;
}

static void *host_blocks[4096], *dev_blocks[4096];
static int host_count, dev_count;

static void *host_alloc(size_t bytes)
{
	return host_blocks[host_count++] = xzalloc(bytes + 1, 1);
}

static void *dev_alloc(size_t bytes)
{
	return dev_blocks[dev_count++] = op->alloc(dev, bytes);
}

__attribute__((unused))
static void tidy(void)
{
	while (host_count)
		free(host_blocks[--host_count]);
	while (dev_count)
		op->free(dev, dev_blocks[--dev_count]);
}

static double normal_draw(void)
{
	return sqrt(-2 * log(1 - rng_unit(&dice))) * cos(6.283185307179586 * rng_unit(&dice));
}

__attribute__((unused))
static const char *type_name(enum dtype t) { return t == DT_BF16 ? "bf16" : "f32"; }

static uint16_t bf16_of(double x)
{
	float f = x;
	uint32_t u;

	memcpy(&u, &f, 4);
	return (u + 0x7fff + (u >> 16 & 1)) >> 16;
}

/* Element (i, j) of a matrix in host-visible memory. */
static double get(struct mat m, long i, long j)
{
	long k = i * m.ld + j;
	uint32_t u;
	float f;

	if (m.type == DT_F32)
		return ((float *)m.p)[k];
	u = (uint32_t)((uint16_t *)m.p)[k] << 16;
	memcpy(&f, &u, 4);
	return f;
}

static void set(struct mat m, long i, long j, double x)
{
	if (m.type == DT_F32)
		((float *)m.p)[i * m.ld + j] = x;
	else
		((uint16_t *)m.p)[i * m.ld + j] = bf16_of(x);
}

/* A host matrix, rows gap elements apart, of normal values times `size`; the
 * gaps hold a sign that damaged() looks for. */
static struct mat host_mat(enum dtype type, long rows, long cols, long gap, double size)
{
	struct mat m = {NULL, type, rows, cols, cols + gap};

	m.p = host_alloc(rows * m.ld * dtype_size(type));
	for (long i = 0; i < rows; i++)
		for (long j = 0; j < m.ld; j++)
			set(m, i, j, j < cols ? size * normal_draw() : 12288);
	return m;
}

/* A gap of `odd` elements, or one after which each row starts at a multiple of 16 bytes. */
__attribute__((unused))
static long gap_for(long cols, long odd, int aligned) { return aligned ? 8 + (8 - cols % 8) % 8 : odd; }

__attribute__((unused))
static int damaged(struct mat m)
{
	for (long i = 0; i < m.rows; i++)
		for (long j = m.cols; j < m.ld; j++)
			if (get(m, i, j) != 12288)
				return 1;
	return 0;
}

static size_t mat_bytes(struct mat m) { return m.rows * m.ld * dtype_size(m.type); }

/* Its copy on the device, and back. */
static struct mat upload(struct mat host)
{
	struct mat m = host;

	m.p = dev_alloc(mat_bytes(host));
	op->put(dev, m.p, host.p, mat_bytes(host));
	return m;
}

static struct mat download(struct mat m)
{
	struct mat host = m;

	host.p = host_alloc(mat_bytes(m));
	op->get(dev, host.p, m.p, mat_bytes(m));
	return host;
}

__attribute__((unused))
static void *upload_bytes(const void *p, size_t bytes)
{
	void *q = dev_alloc(bytes);

	op->put(dev, q, p, bytes);
	return q;
}

/* The groups in which row i of n goes to row id[i]. */
__attribute__((unused))
static struct groups upload_groups(const int32_t *id, long n)
{
	int32_t *to = host_alloc(4 * n), *start = host_alloc(4 * (n + 1)), *place = host_alloc(4 * n);
	long groups = 0, at = 0;

	for (long i = 0; i < n; i++) {
		long before = 0;

		while (before < i && id[before] != id[i])
			before++;
		if (before < i)
			continue;
		to[groups] = id[i];
		for (long j = i; j < n; j++)
			if (id[j] == id[i])
				place[at++] = j;
		start[++groups] = at;
	}
	return (struct groups){upload_bytes(to, 4 * groups), upload_bytes(start, 4 * (groups + 1)),
	                       upload_bytes(place, 4 * n), groups};
}

/* A matrix of doubles, the reference. */
struct ref { double *x; long rows, cols; };

static struct ref ref_new(long rows, long cols)
{
	return (struct ref){host_alloc(rows * cols * sizeof(double)), rows, cols};
}

#define R(m, i, j) ((m).x[(i) * (m).cols + (j)])

__attribute__((unused))
static struct ref ref_of(struct mat host)
{
	struct ref r = ref_new(host.rows, host.cols);

	for (long i = 0; i < host.rows; i++)
		for (long j = 0; j < host.cols; j++)
			R(r, i, j) = get(host, i, j);
	return r;
}

/* The device's m is the reference within tol of each element's size plus
 * `size`, and for bf16 half a unit of its last place more; gaps are untouched. */
__attribute__((unused))
static int agrees(struct mat m, struct ref want, double tol, double size, const char *name)
{
	struct mat got = download(m);
	double worst = 0;
	long wi = 0, wj = 0;
	int clean = !damaged(got);

	for (long i = 0; i < want.rows; i++)
		for (long j = 0; j < want.cols; j++) {
			double w = R(want, i, j), g = get(got, i, j);
			double room = tol * (fabs(w) + size) +
			              (m.type == DT_BF16 ? fabs(w) / 250 : 0) + 1e-30;
			double off = g == w ? 0 : fabs(g - w) / room;

			if (!(off <= worst)) {
				worst = isnan(off) ? INFINITY : off;
				wi = i;
				wj = j;
			}
		}
	ok(worst <= 1 && clean, "%s", name);
	if (worst > 1)
		printf("# at (%ld, %ld): got %.9g, want %.9g\n", wi, wj, get(got, wi, wj),
		       R(want, wi, wj));
	if (!clean)
		printf("# wrote between the rows\n");
	return worst <= 1 && clean;
}

__attribute__((unused))
static int same_bytes(struct mat a, struct mat b, const char *name)
{
	struct mat x = download(a), y = download(b);
	int equal = !memcmp(x.p, y.p, mat_bytes(x));

	ok(equal, "%s", name);
	return equal;
}

#endif
