/* SPDX-License-Identifier: MIT */
/* command.c - the table of seal-eval's subcommands, and what is done around each; see command.h. */
#include "command.h"

#include <string.h>

#include "../../kernels/ops.h"
#include "../base/world.h"

static const struct command *const commands[] = {
	&command_nll,    &command_margin, &command_generate,  &command_refusals,
	&command_exact,  &command_judge,  &command_winrate,   &command_compare,
	&command_detect, &command_audit,  &command_stability,
};
enum { COMMANDS = sizeof commands / sizeof *commands };

static void run(const struct command *c, int argc, char **argv)
{
	static struct opt_base base;
	struct opt_group groups[COMMAND_GROUPS + 2] = {{0}};
	struct buf name = {0};
	struct opt_program program = {NULL, c->does, c->operands, groups};
	struct zout *out;
	int k = 0;

	for (; c->groups && c->groups[k].table; k++)
		groups[k] = c->groups[k];
	groups[k] = (struct opt_group){"General", base_options, &base};
	buf_fmt(&name, "seal-eval %s", c->name);
	program.name = name.p;
	k = opt_parse(&program, argc, argv);
	notice_quiet(base.quiet);
	world_open();
	if (c->shares || world_alone()) {
		if (c->shares)
			json_settings_same(groups);
		/* before the inputs are opened, so that it can be none of them */
		out = zout_open(base.output, c->shares ? ZOUT_JOINED : ZOUT_PLAIN);
		c->run(argv + k, argc - k, out);
		zout_close(out);
	}
	world_close();
}

/* What is not a command: -h, --version, or wrong. */
static _Noreturn void no_command(int argc, char **argv)
{
	static const struct opt_group groups[] = {{0}};
	struct opt_program program = {"seal-eval", NULL, "COMMAND ...", groups};
	struct buf what = {0};
	int k;

	buf_str(&what,
	        "Evaluates models, their outputs, and scores.\n\nCommands (each with its own -h):");
	for (int i = 0; i < COMMANDS; i++)
		buf_fmt(&what, "\n  %-30s%s", commands[i]->name, commands[i]->what);
	program.what = what.p;
	k = opt_parse(&program, argc, argv);
	if (k == argc)
		die_usage("no command given");
	die_usage("unknown command '%s'", argv[k]);
}

void command_write(struct zout *out, json_t *result)
{
	json_write_line(out, result);
	json_decref(result);
}

void command_main(int argc, char **argv)
{
	for (int i = 0; argc > 1 && i < COMMANDS; i++)
		if (!strcmp(argv[1], commands[i]->name)) {
			if (commands[i]->computes)
				dev_prepare(argv); /* the whole argv: it may begin anew */
			run(commands[i], argc - 1, argv + 1);
			return;
		}
	no_command(argc, argv);
}
