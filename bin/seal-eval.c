/* SPDX-License-Identifier: MIT */
/* seal-eval - what became of a model, and of a score: a subcommand each. */
#include "../lib/base/program.h"
#include "../lib/eval/command.h"

int main(int argc, char **argv)
{
	program_begin(argv);
	command_main(argc, argv);
	return 0;
}
