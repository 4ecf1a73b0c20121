/* SPDX-License-Identifier: MIT */
/* batch.c - a batch's parts; see batch.h. */
#include "batch.h"

#include <stdlib.h>

#include "../base/memory.h"

/* Longest first; of equal ones in the batch's order. */
static int by_length(const void *a, const void *b, void *batch)
{
	const struct tokens_row *row = ((const struct batch *)batch)->row;
	int i = *(const int *)a, j = *(const int *)b;

	return row[i].n != row[j].n ? (row[i].n < row[j].n) - (row[i].n > row[j].n) : i - j;
}

void batch_divide(const struct batch *b, int parts, int part[])
{
	int *order = xalloc((b->n + 1) * sizeof *order);
	long *load = xzalloc(parts, sizeof *load);

	for (int i = 0; i < b->n; i++)
		order[i] = i;
	qsort_r(order, b->n, sizeof *order, by_length, (void *)b);
	for (int k = 0; k < b->n; k++) {
		int least = 0;

		for (int p = 1; p < parts; p++)
			if (load[p] < load[least])
				least = p;
		part[order[k]] = least;
		load[least] += b->row[order[k]].n;
	}
	free(order);
	free(load);
}
