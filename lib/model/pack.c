/* SPDX-License-Identifier: MIT */
/* shared.c - what rows of a pass begin with in common, a system prompt or a question
 * say, is computed once: a row begins behind the tokens that it shares with one before
 * it, and finds their keys and values, copied before its own; backwards, their gradients
 * are added up.
 */
#include "model_in.h"

/* First tokens of r that a has too, and from which nothing is predicted. */
static long common(const struct tokens_row *a, const struct tokens_row *r, int all)
{
	long n = 0;

	while (n < a->n && n < r->n - 1 && a->token[n] == r->token[n] && !(all || r->train[n + 1]))
		n++;
	return n;
}

long shared_tokens(const struct model *m, const struct batch *b, int from, int row, int all,
                   int *with)
{
	long most = 0;

	for (int i = from; i < row && !m->config.rope.original;
	     i++) { /* angles that know a row's length */
		long n = common(&b->row[i], &b->row[row], all);

		if (n > most) {
			most = n;
			*with = i - from;
		}
	}
	return most;
}
