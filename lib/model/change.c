/* SPDX-License-Identifier: MIT */
/* change.c - see change.h. */
#include "change.h"

#include <math.h>
#include <stdlib.h>

void change_free(struct change *c)
{
	free(c->hf);
	free(c->left);
	free(c->right);
	free(c->magnitude);
}

int change_adds(const struct change *c) { return c && (c->left || c->magnitude); }

void change_row(const struct change *c, long i, long cols, float *x)
{
	double sum = 0;
	float by;

	for (long k = 0; c->left && k < c->rank; k++) {
		by = c->scale * c->left[i * c->rank + k];
		for (long j = 0; j < cols; j++)
			x[j] += by * c->right[k * cols + j];
	}
	if (!c->magnitude)
		return;
	for (long j = 0; j < cols; j++)
		sum += (double)x[j] * x[j];
	by = (float)(c->magnitude[i] / sqrt(sum));
	for (long j = 0; j < cols; j++)
		x[j] *= by;
}
