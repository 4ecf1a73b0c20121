/* SPDX-License-Identifier: MIT */
/* command.h - what seal-eval can do: a row of a table for each subcommand.
 *
 * To add one, write a file that defines its `struct command` with its options, and enter that in
 * the table of command.c; man/seal-eval.1 gets a section of its name.
 */
#ifndef SEAL_COMMAND_H
#define SEAL_COMMAND_H

#include "../base/opt.h"
#include "../format/jsonl.h"

struct command {
	const char *name;
	const char *what;     /* a few words for the list of commands */
	const char *does;     /* a sentence for its own -h */
	const char *operands; /* for -h: "[ROWS...]" */
	const struct opt_group
		*groups; /* its options, COMMAND_GROUPS at most; ends with a NULL table */
	int computes;    /* it opens a model */
	int shares; /* where several processes are one run, each writes its rows; else one runs */
	/* Reads n files (0: stdin) and writes what it finds. */
	void (*run)(char *const paths[], int n, struct zout *);
};

enum { COMMAND_GROUPS = 8 };

extern const struct command command_nll, command_generate, command_refusals, command_winrate,
	command_detect, command_audit, command_stability, command_margin, command_compare,
	command_exact, command_judge;

/* Writes the one object that a command found, and frees it. */
void command_write(struct zout *, json_t *result);
/* All of seal-eval, for the program's arguments: finds the command, and runs it. */
void command_main(int argc, char **argv);

#endif
