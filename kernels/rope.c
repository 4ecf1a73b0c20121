/* SPDX-License-Identifier: MIT */
/* rope.c - rotary positions (Su et al. 2021): columns a = j and b = j + rotary/2 of a head are
 * turned by an angle that the token's position and j give:
 *
 *     a' = a cos - b sin,  b' = b cos + a sin
 */
#include "cpu.h"

/* Turns one head; angle: half cosines, then half sines.  sign -1 turns back. */
INLINE void rotate(void *x, long half, const float *angle, float sign, enum dtype type)
{
	const float *cosine = angle, *sine = angle + half;

#pragma omp simd
	for (long j = 0; j < half; j++) {
		float a = element(x, j, type), b = element(x, half + j, type), s = sign * sine[j];

		set_element(x, j, type, a * cosine[j] - b * s);
		set_element(x, half + j, type, b * cosine[j] + a * s);
	}
}

HOT static void rotate_f32(void *x, long half, const float *angle, float sign)
{
	rotate(x, half, angle, sign, DT_F32);
}

HOT static void rotate_bf16(void *x, long half, const float *angle, float sign)
{
	rotate(x, half, angle, sign, DT_BF16);
}

void cpu_rope(struct dev *d, struct mat x, int n, long stride, int rotary, const int32_t *position,
              const float *table, int sign)
{
#pragma omp parallel for schedule(static) num_threads(threads_of(d))
	for (long i = 0; i < x.rows; i++)
		for (long h = 0; h < n; h++)
			(x.type == DT_F32 ? rotate_f32
			                  : rotate_bf16)(at(x, i, h * stride), rotary / 2,
			                                 table + (long)position[i] * rotary, sign);
}
