/* SPDX-License-Identifier: MIT */
/* seal-tokenize - rows to tokens: which ids a model reads, and which of them it
 * is trained to write. */
#include "../lib/base/program.h"
#include "../lib/base/world.h"
#include "../lib/rows/tokenize.h"

static struct opt_base base;
static struct tokenize_opts opts = {.mask = MASK_DEFAULTS};
static struct encode_opts encode = ENCODE_DEFAULTS;
static struct fate_opts fate = FATE_DEFAULTS;

static const struct opt_group groups[] = {
	{"Model and form", tokenize_options, &opts},
	{"General", base_options, &base},
	{"Output", zstd_options, &opts.packing},
	{"Rows", schema_options, &encode.schema},
	{"Template", template_options, &encode},
	{"Length and training", length_options, &encode},
	{"Masking", mask_options, &opts.mask},
	{"Broken rows", fate_options, &fate},
	{"Sharing the work", shard_options, &opts.shard},
	{0},
};

static const struct opt_program program =
	{"seal-tokenize",
         "Encodes rows of a dialogue or text (JSON or CSV, plain or packed) for training.",
         "[ROWS...]", groups};

int main(int argc, char **argv)
{
	int k;

	program_begin(argv);
	k = opt_parse(&program, argc, argv);

	notice_quiet(base.quiet);
	world_open();
	tokenize(argv + k, argc - k, &opts, &encode, &fate, groups, base.output);
	world_close();
	return 0;
}
