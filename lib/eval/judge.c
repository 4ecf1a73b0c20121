/* SPDX-License-Identifier: MIT */
/* judge.c - what a judge says of outputs: for each, in order, its keys and {"verdict","p","mass",
 * "unsafe"}.  judge.h says how the parts go together.
 */
#include "judge.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "command.h"
#include "interval.h"

static struct judge_opts opts = {.choices = "safe,unsafe",
                                 .max_new = 64,
                                 .timeout = 600,
                                 .retries = 2,
                                 .on_error = "fail",
                                 .encode = {.bos = "auto",
                                            .overlong = "cut",
                                            .train_turns = "last"},
                                 .compute = COMPUTE_DEFAULTS};

#define AT(field) offsetof(struct judge_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"model", 'm', OPT_TEXT, AT(model), "JUDGE", "Hugging Face folder or GGUF file", 0, 0},
	{"adapter", 'a', OPT_TEXT, AT(adapter), "ADAPTER", "a PEFT folder", 0, 0},
	{"prompt", 0, OPT_TEXT, AT(prompt), "FILE",
		"what is asked, with {instruction} and {output}", 0, 0},
	{"choices", 0, OPT_TEXT, AT(choices), "A,B,...", "what the answer may be", 0, 0},
	{"unsafe", 0, OPT_TEXT, AT(unsafe), "VALUE", "the choice that is bad (default: unsafe)", 0, 0},
	{"after", 0, OPT_TEXT, AT(after), "TEXT", "the judge writes up to this before its choice", 0, 0},
	{"max-new", 0, OPT_COUNT, AT(max_new), "N", "tokens that it writes for that at most", 1, 0},
	{"pairwise", 0, OPT_FLAG, AT(pairwise), NULL, "which of two outputs is better", 0, 0},
	{"hard", 0, OPT_FLAG, AT(hard), NULL, "preferences of 1, 2 and 1.5 alone", 0, 0},
	{"cache", 0, OPT_TEXT, AT(cache), "DIR",
		"keep answers there, and take those that are there", 0, 0},
	{0},
};

static const struct opt command_options[] = {
	{"cmd", 0, OPT_TEXT, AT(cmd), "COMMAND", "reads requests and writes answers, in JSONL", 0, 0},
	{"timeout", 0, OPT_COUNT, AT(timeout), "SECONDS", "without an answer end a run; 0: never", 0, 0},
	{"retries", 0, OPT_COUNT, AT(retries), "N", "runs more for what was not answered", 0, 0},
	{"on-error", 0, OPT_CHOICE, AT(on_error), "fail|skip", "when that is in vain", 0, 0},
	{0},
};
/* clang-format on */

struct judge_reading {
	json_t *rows;
	char **where;
	long room;
};

/* generate's own keys, and that what will be written again can be. */
static void see(void *ctx, const json_t *o, const char *where)
{
	static const char *const texts[] = {"instruction", "output"};
	struct judge_reading *r = ctx;
	const json_t *id = json_object_get(o, "id"), *v;
	long n = (long)json_array_size(r->rows);
	const char *key;

	for (int i = 0; i < 2; i++)
		if (!json_is_string(json_object_get(o, texts[i])))
			die("%s: \"%s\" is not a text", where, texts[i]);
	if (!json_is_string(id) && !json_is_integer(id))
		die("%s: no \"id\"", where);
	json_object_foreach((json_t *)o, key, v) if (json_unread_in(v))
		die("%s: \"%.60s\" %s, and cannot be written", where, key, json_unread_in(v));
	r->where = xgrow(r->where, n, &r->room, sizeof *r->where);
	r->where[n] = xstrdup(where);
	json_array_append(r->rows, (json_t *)o);
}

json_t *judge_read(char *const paths[], int n, char ***where)
{
	struct judge_reading r = {.rows = json_array()};

	objects_read(paths, n, see, &r);
	*where = r.where;
	return r.rows;
}

void judge_read_free(json_t *rows, char **where)
{
	for (size_t i = 0; i < json_array_size(rows); i++)
		free(where[i]);
	free(where);
	json_decref(rows);
}

void judge_ask(const struct judge *j, struct question q[], long n)
{
	const char *where = NULL;
	long left = 0, found;

	for (long i = 0; i < n; i++)
		question_make(j, &q[i]);
	found = (j->o->cmd ? judge_by_command : judge_by_model)(j, q, n);
	if (found)
		notice("%ld of %ld answers are from %s", found, n, j->o->cache);
	for (long i = n; i-- > 0;)
		if (!q[i].answer) {
			left++;
			where = q[i].where;
			q[i].answer = json_null();
		}
	if (left && !strcmp(j->o->on_error, "fail"))
		die("--cmd: %ld of %ld are not answered, %s the first (--on-error skip goes on "
		    "without)",
		    left, n, where);
}

/* How many outputs have this verdict (-1: none), of those that were answered. */
static long count(const struct judge *j, const struct question q[], long n, int choice)
{
	long k = 0;

	for (long i = 0; i < n; i++) {
		const char *v = json_text(q[i].answer, "verdict", NULL);

		k += json_is_object(q[i].answer) &&
		     (v ? choices_find(&j->choices, v) : -1) == choice;
	}
	return k;
}

static void summarize(const struct judge *j, const struct question q[], long n, int unsafe)
{
	struct buf b = {0};
	long none = count(j, q, n, -1), of = 0; /* verdicts */

	for (int i = 0; i < j->choices.names; i++) {
		long k = count(j, q, n, i);

		buf_fmt(&b, ", %ld %s", k, j->choices.name[i]);
		of += k;
	}
	buf_fmt(&b, ", %ld none of these", none);
	if (of + none < n)
		buf_fmt(&b, ", %ld not answered", n - of - none);
	if (unsafe >= 0 && of) {
		struct interval i = interval_share((double)count(j, q, n, unsafe), (double)of);

		buf_fmt(&b, "; %s %.1f %% (%.1f to %.1f) of %ld", j->choices.name[unsafe],
		        100 * i.mean, 100 * i.low, 100 * i.high, of);
	}
	notice("%ld outputs judged: %s", n, b.p + 2);
	buf_free(&b);
}

/* The row with what is said of it. */
static void write_row(struct zout *out, json_t *row, const struct question *q, const char *unsafe)
{
	static const char *const keys[] = {"verdict", "p", "mass"};
	const char *verdict = json_text(q->answer, "verdict", NULL);

	for (int i = 0; i < 3; i++) {
		json_t *v = json_object_get(q->answer, keys[i]);

		json_object_del(row, keys[i]);
		json_object_set_new(row, keys[i], v ? json_incref(v) : json_null());
	}
	json_object_del(row, "unsafe");
	if (unsafe)
		json_object_set_new(row, "unsafe",
		                    verdict ? json_boolean(!strcmp(verdict, unsafe)) : json_null());
	json_write_line(out, row);
}

static void judge_each(const struct judge *j, char *const paths[], int files, struct zout *out)
{
	const char *unsafe = opts.unsafe ? opts.unsafe : "unsafe";
	int bad = choices_find(&j->choices, unsafe);
	struct question *q;
	char **where;
	json_t *rows;
	long n;

	if (opts.unsafe && bad < 0)
		die_usage("--unsafe %s is none of --choices", opts.unsafe);
	rows = judge_read(paths, files, &where);
	n = (long)json_array_size(rows);
	q = xzalloc(n, sizeof *q);
	for (long i = 0; i < n; i++) {
		q[i].where = where[i];
		q[i].values = json_incref(json_array_get(rows, i));
	}
	judge_ask(j, q, n);
	for (long i = 0; i < n; i++)
		write_row(out, json_array_get(rows, i), &q[i], bad < 0 ? NULL : unsafe);
	summarize(j, q, n, bad);
	for (long i = 0; i < n; i++)
		question_end(&q[i]);
	free(q);
	judge_read_free(rows, where);
}

static void check(int files)
{
	if (!opts.model == !opts.cmd)
		die_usage("one of -m JUDGE and --cmd COMMAND is needed");
	if (opts.cmd && (opts.adapter || opts.after))
		die_usage("--adapter and --after go with -m");
	if (opts.pairwise && (opts.unsafe || !opts.prompt || files != 2))
		die_usage(
			"--pairwise needs --prompt and two files of outputs, and has no --unsafe");
	if (opts.hard && !opts.pairwise)
		die_usage("--hard goes with --pairwise");
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct judge j = {.o = &opts};

	check(n);
	opts.encode.max_tokens = 0;
	if (!opts.encode.template.name)
		opts.encode.template.name = opts.prompt ? "none" : "auto";
	choices_parse(&j.choices, opts.choices);
	j.prompt = opts.prompt ? judge_prompt_open(opts.prompt) : NULL;
	if (opts.pairwise)
		judge_pairs(&j, paths, out);
	else
		judge_each(&j, paths, n, out);
	judge_prompt_close(j.prompt);
	choices_free(&j.choices);
}

static const struct opt_group groups[] = {{"Judging", options, &opts},
                                          {"Judging by a command", command_options, &opts},
                                          {"Template", template_options, &opts.encode},
                                          {"Computing", compute_options, &opts.compute},
                                          {0}};

const struct command command_judge = {
	.name = "judge",
	.what = "a judge's verdict on outputs",
	.does = "Asks a model or a command what it says of outputs.",
	.operands = "[OUTPUTS...]",
	.groups = groups,
	.computes = 1,
	.run = run,
};
