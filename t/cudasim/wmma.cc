/* SPDX-License-Identifier: MIT */
/* wmma.cc - the product of a warp's fragments. */
#include <vector>

#include "mma.h"
#include "sim.h"

namespace cudasim {

static float value_of(const void *x, int i, enum factor type)
{
	if (type == BF16_FACTOR)
		return __bfloat162float(((const __nv_bfloat16 *)x)[i]);
	return __uint_as_float(__float_as_uint(((const float *)x)[i]) & 0xffffe000u);
}

void multiply(const uint64_t lanes[32])
{
	static float a[16 * 32], b[16 * 32], c[32 * 32];
	const struct product *first = (const struct product *)lanes[0];
	int m = first->m, n = first->n, k = first->k;

	for (int lane = 0; lane < 32; lane++) {
		const struct product *p = (const struct product *)lanes[lane];

		for (int i = 0; i < p->a_held; i++)
			a[element_of(lane, i, p->a_held, m * k)] = value_of(p->a, i, p->type);
		for (int i = 0; i < p->b_held; i++)
			b[element_of(lane, i, p->b_held, k * n)] = value_of(p->b, i, p->type);
		for (int i = 0; i < p->c_held; i++)
			c[element_of(lane, i, p->c_held, m * n)] = p->c[i];
	}
	for (int i = 0; i < m; i++)
		for (int l = 0; l < k; l++)
			for (int j = 0; j < n; j++)
				c[i * n + j] += a[i * k + l] * b[l * n + j];
	for (int lane = 0; lane < 32; lane++) {
		const struct product *p = (const struct product *)lanes[lane];

		for (int i = 0; i < p->c_held; i++)
			p->d[i] = c[element_of(lane, i, p->c_held, m * n)];
	}
}

void aligned(const void *p, size_t to, struct place at)
{
	const char *name = strrchr(at.file, '/');

	if ((uintptr_t)p % to)
		fault("%s:%d: WMMA wants multiples of %zu bytes, this is %s%zu", name ? name + 1 : at.file,
		      at.line, to, to == 16 ? "a stride of " : "an address that ends in ",
		      (uintptr_t)p % (to == 16 ? SIZE_MAX : 256));
}

}
