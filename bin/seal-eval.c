/* SPDX-License-Identifier: MIT */
/* seal-eval - what became of a model, and of a score: a subcommand each. */
#include <string.h>

#include "../lib/base/program.h"
#include "../lib/eval/audit.h"
#include "../lib/eval/detect.h"
#include "../lib/eval/generate.h"
#include "../lib/eval/nll.h"
#include "../lib/eval/refusals.h"
#include "../lib/eval/winrate.h"

static struct opt_base base;
static struct nll_opts nll = NLL_DEFAULTS;
static struct generate_opts generate = GENERATE_DEFAULTS;
static struct refusals_opts refusals;
static struct detect_opts detect = DETECT_DEFAULTS;
static struct audit_opts audit = AUDIT_DEFAULTS;

static const struct opt_group nll_groups[] = {
	{"Likelihood", nll_options, &nll},
	{"Computing", compute_options, &nll.compute},
	{"General", base_options, &base},
	{0},
};

static const struct opt_group generate_groups[] = {
	{"Model", generate_model_options, &generate},
	{"Generation", generate_options, &generate},
	{"Rows", schema_options, &generate.encode.schema},
	{"Template", template_options, &generate.encode},
	{"Fates", fate_options, &generate.fate},
	{"Computing", compute_options, &generate.compute},
	{"General", base_options, &base},
	{0},
};

static const struct opt_group refusals_groups[] = {
	{"Refusals", refusals_options, &refusals},
	{"General", base_options, &base},
	{0},
};

static const struct opt_group winrate_groups[] = {{"General", base_options, &base}, {0}};

static const struct opt_group detect_groups[] = {
	{"Detection", detect_options, &detect},
	{"General", base_options, &base},
	{0},
};

static const struct opt_group audit_groups[] = {
	{"Audit", audit_options, &audit},
	{"General", base_options, &base},
	{0},
};

/* Each takes n operands, and returns the object that is the result, owned, or writes it itself
 * and returns NULL. */
static json_t *run_nll(char *const paths[], int n, struct zout *out)
{
	evaluate_nll(paths, n, &nll, out);
	return NULL;
}

static json_t *run_generate(char *const paths[], int n, struct zout *out)
{
	evaluate_generate(paths, n, &generate, out);
	return NULL;
}

static json_t *run_refusals(char *const paths[], int n, struct zout *out)
{
	(void)out;
	return evaluate_refusals(paths, n, &refusals);
}

static json_t *run_winrate(char *const paths[], int n, struct zout *out)
{
	(void)out;
	return evaluate_winrate(paths, n);
}

static json_t *run_detect(char *const paths[], int n, struct zout *out)
{
	(void)out;
	return evaluate_detect(paths, n, &detect);
}

static json_t *run_audit(char *const paths[], int n, struct zout *out)
{
	(void)out;
	if (n > 1)
		die_usage("one file of scores, please");
	return evaluate_audit(n ? paths[0] : NULL, &audit);
}

static const struct command {
	const char *name, *what;
	json_t *(*run)(char *const paths[], int n, struct zout *);
	int computes; /* it opens a model */
	struct opt_program program;
} commands[] = {
	{"nll",
         "likelihood of rows under a model",
         run_nll,
         1,
         {"seal-eval nll", "Mean negative log-likelihood of every row's trained tokens.",
          "[TOKENS...]", nll_groups}},
	{"generate",
         "a model's answers to prompts",
         run_generate,
         1,
         {"seal-eval generate", "Answers every row's prompt.", "[ROWS...]", generate_groups}},
	{"refusals",
         "share of outputs that refuse",
         run_refusals,
         0,
         {"seal-eval refusals", "Counts the outputs that refuse, by their phrases.", "[OUTPUTS...]",
          refusals_groups}},
	{"winrate",
         "win rate from annotated preferences",
         run_winrate,
         0,
         {"seal-eval winrate",
          "Win rate of a model from annotated preferences, as alpaca_eval counts it.",
          "[ANNOTATIONS...]", winrate_groups}},
	{"detect",
         "how well scores tell unsafe rows from safe ones",
         run_detect,
         0,
         {"seal-eval detect", "How well scores tell unsafe rows from safe ones.", "[ROWS...]",
          detect_groups}},
	{"audit",
         "how far scores follow the order of training",
         run_audit,
         0,
         {"seal-eval audit", "How far scores follow the order of training.", "[SCORES]",
          audit_groups}},
	{0},
};

static void run(const struct command *c, int argc, char **argv)
{
	int k = opt_parse(&c->program, argc, argv);
	struct zout *out;
	json_t *result;

	notice_quiet(base.quiet);
	/* before the inputs are read, so that it can be none of them */
	out = zout_open(base.output, ZOUT_PLAIN);
	result = c->run(argv + k, argc - k, out);
	if (result)
		json_write_line(out, result);
	zout_close(out);
	json_decref(result);
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
	for (const struct command *c = commands; c->name; c++)
		buf_fmt(&what, "\n  %-30s%s", c->name, c->what);
	program.what = what.p;
	k = opt_parse(&program, argc, argv);
	if (k == argc)
		die_usage("no command given");
	die_usage("unknown command '%s'", argv[k]);
}

int main(int argc, char **argv)
{
	program_begin(argv);
	for (const struct command *c = commands; argc > 1 && c->name; c++)
		if (!strcmp(argv[1], c->name)) {
			if (c->computes)
				dev_prepare(argv);
			run(c, argc - 1, argv + 1);
			return 0;
		}
	no_command(argc, argv);
}
