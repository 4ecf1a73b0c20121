/* SPDX-License-Identifier: MIT */
/* random.c - scores by chance, the method that every other one has to beat. */
#include <math.h>
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/rng.h"
#include "../rows/row.h"
#include "scores.h"

enum { STREAM = 0x52 }; /* chance of its own, whatever else one seed decides */

void score_random(char *const paths[], int n, uint64_t seed, const struct fate_opts *opts,
                  const json_t *header, struct zout *out)
{
	struct fates *fates = fates_open(opts);
	struct rows *rows = rows_open(paths, n, fates, opts, 0);
	struct rng rng = rng_new(seed, STREAM);
	struct score *s = NULL;
	long count = 0, room = 0;
	struct row row;

	while (rows_next(rows, &row)) {
		if (count == room) {
			room = room * 3 / 2 + 1024;
			s = xrealloc(s, room * sizeof *s);
		}
		s[count++] = (struct score){
			.id = xstrdup(row.id),
			.hash = row.hash,
			.line = row.line,
			.score = rng_unit(&rng),
			.weight = NAN,
			.visits = -1,
			.last = -1,
			.loss_base = NAN,
			.loss = NAN,
			.loss_hat = NAN,
		};
		fate_kept(fates, row.id, row.line);
	}
	rows_close(rows);
	scores_write(out, header, s, count);
	fates_close(fates, 0);
	for (long i = 0; i < count; i++)
		free(s[i].id);
	free(s);
}
