/* rope.c - rotary positions (Su et al. 2021): for each pair (j, j + rotary/2)
 *
 *     a' = a cos - b sin,  b' = b cos + a sin
 */
#include "cpu.h"

HOT static void rotate(float *a, float *b, const float *cosine, const float *sine, long n,
                       float sign)
{
#pragma omp simd
	for (long j = 0; j < n; j++) {
		float s = sign * sine[j], u = a[j], v = b[j];

		a[j] = u * cosine[j] - v * s;
		b[j] = v * cosine[j] + u * s;
	}
}

static void rotate_token(struct mat x, long i, int n, long stride, long half, const float *angle,
                         int sign)
{
	float abuf[CHUNK], bbuf[CHUNK];

	for (long h = 0; h < n; h++)
		for (long j = 0; j < half; j += CHUNK) {
			long at_a = h * stride + j, at_b = at_a + half, m = min_long(CHUNK, half - j);
			float *a = place(x, i, at_a, abuf), *b = place(x, i, at_b, bbuf);

			load(x, i, at_a, m, abuf);
			load(x, i, at_b, m, bbuf);
			rotate(a, b, angle + j, angle + half + j, m, sign);
			store(x, i, at_a, m, a);
			store(x, i, at_b, m, b);
		}
}

void cpu_rope(struct dev *d, struct mat x, int n, long stride, int rotary, const int32_t *position,
              const float *table, int sign)
{
	(void)d;
#pragma omp parallel for schedule(static)
	for (long i = 0; i < x.rows; i++)
		rotate_token(x, i, n, stride, rotary / 2, table + (long)position[i] * rotary, sign);
}
