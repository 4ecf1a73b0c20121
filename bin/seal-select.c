/* SPDX-License-Identifier: MIT */
/* seal-select - keeps the rows that score best, drops duplicates, mixes files. */
#include "../lib/base/program.h"
#include "../lib/base/world.h"
#include "../lib/score/select.h"

static struct opt_base base;
static struct select_opts pick = SELECT_DEFAULTS;
static struct fate_opts fate = FATE_DEFAULTS;

static const struct opt_group groups[] = {
	{"Selection", select_options, &pick},
	{"Rows", fate_options, &fate},
	{"What a row says (--dedupe)", schema_options, &pick.schema},
	{"Output", zstd_options, &pick.packing},
	{"General", base_options, &base},
	{0},
};

static const struct opt_program program =
	{"seal-select",
         "Writes the rows that score best, without duplicates, or files\n"
         "in given shares: the very bytes read.",
         "[ROWS...] | --mix ROWS:SHARE...", groups};

int main(int argc, char **argv)
{
	int k;

	program_begin(argv);
	k = opt_parse(&program, argc, argv);
	notice_quiet(base.quiet);
	world_open();
	if (world_alone())
		select_rows(argv + k, argc - k, &pick, &fate, base.output);
	world_close();
	return 0;
}
