/* SPDX-License-Identifier: MIT */
/* ops_exp.c - the exponential and the tanh of the CPU's softmax and activations. */
#include "../kernels/cpu.h"
#include "tap.h"

int main(void)
{
	double worst = 0;

	for (float x = -87.3f; x < 88.37f; x += 0.00137f)
		worst = fmax(worst, fabs(exp_fast(x) / exp(x) - 1));
	ok(worst < 2e-7, "within 2e-7: %.3g", worst);
	ok(exp_fast(0) == 1, "exp(0) is 1");
	ok(exp_fast(-INFINITY) == 0 && exp_fast(-1e30f) == 0, "0 far below");
	ok(isinf(exp_fast(1e9f)) && isinf(exp_fast(INFINITY)), "infinite far above");
	ok(isnan(exp_fast(NAN)), "NaN stays NaN");
	worst = 0;
	for (float x = -12; x < 12; x += 0.000731f)
		worst = fmax(worst, fabs(tanh_fast(x) / tanh(x) - 1));
	for (float x = 1e-30f; x < 1; x *= 1.7f)
		worst = fmax(worst, fabs(tanh_fast(x) / tanh(x) - 1));
	ok(worst < 3e-7, "tanh within 3e-7: %.3g", worst);
	ok(tanh_fast(0) == 0 && tanh_fast(INFINITY) == 1 && tanh_fast(-1e30f) == -1, "its ends");
	ok(isnan(tanh_fast(NAN)), "NaN stays NaN");
	return tap_done();
}
