/* SPDX-License-Identifier: MIT */
/* seal-score - a score for every row of a token stream: higher is safer to keep. */
#include <stdlib.h>
#include <string.h>

#include "../lib/base/hash.h"
#include "../lib/base/program.h"
#include "../lib/base/progress.h"
#include "../lib/eval/audit.h"
#include "../lib/score/dsir.h"
#include "../lib/score/import.h"
#include "../lib/score/score.h"

struct own {
	const char *model, *save;
	int force;
};

#define AT(field) offsetof(struct own, field)

static const struct opt own_options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "MODEL", "Hugging Face folder or GGUF file", 0, 0},
	{"save-adapter", 0, OPT_TEXT, AT(save), "DIR", "write theta there as a PEFT adapter", 0, 0},
	{"force", 0, OPT_FLAG, AT(force), NULL, "replace the folder of --save-adapter", 0, 0},
	{0},
};

static struct own own;
static struct opt_base base;
static struct zstd_opts packing;
static struct score_opts score = SCORE_DEFAULTS;
static struct train_opts train = TRAIN_DEFAULTS;
static struct compute_opts compute = COMPUTE_DEFAULTS;
static struct dsir_opts dsir;
static struct import_opts import;
static struct audit_opts audit;
static struct fate_opts fate = FATE_DEFAULTS;

static const struct opt_group groups[] = {
	{"Input and output", own_options, &own},
	{"Output", base_options, &base},
	{"Output", zstd_options, &packing},
	{"Scoring", score_options, &score},
	{"Training", train_options, &train},
	{"Computing", compute_options, &compute},
	{"DSIR (--method dsir)", dsir_options, &dsir},
	{"DSIR's rows", schema_options, &dsir.schema},
	{"Rows (--method random or dsir, --import)", fate_options, &fate},
	{"Instead of scoring", import_options, &import},
	{"Instead of scoring", audit_options, &audit},
	{0},
};

static const struct opt_program program =
	{"seal-score",
         "Score every row: learn how far it serves the safe rows. Writes seal-scores(5).",
         "[TOKENS | ROWS...]", groups};

static struct tokens *stream(const char *path, const struct model *m)
{
	char *paths[] = {(char *)path};
	struct tokens *t = tokens_read(paths, path ? 1 : 0);

	check_tokens(t, path ? path : "stdin", own.model, model_config(m));
	return t;
}

static json_t *settings_of(const struct model *m, const struct adapter *theta,
                           const struct tokens *data, const struct tokens *safe)
{
	json_t *s = train_settings(groups, &train, m, theta, data);
	char hex[17];

	if (safe) {
		hash_hex(safe->input, hex);
		json_object_set_new(s, "safe", json_string(hex));
	}
	return s;
}

static void by_model(const char *path, struct zout *out, double began)
{
	struct model *m = model_begin(own.model, &compute);
	struct tokens *data = stream(path, m), *safe = score.safe ? stream(score.safe, m) : NULL;
	struct tokens *valid = train.valid ? stream(train.valid, m) : NULL;
	json_t *settings, *header = json_object();
	struct adapter *theta = NULL;
	struct scoring found;

	if (safe)
		check_same_template(safe, score.safe, data);
	if (valid)
		check_same_template(valid, train.valid, data);
	score_budget(m, data, safe, valid, &score, &train);
	if (!train.full)
		model_load(m);
	if (score_trains(&score) || train.init)
		theta = train_adapter(m, model_dev(m), &train);
	settings = settings_of(m, theta, data, safe);
	score_rows(&found, m, theta, data, safe, valid, &score, &train, settings);
	json_object_set_new(header, "method", json_string(score.method));
	json_object_set_new(header, "score", json_string(score.score));
	json_object_set_new(header, "settings", json_incref(settings));
	json_object_set_new(header, "history", json_incref(data->history));
	score_write(&found, &score, header, out);
	if (own.save)
		train_save(m, theta, own.save, own.model, data, settings);
	notice("%ld rows scored by %s in %.1f s, peak memory %.0f MB", data->rows, score.score,
	       seconds_now() - began, peak_memory() / 1e6);
	if (theta)
		adapter_close(theta);
	score_close(&found);
	json_decref(header);
	json_decref(settings);
	tokens_close(data);
	if (safe)
		tokens_close(safe);
	if (valid)
		tokens_close(valid);
	model_close(m);
}

/* The methods that need rows only. */
static void by_rows(char *const paths[], int n, struct zout *out)
{
	json_t *settings = json_object(),
	       *header = json_pack("{s:s, s:o}", "method", score.method, "settings", settings);
	const struct opt_group own_group[] = {{"DSIR", dsir_options, &dsir},
	                                      {"Rows", schema_options, &dsir.schema},
	                                      {0}};

	if (strcmp(score.method, "random")) {
		json_object_update_new(settings, json_settings(own_group));
		json_object_set_new(settings, "seed", json_integer(train.seed));
		score_dsir(paths, n, &dsir, train.seed, compute.threads, &fate, header, out);
	} else {
		json_object_set_new(settings, "seed", json_integer(train.seed));
		score_random(paths, n, train.seed, &fate, header, out);
	}
	json_decref(header);
}

/* What the options ask for together makes sense. */
static void check_method(int operands)
{
	int is_dsir = !strcmp(score.method, "dsir"),
	    rows = is_dsir || !strcmp(score.method, "random");

	score_check(&score);
	if (!rows && !own.model)
		die_usage("--method %s needs -m MODEL", score.method);
	if (!rows && (fate.fates || fate.limit || strcmp(fate.on_error, "fail")))
		die_usage("--fates, --on-error and --limit are for rows, not tokens");
	if (!rows && operands > 1)
		die_usage("one token stream, please (cat joins several)");
	if (!score_trains(&score) &&
	    (own.save || train.full || train.checkpoint || train.resume || train.valid))
		die_usage("--method %s does not train: no --save-adapter, --full, --checkpoint, "
		          "--resume, --valid",
		          score.method);
	dsir_check(&dsir, is_dsir);
	if (!strcmp(score.method, "bilevel") &&
	    score.gamma + (train.epochs - 1) * score.gamma_step >= 1)
		die_usage("gamma reaches 1 in the last epoch");
}

/* --import or --audit, which score nothing themselves. */
static void check_no_method(int operands)
{
	const char *name = import.file ? "--import" : "--audit";

	if (import.file && audit.scores)
		die_usage("--import and --audit exclude each other");
	if (own.model || score.safe || own.save || dsir.target)
		die_usage("%s needs no model and no other rows", name);
	if (operands)
		die_usage("%s takes no operand%s", name,
		          import.file ? ": --rows names the rows" : "");
}

static void check(int operands)
{
	zstd_check(&packing);
	if (import.rows && !import.file)
		die_usage("--rows is for --import");
	if (audit.order && !audit.scores)
		die_usage("--order is for --audit");
	if (import.file || audit.scores)
		check_no_method(operands);
	else
		check_method(operands);
}

static void report(struct zout *out)
{
	json_t *result = score_audit(&audit);

	json_write_line(out, result);
	json_decref(result);
}

int main(int argc, char **argv)
{
	double began = seconds_now();
	struct zout *out;
	int k;

	program_begin(argv);
	dev_prepare(argv);
	/* Measured (README, "What the scores find"): many small steps over all layers. */
	train.batch = 4;
	train.rate = 1e-3;
	train.targets = "all-linear";
	k = opt_parse(&program, argc, argv);
	notice_quiet(base.quiet);
	check(argc - k);
	if (own.save)
		train_save_check(&train, own.model, own.save, own.force);
	train_check(&train);
	out = zout_open(base.output, zstd_flag(&packing, !audit.scores));
	if (import.file)
		score_import(&import, &fate, out);
	else if (audit.scores)
		report(out);
	else if (!strcmp(score.method, "random") || !strcmp(score.method, "dsir"))
		by_rows(argv + k, argc - k, out);
	else
		by_model(k < argc ? argv[k] : NULL, out, began);
	zout_close(out);
	log_end(train.log, began);
	return 0;
}
