/* SPDX-License-Identifier: MIT */
/* exact.c - how many outputs have the right answer, where that is a number, a choice or a text that
 * can be compared (answer.h).
 *
 *   {"n","right","unread","rate","rate_ci","by":{value: the same}}
 *
 * of objects with an "output".  An unread output has no answer, and is not right.  The answers come
 * from the rows that the prompts were made of, by id; or from a key of the outputs themselves.
 */
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../rows/row.h"
#include "../rows/schema.h"
#include "answer.h"
#include "command.h"
#include "interval.h"

static struct exact_opts {
	const char *answers; /* a file of rows; NULL: schema.answer_key is a key of the outputs */
	const char *kind, *choices;
	const char *by;   /* a key: count for each of its values too; NULL: do not */
	const char *each; /* a file for a line an output, or NULL */
	struct schema_opts schema;
	struct fate_opts fate;
} opts = {.kind = "number", .fate = FATE_DEFAULTS};

#define AT(field) offsetof(struct exact_opts, field)

/* clang-format off */
static const struct opt options[] = {
	{"answers", 0, OPT_TEXT, AT(answers), "ROWS",
		"rows with the right answers (default: --answer-key of the outputs)", 0, 0},
	{"kind", 0, OPT_CHOICE, AT(kind), "number|choice|text", "what is compared", 0, 0},
	{"choices", 0, OPT_TEXT, AT(choices), "LETTERS", "of --kind choice (default: ABCD)", 0, 0},
	{"by", 0, OPT_TEXT, AT(by), "KEY", "count for each value of this key too", 0, 0},
	{"each", 0, OPT_TEXT, AT(each), "FILE", "write a line for each output there", 0, 0},
	{0},
};
/* clang-format on */

struct marks {
	long n, right, unread;
};

struct exact {
	json_t *reference; /* {id: the right answer, or null for a row that was dropped} */
	json_t *groups;    /* see object_group: numbers of group */
	struct marks all, *group;
	long room;
	struct fates *fates;
	struct zout *each; /* or NULL */
	struct buf id;
};

static json_t *read_answer(const char *text)
{
	if (!strcmp(opts.kind, "number"))
		return answer_number(text);
	return strcmp(opts.kind, "choice") ? answer_text(text) : answer_choice(text, opts.choices);
}

/* The answer, owned, that a value of --answer-key gives; NULL with a fault. */
static json_t *read_value(const json_t *value, struct fault *why)
{
	long k = json_is_integer(value) ? (long)json_integer_value(value) : -1;
	json_t *answer = NULL;

	if (json_is_string(value))
		answer = read_answer(json_string_value(value));
	else if (json_is_number(value) && !strcmp(opts.kind, "number"))
		answer = json_real(json_number_value(value));
	else if (!strcmp(opts.kind, "choice") && k >= 0 && k < (long)strlen(opts.choices))
		answer = json_stringn(opts.choices + k, 1);
	if (!answer)
		fault(why, "\"%.60s\" has no %s", opts.schema.answer_key, opts.kind);
	return answer;
}

/* The same of a row: of what the assistant says last. */
static json_t *read_row(const json_t *row, struct fault *why)
{
	struct dialogue d = {0};
	json_t *answer = NULL;

	if (!schema_turns(&opts.schema, row, 1, &d, why)) {
		char *text = xstrndup(d.turn[d.n - 1].text, d.turn[d.n - 1].n);

		answer = read_answer(text);
		free(text);
		if (!answer)
			fault(why, "the answer has no %s", opts.kind);
	}
	dialogue_free(&d);
	return answer;
}

static void read_references(struct exact *e)
{
	char *path = (char *)opts.answers;
	struct rows *rows = rows_open(&path, 1, e->fates, &opts.fate, ROWS_UNIQUE);
	struct fault why;
	struct row r;

	while (rows_next(rows, &r)) {
		json_t *answer = read_row(r.json, &why);

		json_object_set_new(e->reference, r.id, answer ? answer : json_null());
		if (answer)
			fate_kept(e->fates, r.id, r.line);
		else
			fate_broken(e->fates, r.file, r.id, r.line, r.element, "no answer", &why);
	}
	rows_close(rows);
}

/* The right answer to an output, owned; NULL where it is to be left out. */
static json_t *reference(struct exact *e, const json_t *o, const char *where)
{
	const char *id = object_key(o, "id", &e->id);
	json_t *answer;
	struct fault why;

	if (opts.answers) {
		answer = json_object_get(e->reference, id);
		if (!answer)
			die("%s: no row of %s has the id \"%s\"", where, opts.answers, id);
		return json_is_null(answer) ? NULL : json_incref(answer);
	}
	answer = read_value(json_object_get(o, opts.schema.answer_key), &why);
	if (answer)
		fate_kept(e->fates, id, 0);
	else if (strcmp(opts.fate.on_error, "skip"))
		die("%s: %s", where, why.text);
	else
		fate_dropped(e->fates, id, 0, "no answer");
	return answer;
}

static void count(struct marks *m, int right, int unread)
{
	m->n++;
	m->right += right;
	m->unread += unread;
}

/* The counts of the output's value of --by. */
static struct marks *group_of(struct exact *e, const json_t *o)
{
	long before = json_object_size(e->groups), k = object_group(e->groups, o, opts.by);

	if (k == before) {
		e->group = xgrow(e->group, k, &e->room, sizeof *e->group);
		e->group[k] = (struct marks){0};
	}
	return &e->group[k];
}

static void write_each(struct zout *each, const json_t *o, int right, json_t *answer, json_t *want)
{
	json_t *id = json_object_get(o, "id"), *line = json_object();

	json_object_set_new(line, "id", id ? json_incref(id) : json_null());
	json_object_set_new(line, "right", json_boolean(right));
	json_object_set_new(line, "answer", answer ? json_incref(answer) : json_null());
	json_object_set(line, "reference", want);
	json_write_line(each, line);
	json_decref(line);
}

static void see(void *ctx, const json_t *o, const char *where)
{
	struct exact *e = ctx;
	const char *text = json_text(o, "output", NULL);
	json_t *want, *answer;
	int right;

	if (!text)
		die("%s: \"output\" is not a text", where);
	want = reference(e, o, where);
	if (!want)
		return;
	answer = read_answer(text);
	right = answer && json_equal(answer, want);
	count(&e->all, right, !answer);
	if (opts.by)
		count(group_of(e, o), right, !answer);
	if (e->each)
		write_each(e->each, o, right, answer, want);
	json_decref(answer);
	json_decref(want);
}

static json_t *result(const struct marks *m)
{
	json_t *j = json_pack("{s:I, s:I, s:I}", "n", (json_int_t)m->n, "right",
	                      (json_int_t)m->right, "unread", (json_int_t)m->unread);

	interval_set(j, "rate", interval_share((double)m->right, (double)m->n));
	return j;
}

static void check_options(void)
{
	const struct schema_opts *s = &opts.schema;

	if (opts.choices && strcmp(opts.kind, "choice"))
		die_usage("--choices goes with --kind choice");
	if (!opts.choices)
		opts.choices = "ABCD";
	if (!*opts.choices ||
	    strspn(opts.choices, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != strlen(opts.choices))
		die_usage("--choices '%s': these are not capital letters", opts.choices);
	if (opts.answers)
		schema_check(s, 1);
	else if (!s->answer_key)
		die_usage("neither --answers nor --answer-key says what is right");
	else if (s->schema || s->prompt_key || s->text || opts.fate.limit || opts.fate.columns)
		die_usage("how rows are read goes with --answers");
}

static void run(char *const paths[], int n, struct zout *out)
{
	struct exact e = {.reference = json_object(), .groups = json_object()};
	json_t *all, *by = json_object(), *number;
	const char *value;

	check_options();
	if (opts.each)
		e.each = zout_open(opts.each, ZOUT_PLAIN);
	e.fates = fates_open(&opts.fate);
	if (opts.answers)
		read_references(&e);
	objects_read(paths, n, see, &e);
	fates_need_row(e.fates);
	all = result(&e.all);
	json_object_foreach(e.groups, value, number)
		json_object_set_new(by, value, result(&e.group[json_integer_value(number)]));
	json_object_set_new(all, "by", by);
	command_write(out, all);
	zout_close(e.each);
	fates_close(e.fates, 0);
	json_decref(e.reference);
	json_decref(e.groups);
	free(e.group);
	buf_free(&e.id);
}

static const struct opt_group groups[] = {{"Answers", options, &opts},
                                          {"Rows", schema_options, &opts.schema},
                                          {"Fates", fate_options, &opts.fate},
                                          {0}};

const struct command command_exact = {
	.name = "exact",
	.what = "share of outputs with the right answer",
	.does = "Counts the outputs whose number, choice or text is the right one.",
	.operands = "[OUTPUTS...]",
	.groups = groups,
	.run = run,
};
