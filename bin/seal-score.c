/* SPDX-License-Identifier: MIT */
/* seal-score - a score for every row of a token stream: higher is safer to keep. */
#include "../lib/base/program.h"
#include "../lib/score/score.h"

int main(int argc, char **argv)
{
	struct score_opts opts = SCORE_DEFAULTS;
	struct opt_group groups[SCORE_GROUPS];
	const struct opt_program program =
		{"seal-score", "Score every row: how far it is from harm. Writes seal-scores(5).",
	         "[TOKENS | ROWS...]", groups};
	int k;

	program_begin(argv);
	dev_prepare(argv);
	/* Measured (RESULTS.md, "What the scores find"): many small steps over all layers. */
	opts.train.batch = 4;
	opts.train.rate = 1e-3;
	opts.train.targets = "all-linear";
	score_groups(&opts, groups);
	k = opt_parse(&program, argc, argv);
	score_rows(&opts, groups, argv + k, argc - k);
	return 0;
}
