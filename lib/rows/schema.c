/* SPDX-License-Identifier: MIT */
/* schema.c - see schema.h.
 *
 * A schema is a row of a table of keys.  Adding one takes such a row, its name among the choices of
 * --schema, and a paragraph in seal-rows(5) (t/schema.c and t/man.t compare the three).
 */
#include "schema.h"

#include <assert.h>
#include <string.h>

#include "schema_in.h"

#define AT(field) offsetof(struct schema_opts, field)

const struct opt schema_options[] = {
	{"schema", 0, OPT_CHOICE, AT(schema), "messages|sharegpt|alpaca|orca|prompt|hh",
         "what the rows' keys mean, instead of recognising it", 0, 1},
	{"prompt-key", 0, OPT_TEXT, AT(prompt_key), "KEY", "the key that holds the prompt", 0, 1},
	{"answer-key", 0, OPT_TEXT, AT(answer_key), "KEY", "the key that holds the answer", 0, 1},
	{"text", 0, OPT_TEXT, AT(text), "KEY", "the bare text of one key, no template", 0, 1},
	{0},
};

void schema_check(const struct schema_opts *o, int need_answer)
{
	if (o->answer_key && !o->prompt_key)
		die_usage("--answer-key needs --prompt-key");
	if (need_answer && o->prompt_key && !o->answer_key)
		die_usage("--prompt-key needs --answer-key");
	if (!!o->schema + !!o->prompt_key + !!o->text > 1)
		die_usage("only one of --schema, --prompt-key and --text makes sense");
}

/* A row that has a schema's key is of that schema; of the first such one, if of several. */
static const struct schema {
	const char *name;
	const char *key[3]; /* spellings of one key: that of the turns, or of the prompt */
	const char *answer; /* NULL: the key holds turns */
} schemas[] = {
	{"messages", {"messages"}, NULL},
	{"sharegpt", {"conversations"}, NULL},
	{"hh", {"chosen"}, "chosen"},
	{"alpaca", {"instruction"}, "output"},
	{"prompt", {"prompt", "query"}, "completion"},
	{"orca", {"question"}, "response"},
	{"sharegpt", {"conversation"}, NULL},
	{0},
};

/* How else a row may call an answer, the prompt of "chosen", and the system's text. */
static const char *const answers[] = {"completion", "response", "output", "answer", NULL};
static const char *const prompts[] = {"prompt", "instruction", "query", "question", NULL};
static const char *const systems[] = {"system", "system_prompt", "system_message", NULL};

int schema_has(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	return v && !json_is_null(v);
}

int schema_holds(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	return schema_has(row, key) && !(json_is_string(v) && !json_string_length(v)) &&
	       !(json_is_array(v) && !json_array_size(v));
}

const char *schema_first(const json_t *row, const char *const keys[])
{
	while (*keys && !schema_has(row, *keys))
		keys++;
	return *keys;
}

const json_t *schema_text(const json_t *object, const char *key, const char *where, struct fault *f)
{
	const json_t *v = json_object_get(object, key);
	const char *why = json_why_unread(v);

	if (!v)
		fault(f, "%s\"%.60s\" is missing", where, key);
	else if (!json_is_string(v))
		fault(f, "%s\"%.60s\" %s", where, key, why ? why : "is not text");
	return json_is_string(v) ? v : NULL;
}

int schema_objects(const json_t *list, const char *key, const char *where, struct fault *f)
{
	if (!json_is_array(list))
		return fault(f, "%s\"%s\" is not an array", where, key);
	for (size_t i = 0; i < json_array_size(list); i++)
		if (!json_is_object(json_array_get(list, i)))
			return fault(f, "%s%s[%zu] is not an object", where, key, i);
	return 0;
}

void schema_add(struct turns *l, enum role role, const json_t *text)
{
	dialogue_add(l->d, role, json_string_value(text), json_string_length(text));
}

/* NULL: no schema is named, and the row has no schema's key. */
static const struct schema *schema_of(const char *name, const json_t *row)
{
	const struct schema *named = NULL;

	for (const struct schema *s = schemas; s->name; s++) {
		if (name && strcmp(s->name, name))
			continue;
		if (schema_first(row, s->key))
			return s;
		named = name && !named ? s : named;
	}
	assert(!name == !named); /* the options offer no other */
	return named;
}

static int unknown(const json_t *row, struct fault *f)
{
	struct buf b = {0};
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)row, key, v) buf_fmt(&b, "%s%.40s", b.n ? ", " : "", key);
	fault(f, "no known schema (keys: %s)", b.n ? b.p : "none");
	buf_free(&b);
	return -1;
}

/* A row of turns.  Where they end with a question, "chosen" may be the answer to it. */
static int turns(struct turns *l, const json_t *row, const char *key)
{
	const json_t *list = json_object_get(row, key);
	const struct dialogue *d = l->d;
	const char *why = json_why_unread(list);

	if (why)
		return fault(l->fault, "\"%s\" %s", key, why);
	if (!json_is_array(list))
		return fault(l->fault, "\"%s\" is %s", key, list ? "not an array" : "missing");
	if (schema_messages(l, list, key))
		return -1;
	if (d->n && d->turn[d->n - 1].role != ROLE_ASSISTANT && schema_has(row, "chosen"))
		return schema_answer(l, row,
		                     &(struct pair){.prompt = key, .answer = "chosen", .hh = 1});
	return 0;
}

static int recognised(struct turns *l, const char *name, const json_t *row)
{
	const struct schema *s = schema_of(name, row);
	struct pair pair = {.recognised = !name};
	const char *key, *answer;

	if (!s)
		return unknown(row, l->fault);
	key = schema_first(row, s->key);
	key = key ? key : s->key[0];
	if (!s->answer)
		return turns(l, row, key);
	pair.hh = !strcmp(s->answer, key);
	answer = pair.hh || schema_has(row, s->answer) ? NULL : schema_first(row, answers);
	pair.answer = answer ? answer : s->answer;
	pair.prompt = pair.hh ? schema_first(row, prompts) : key;
	pair.input = pair.prompt && !strcmp(pair.prompt, "instruction");
	return schema_pair(l, row, &pair);
}

/* The system's text that stands beside the turns, or NULL; -1 where two keys contradict. */
static int system_beside(struct turns *l, const struct schema_opts *o, const json_t *row,
                         const json_t **text)
{
	const char *const *key = systems, *first = NULL;

	for (*text = NULL; *key; key++) {
		const json_t *v;

		if (!schema_has(row, *key) || (o->prompt_key && !strcmp(*key, o->prompt_key)) ||
		    (o->answer_key && !strcmp(*key, o->answer_key)))
			continue;
		if (!(v = schema_text(row, *key, "", l->fault)))
			return -1;
		if (!json_string_length(v))
			continue;
		if (*text && !json_equal(*text, v))
			return fault(l->fault, "\"%s\" and \"%s\" are two system prompts", first,
			             *key);
		*text = v;
		first = *key;
	}
	return 0;
}

/* ... becomes the first turn, unless the turns begin with that text already. */
static int system_first(struct turns *l, const struct schema_opts *o, const json_t *row)
{
	struct dialogue *d = l->d;
	const json_t *text;
	struct turn first;

	if (system_beside(l, o, row, &text))
		return -1;
	if (!text)
		return 0;
	if (d->n && d->turn[0].role == ROLE_SYSTEM) {
		if (d->turn[0].n == json_string_length(text) &&
		    !memcmp(d->turn[0].text, json_string_value(text), d->turn[0].n))
			return 0;
		return fault(l->fault,
		             "the row's \"system\" and its first turn are two system prompts");
	}
	schema_add(l, ROLE_SYSTEM, text);
	first = d->turn[d->n - 1];
	memmove(d->turn + 1, d->turn, (d->n - 1) * sizeof first);
	d->turn[0] = first;
	return 0;
}

static int read_row(struct turns *l, const struct schema_opts *o, const json_t *row)
{
	const json_t *text;

	if (o->text) {
		if (!(text = schema_text(row, o->text, "", l->fault)))
			return -1;
		schema_add(l, ROLE_TEXT, text);
		return 0;
	}
	if (o->prompt_key
	            ? schema_pair(l, row,
	                          &(struct pair){.prompt = o->prompt_key, .answer = o->answer_key})
	            : recognised(l, o->schema, row))
		return -1;
	return system_first(l, o, row) || schema_marks(l, row) ? -1 : schema_beside(l, row);
}

static int is_empty(const struct turn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strchr(" \t\r\n", t->text[i]))
			return 0;
	return !turn_calls(t);
}

/* For training: what stands behind the last answer teaches nothing. */
static int end_with_answer(struct dialogue *d, struct fault *f)
{
	static const char *const behind[] = {[ROLE_SYSTEM] = "last turn of the system",
	                                     [ROLE_USER] = "last turn of the user",
	                                     [ROLE_TOOL] = "last turn of a tool"};
	const struct turn *last;
	int n = d->n;

	while (n && d->turn[n - 1].role != ROLE_ASSISTANT && d->turn[n - 1].role != ROLE_TEXT)
		n--;
	if (!n)
		return fault(f, "the last turn is not the assistant's");
	if (n < d->n)
		d->left_out = behind[d->turn[n].role];
	d->n = n;
	last = &d->turn[n - 1];
	if (is_empty(last)) {
		fault(f, "empty %s", last->role == ROLE_TEXT ? "text" : "answer");
		return SCHEMA_EMPTY;
	}
	return 0;
}

int schema_turns(const struct schema_opts *o, const json_t *row, int need_answer,
                 struct dialogue *d, struct fault *f)
{
	struct turns l = {.d = d, .need_answer = need_answer, .fault = f};

	if (read_row(&l, o, row))
		return SCHEMA_BAD;
	if (!d->n)
		return fault(f, "no turns");
	if (need_answer)
		return end_with_answer(d, f);
	while (d->n && d->turn[d->n - 1].role == ROLE_ASSISTANT)
		d->n--;
	if (!d->n || d->turn[d->n - 1].role == ROLE_SYSTEM)
		return fault(f, "no prompt");
	return 0;
}

const char *schema_instruction(const struct dialogue *d, size_t *bytes)
{
	for (int i = d->n - 1; i >= 0; i--)
		if (d->turn[i].role == ROLE_USER || d->turn[i].role == ROLE_TEXT) {
			*bytes = d->turn[i].n;
			return d->turn[i].text;
		}
	*bytes = 0;
	return "";
}
