/* seal-eval - what became of a model, and of a score: a subcommand each. */
#include <stdlib.h>
#include <string.h>

#include "../lib/learn/evaluate.h"

static struct opt_base base;

/* Opened before the inputs are read, so that it can be none of them. */
static struct zout *result_open(void)
{
	notice_quiet(base.quiet);
	return zout_open(base.output, ZOUT_PLAIN);
}

static void result_close(struct zout *out, json_t *result)
{
	json_write_line(out, result);
	zout_close(out);
	json_decref(result);
}

static void refusals(int argc, char **argv)
{
	static struct { const char *list, *by; } o;
	static const struct opt table[] = {
		{"list", 0, OPT_TEXT, 0, "FILE", "phrases that refuse, one a line (default: built in)", 0, 0},
		{"by", 0, OPT_TEXT, sizeof(char *), "KEY", "count for each value of this key too", 0, 0},
		{0}
	};
	static const struct opt_group groups[] = {
		{"Refusals", table, &o}, {"General", base_options, &base}, {0}
	};
	static const struct opt_program program = {
		"seal-eval refusals", "Counts the outputs that refuse, by their phrases.",
		"[OUTPUTS...]", groups
	};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	result_close(out, evaluate_refusals(argv + k, argc - k, o.list, o.by));
}

static void winrate(int argc, char **argv)
{
	static const struct opt_group groups[] = { {"General", base_options, &base}, {0} };
	static const struct opt_program program = {
		"seal-eval winrate", "Win rate of a model from annotated preferences, as alpaca_eval counts it.",
		"[ANNOTATIONS...]", groups
	};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	result_close(out, evaluate_winrate(argv + k, argc - k));
}

#define AT(field) offsetof(struct detect_opts, field)

static void detect(int argc, char **argv)
{
	static struct detect_opts o = DETECT_DEFAULTS;
	static const struct opt table[] = {
		{"scores", 's', OPT_TEXT, AT(scores), "SCORES", "the rows' scores, from seal-score", 0, 0},
		{"label-key", 0, OPT_TEXT, AT(label_key), "KEY", "the key that holds a row's label", 0, 0},
		{"unsafe", 0, OPT_TEXT, AT(unsafe), "VALUE", "the label of an unsafe row", 0, 0},
		{"by", 0, OPT_TEXT, AT(by), "KEY", "report unsafe rows for each value of this key too", 0, 0},
		{"keep", 'k', OPT_TEXT, AT(keep), "N|P%", "what seal-select --keep would be told", 0, 0},
		{0}
	};
	static const struct opt_group groups[] = {
		{"Detection", table, &o}, {"General", base_options, &base}, {0}
	};
	static const struct opt_program program = {
		"seal-eval detect", "How well scores tell unsafe rows from safe ones.", "[ROWS...]", groups
	};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	result_close(out, evaluate_detect(argv + k, argc - k, &o));
}

static const struct command { const char *name, *what; void (*run)(int argc, char **argv); } commands[] = {
	{"refusals", "share of outputs that refuse", refusals},
	{"winrate", "win rate from annotated preferences", winrate},
	{"detect", "how well scores tell unsafe rows from safe ones", detect},
	{0}
};

/* What is not a command: -h, --version, or wrong. */
static _Noreturn void no_command(int argc, char **argv)
{
	static const struct opt_group groups[] = { {0} };
	struct opt_program program = { "seal-eval", NULL, "COMMAND ...", groups };
	struct buf what = {0};
	int k;

	buf_str(&what, "Evaluates models, their outputs, and scores.\n\nCommands (each with its own -h):");
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
	for (const struct command *c = commands; argc > 1 && c->name; c++)
		if (!strcmp(argv[1], c->name)) {
			c->run(argc - 1, argv + 1);
			return 0;
		}
	no_command(argc, argv);
}
