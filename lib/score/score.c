/* SPDX-License-Identifier: MIT */
/* score.c - what seal-score does around its method: options, checks, the header, the output; see
 * score.h and method.h. */
#include "score.h"

#include <stdlib.h>
#include <string.h>

#include "../base/progress.h"
#include "../base/world.h"
#include "../train/log.h"
#include "../train/losses.h"
#include "method.h"

#define AT(field) offsetof(struct score_opts, field)

/* clang-format off */
static const struct opt io_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"save-adapter", 0, OPT_TEXT, AT(save), "DIR", "write theta there as a PEFT adapter", 0, 0},
	{"force", 0, OPT_FLAG, AT(force), NULL, "replace the folder of --save-adapter", 0, 0},
	{0},
};

enum { METHOD_OPTION = 2 }; /* --method's place below; fill_choices completes it */
static struct opt scoring_options[] = {
	{"safe", 0, OPT_TEXT, AT(safe), "TOKENS", "token stream of the trusted rows", 0, 0},
	{"danger", 0, OPT_TEXT, AT(danger), "TOKENS",
		"token stream of rows that are known to be bad", 0, 0},
	{"method", 0, OPT_CHOICE, AT(method), NULL, NULL, 0, 1},
	{"score", 0, OPT_TEXT, AT(score), "FORMULA",
		"the score: weight, loss, gain, gap, tempered, or a formula of columns", 0, 1},
	{0},
};
/* clang-format on */

/* The choices of --method and its help, out of the table of methods. */
static void fill_choices(struct opt *o)
{
	static struct buf arg, help;

	arg.n = help.n = 0;
	for (int k = 0; methods[k]; k++) {
		buf_fmt(&arg, "%s%s", k ? "|" : "", methods[k]->name);
		buf_fmt(&help, "%s%s", k ? "; " : "how: ", methods[k]->what);
	}
	o->arg = arg.p;
	o->help = help.p;
}

void score_groups(struct score_opts *o, struct opt_group *group)
{
	struct opt_group *g = group;

	fill_choices(&scoring_options[METHOD_OPTION]);
	*g++ = (struct opt_group){"Input and output", io_options, o};
	*g++ = (struct opt_group){"Output", base_options, &o->base};
	*g++ = (struct opt_group){"Output", zstd_options, &o->packing};
	*g++ = (struct opt_group){"Scoring", scoring_options, o};
	for (int k = 0; methods[k]; k++)
		for (const struct opt_group *own = methods[k]->options; own && own->table; own++)
			*g++ = *own;
	*g++ = (struct opt_group){"Training", train_options, &o->train};
	*g++ = (struct opt_group){"Computing", compute_options, &o->compute};
	*g++ = (struct opt_group){"Sharing the work", shard_options, &o->shard};
	*g++ = (struct opt_group){"Rows (methods without a model)", fate_options, &o->fate};
	*g = (struct opt_group){0};
}

/* What the options ask for together makes sense. */
static void check(const struct score_opts *o, const struct method *m, int operands)
{
	const struct train_opts *t = &o->train;
	int model = m->needs & METHOD_MODEL, tokens = m->needs & (METHOD_MODEL | METHOD_TOKENS);

	zstd_check(&o->packing);
	if (model && !o->model)
		die_usage("--method %s needs -m MODEL", m->name);
	if ((m->needs & METHOD_SAFE) && !o->safe)
		die_usage("--method %s needs --safe", m->name);
	if (!(m->needs & METHOD_DANGER) && o->danger)
		die_usage("--method %s does not know bad rows: no --danger", m->name);
	if (tokens && (o->fate.fates || o->fate.limit || o->fate.allow_empty ||
	               strcmp(o->fate.on_error, "fail")))
		die_usage(
			"--fates, --on-error, --limit and --allow-empty are for rows, not tokens");
	if (tokens && operands > 1)
		die_usage("one token stream, please (cat joins several)");
	if (!(m->needs & METHOD_TRAINS) &&
	    (o->save || t->full || t->checkpoint || t->resume || t->valid || t->shard_weights))
		die_usage("--method %s does not train a theta that is kept: no --save-adapter, "
		          "--full, --checkpoint, --resume, --valid, --shard-weights",
		          m->name);
	if (valid_share(t) > 0)
		die_usage("--valid %s: all rows are scored, none is held out (./%s is a file of "
		          "that name)",
		          t->valid, t->valid);
	shard_check(&o->shard, 0, NULL, 0);
	if (o->shard.shard && !(m->needs & METHOD_SHARES))
		die_usage("--method %s looks at all rows together: no --shard", m->name);
	for (int k = 0; methods[k]; k++)
		if (methods[k]->check)
			methods[k]->check(o, methods[k] == m);
}

struct share share_of(const struct score_run *run, long rows)
{
	return shard_of(&run->o->shard, rows, LOSS_BATCH);
}

static void score(struct score_run *run, struct score_opts *o)
{
	const struct method *m = run->method;
	const char *lacks;

	check(o, m, run->n);
	if (!o->score)
		o->score = !o->safe && m->score_alone ? m->score_alone : m->score;
	run->score = formula_option("--score", o->score);
	run->columns = m->columns();
	lacks = columns_lack(run->columns, &run->score);
	if (lacks)
		die_usage("--score %s: --method %s has no column %s, with these options", o->score,
		          m->name, lacks);
	if (o->save)
		train_save_check(&o->train, o->model, o->save, o->force);
	train_check(&o->train);
	json_settings_same(run->groups);
	run->out = zout_open(o->base.output, ZOUT_JOINED | zstd_flag(&o->packing, 1));
	run->header = json_pack("{s:s}", "method", m->name);
	m->run(run);
	zout_close(run->out);
	json_decref(run->header);
	log_end(o->train.log, run->began);
}

void score_rows(struct score_opts *o, const struct opt_group *groups, char *const paths[], int n)
{
	const struct method *m = method_of(o->method);
	struct score_run run = {.method = m, .o = o, .groups = groups, .paths = paths, .n = n};

	run.began = seconds_now();
	notice_quiet(o->base.quiet);
	world_open();
	if (m->needs & METHOD_MODEL || world_alone()) /* without a model it is soon done */
		score(&run, o);
	world_close();
}
