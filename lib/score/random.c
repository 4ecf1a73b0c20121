/* SPDX-License-Identifier: MIT */
/* random.c - scores by chance, the method that every other one has to beat. */
#include <stdlib.h>

#include "../base/memory.h"
#include "../base/rng.h"
#include "../rows/row.h"
#include "method.h"
#include "row_list.h"
#include "score.h"

enum { STREAM = 0x52 }; /* chance of its own, whatever else one seed decides */

static void run(struct score_run *run)
{
	struct row_list rows = {0};
	struct rng rng = rng_new(run->o->train.seed, STREAM);
	struct scores_out *out;

	row_list_read(&rows, run->paths, run->n, &run->o->fate);
	json_object_set_new(run->header, "settings",
	                    json_pack("{s:I}", "seed", (json_int_t)run->o->train.seed));
	out = scores_create(run->out, run->header, score_column(), &run->score, rows.n);
	for (long i = 0; i < rows.n; i++)
		row_list_write(&rows, i, out, rng_unit(&rng));
	scores_finish(out);
	row_list_free(&rows);
}

const struct method method_random = {
	.name = "random",
	.what = "by chance",
	.score = "score",
	.columns = score_column,
	.run = run,
};
