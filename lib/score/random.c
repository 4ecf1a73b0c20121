/* SPDX-License-Identifier: MIT */
/* random.c - scores by chance, uniform in [0, 1): the method that every other one has to beat. */
#include "../base/rng.h"
#include "row_list.h"
#include "score.h"

enum { STREAM = 0x52 }; /* of random numbers, apart from whatever else the same seed decides */

static double by_chance(void *rng, long i)
{
	(void)i;
	return rng_unit(rng);
}

static void run(struct score_run *run)
{
	struct row_list rows = {0};
	long seed = run->o->train.seed;
	struct rng rng = rng_new(seed, STREAM);

	row_list_read(&rows, run);
	json_object_set_new(run->header, "settings", json_pack("{s:I}", "seed", (json_int_t)seed));
	row_list_write(&rows, run, by_chance, &rng);
}

const struct method method_random = {
	.name = "random",
	.what = "by chance",
	.needs = METHOD_SHARES,
	.score = "score",
	.columns = score_column,
	.run = run,
};
