/* SPDX-License-Identifier: MIT */
/* seal-eval - what became of a model, and of a score: a subcommand each. */
#include <stdlib.h>
#include <string.h>

#include "../lib/base/program.h"
#include "../lib/eval/audit.h"
#include "../lib/eval/detect.h"
#include "../lib/eval/evaluate.h"
#include "../lib/eval/generate.h"
#include "../lib/eval/nll.h"
#include "../lib/model/cache.h"
#include "../lib/model/peft.h"
#include "../lib/train/check.h"
#include "../lib/train/losses.h"
#include "../lib/train/train.h"

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
	static struct {
		const char *list, *by;
	} o;
	static const struct opt table[] = {
		{"list", 0, OPT_TEXT, 0, "FILE",
	         "phrases that refuse, one a line (default: built in)", 0, 0},
		{"by", 0, OPT_TEXT, offsetof(__typeof__(o), by), "KEY",
	         "count for each value of this key too", 0, 0},
		{0},
	};
	static const struct opt_group groups[] = {{"Refusals", table, &o},
	                                          {"General", base_options, &base},
	                                          {0}};
	static const struct opt_program program =
		{"seal-eval refusals", "Counts the outputs that refuse, by their phrases.",
	         "[OUTPUTS...]", groups};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	result_close(out, evaluate_refusals(argv + k, argc - k, o.list, o.by));
}

static void winrate(int argc, char **argv)
{
	static const struct opt_group groups[] = {{"General", base_options, &base}, {0}};
	static const struct opt_program program =
		{"seal-eval winrate",
	         "Win rate of a model from annotated preferences, as alpaca_eval counts it.",
	         "[ANNOTATIONS...]", groups};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	result_close(out, evaluate_winrate(argv + k, argc - k));
}

static void detect(int argc, char **argv)
{
	static struct detect_opts o = DETECT_DEFAULTS;
	static const struct opt_group groups[] = {{"Detection", detect_options, &o},
	                                          {"General", base_options, &base},
	                                          {0}};
	static const struct opt_program program =
		{"seal-eval detect", "How well scores tell unsafe rows from safe ones.",
	         "[ROWS...]", groups};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	result_close(out, evaluate_detect(argv + k, argc - k, &o));
}

static void audit(int argc, char **argv)
{
	static struct audit_opts o = AUDIT_DEFAULTS;
	static const struct opt_group groups[] = {{"Audit", audit_options, &o},
	                                          {"General", base_options, &base},
	                                          {0}};
	static const struct opt_program program = {"seal-eval audit",
	                                           "How far scores follow the order of training.",
	                                           "[SCORES]", groups};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();

	if (argc - k > 1)
		die_usage("one file of scores, please");
	result_close(out, evaluate_audit(k < argc ? argv[k] : NULL, &o));
}

struct model_opts {
	const char *model, *adapter;
	int per_token;
};

/* What nll and generate compute with. */
struct run {
	struct model *model;
	struct params *theta; /* NULL without -a */
	struct engine *engine;
};

/* The model's files and the adapter's layout: what memory is planned by. */
static struct run begin_run(const struct model_opts *o, const struct compute_opts *compute)
{
	struct run r = {0};

	if (!o->model)
		die_usage("-m MODEL is needed");
	r.model = model_open(o->model, compute);
	if (o->adapter)
		r.theta = peft_layout(&r.model->config, r.model->type, o->adapter);
	return r;
}

static void open_run(struct run *r, const struct model_opts *o, const struct compute_opts *compute,
                     struct demand d)
{
	d.theta = r->theta;
	d.copies = r->theta != NULL;
	r->engine = engine_open(r->model, compute, &d);
	if (!r->theta)
		return;
	params_room(r->theta, r->model->dev);
	peft_read(r->theta, o->adapter);
}

static void close_run(struct run *r)
{
	params_close(r->theta);
	engine_close(r->engine);
	model_close(r->model);
}

static void nll(int argc, char **argv)
{
	static struct model_opts o;
	static struct compute_opts compute = COMPUTE_DEFAULTS;
	static const struct opt table[] = {
		{"model", 'm', OPT_TEXT, offsetof(struct model_opts, model), "MODEL",
	         "Hugging Face folder or GGUF file", 0, 0},
		{"adapter", 'a', OPT_TEXT, offsetof(struct model_opts, adapter), "ADAPTER",
	         "a PEFT folder", 0, 0},
		{"per-token", 0, OPT_FLAG, offsetof(struct model_opts, per_token), NULL,
	         "add the losses of every token", 0, 0},
		{0},
	};
	static const struct opt_group groups[] = {{"Likelihood", table, &o},
	                                          {"Computing", compute_options, &compute},
	                                          {"General", base_options, &base},
	                                          {0}};
	static const struct opt_program program =
		{"seal-eval nll", "Mean negative log-likelihood of every row's trained tokens.",
	         "[TOKENS...]", groups};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();
	struct run r = begin_run(&o, &compute);
	struct tokens *d = tokens_read(argv + k, argc - k);
	struct demand demand = {.rows = {LOSS_BATCH}};

	check_tokens(d, k < argc ? argv[k] : "stdin", o.model, &r.model->config);
	train_demand(&demand, d);
	open_run(&r, &o, &compute, demand);
	nll_rows(r.engine, r.theta, d, o.per_token, out);
	zout_close(out);
	tokens_close(d);
	close_run(&r);
}

/* An adapter, or a model that was tuned here, answers in the form that it was trained in. */
static void check_template(const struct model_opts *o, const struct model *m,
                           const struct encoder *e, const char *asked)
{
	char *of_adapter = o->adapter ? peft_template(o->adapter) : NULL;
	const char *trained = o->adapter ? of_adapter : model_template(m),
		   *now = template_name(encoder_template(e));

	if (trained && strcmp(trained, now) && !strcmp(asked, "auto"))
		die("%s was trained with the template %s, not %s (--template insists on one)",
		    o->adapter ? o->adapter : o->model, trained, now);
	free(of_adapter);
}

static void generate(int argc, char **argv)
{
	static struct model_opts o;
	static struct compute_opts compute = COMPUTE_DEFAULTS;
	static struct encode_opts encode = ENCODE_DEFAULTS;
	static struct generate_opts opts = GENERATE_DEFAULTS;
	static struct fate_opts fate = FATE_DEFAULTS;
	static const struct opt table[] = {
		{"model", 'm', OPT_TEXT, offsetof(struct model_opts, model), "MODEL",
	         "Hugging Face folder or GGUF file", 0, 0},
		{"adapter", 'a', OPT_TEXT, offsetof(struct model_opts, adapter), "ADAPTER",
	         "a PEFT folder", 0, 0},
		{0},
	};
	static const struct opt_group groups[] = {{"Model", table, &o},
	                                          {"Generation", generate_options, &opts},
	                                          {"Rows", schema_options, &encode.schema},
	                                          {"Template", template_options, &encode},
	                                          {"Fates", fate_options, &fate},
	                                          {"Computing", compute_options, &compute},
	                                          {"General", base_options, &base},
	                                          {0}};
	static const struct opt_program program = {"seal-eval generate",
	                                           "Answers every row's prompt.", "[ROWS...]",
	                                           groups};
	int k = opt_parse(&program, argc, argv);
	struct zout *out = result_open();
	struct run r = begin_run(&o, &compute);
	struct tokenizer *t = tokenizer_open(o.model);
	struct encoder *e = encoder_open(t, &encode);
	long positions = encode.max_tokens + opts.max_new;

	check_template(&o, r.model, e, encode.template);
	open_run(&r, &o, &compute,
	         (struct demand){.slots = opts.batch,
	                         .positions = positions,
	                         .longest = positions});
	generate_rows(&(struct generate){.engine = r.engine,
	                                 .theta = r.theta,
	                                 .tokenizer = t,
	                                 .encoder = e,
	                                 .schema = &encode.schema,
	                                 .opts = &opts,
	                                 .fate = &fate,
	                                 .generator = o.adapter ? o.adapter : o.model},
	              argv + k, argc - k, out);
	zout_close(out);
	encoder_close(e);
	tokenizer_close(t);
	close_run(&r);
}

static const struct command {
	const char *name, *what;
	void (*run)(int argc, char **argv);
	int computes; /* opens a model */
} commands[] = {
	{"nll", "likelihood of rows under a model", nll, 1},
	{"generate", "a model's answers to prompts", generate, 1},
	{"refusals", "share of outputs that refuse", refusals, 0},
	{"winrate", "win rate from annotated preferences", winrate, 0},
	{"detect", "how well scores tell unsafe rows from safe ones", detect, 0},
	{"audit", "how far scores follow the order of training", audit, 0},
	{0},
};

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
			c->run(argc - 1, argv + 1);
			return 0;
		}
	no_command(argc, argv);
}
