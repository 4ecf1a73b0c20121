/* SPDX-License-Identifier: MIT */
/* tokens_split.c - holds a share of the rows out, for validation; see tokens.h.
 *
 * The hash of a row's tokens, taken as a number from 0 to 1, is below the share or not.  (By its
 * line's hash rows that differ by their id alone would be on both sides; and since ties of scores
 * are broken by that, it is not uniform among rows that were selected.)
 */
#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/num.h"
#include "tokens.h"

/* Of the tokens those rows, n of pick (owned). */
static void narrow(struct tokens *t, int32_t *pick, long n)
{
	t->pick = pick;
	t->rows = n;
	t->total = t->longest = 0;
	for (long i = 0; i < n; i++) {
		long length = tokens_length(t, i);

		t->total += length;
		t->longest = long_max(t->longest, length);
	}
}

struct tokens *tokens_split(struct tokens *t, double share)
{
	struct tokens *out = xalloc(sizeof *out);
	int32_t *in_pick = xalloc(t->rows * sizeof *in_pick);
	int32_t *out_pick = xalloc(t->rows * sizeof *out_pick);
	long n_in = 0, n_out = 0;

	assert(!t->pick && t->rows <= INT32_MAX);
	for (long i = 0; i < t->rows; i++) {
		struct tokens_row r = tokens_row(t, i);

		if (ldexp((double)(tokens_row_key(&r) >> 11), -53) < share)
			out_pick[n_out++] = (int32_t)i;
		else
			in_pick[n_in++] = (int32_t)i;
	}
	*out = *t;
	out->held = NULL;
	out->map = NULL;
	out->n_held = out->maps = 0;
	out->in_memory = out->mapped = 0;
	out->part = xalloc(t->parts * sizeof *t->part);
	if (t->parts)
		memcpy(out->part, t->part, t->parts * sizeof *t->part);
	out->template = xstrdup(t->template);
	json_incref(out->history);
	narrow(out, xrealloc(out_pick, n_out * sizeof *out_pick), n_out);
	narrow(t, xrealloc(in_pick, n_in * sizeof *in_pick), n_in);
	return out;
}
