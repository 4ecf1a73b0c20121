/* SPDX-License-Identifier: MIT */
/* schema.c - see schema.h.
 *
 * A schema is a row of a table of keys.  Adding one takes such a row, its name among the choices of
 * --schema, and a paragraph in seal-rows(5) (t/schema.c and t/man.t compare the three).
 */
#include "schema.h"

#include <assert.h>
#include <string.h>

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
	const char *name, *key;
	const char *system, *prompt, *input, *answer; /* keys of texts; rows may lack 1 and 3 */
	const char *role, *text; /* where `key` holds an array of turns: a turn's keys */
	int dialogue;            /* the prompt, or the answer alone, may be HH's dialogue */
} schemas[] = {
	{"messages", "messages", .role = "role", .text = "content"},
	{"sharegpt", "conversations", .role = "from", .text = "value"},
	{"hh", "chosen", .prompt = "prompt", .answer = "chosen", .dialogue = 1},
	{"alpaca", "instruction", .prompt = "instruction", .input = "input", .answer = "output"},
	{"orca", "system_prompt", "system_prompt", .prompt = "question", .answer = "response"},
	{"prompt", "prompt", .prompt = "prompt", .answer = "completion"},
	{0},
};

static const char human[] = "\n\nHuman:", assistant[] = "\n\nAssistant:";

/* The turns of a row as they are read. */
struct turns {
	struct dialogue *d;
	int need_answer;
	struct fault *fault;
};

/* object[key] as text; where: "" or "messages[2]: ". */
static const json_t *text_at(const json_t *object, const char *key, const char *where,
                             struct fault *f)
{
	const json_t *v = json_object_get(object, key);

	if (!v)
		fault(f, "%s\"%.60s\" is missing", where, key);
	else if (!json_is_string(v))
		fault(f, "%s\"%.60s\" is not text", where, key);
	return json_is_string(v) ? v : NULL;
}

static int add_key(struct turns *l, enum role role, const json_t *row, const char *key)
{
	const json_t *v = text_at(row, key, "", l->fault);

	if (!v)
		return -1;
	dialogue_add(l->d, role, json_string_value(v), json_string_length(v));
	return 0;
}

/* There is a value other than null. */
static int has(const json_t *row, const char *key)
{
	const json_t *v = json_object_get(row, key);

	return v && !json_is_null(v);
}

/* What the model is asked to work on stands behind the instruction. */
static int append_input(struct turns *l, struct turn *user, const json_t *row, const char *key)
{
	const json_t *input = text_at(row, key, "", l->fault), *joined;
	struct buf b = {0};

	if (!input)
		return -1;
	if (!json_string_length(input))
		return 0;
	buf_add(&b, user->text, user->n);
	buf_str(&b, "\n");
	buf_add(&b, json_string_value(input), json_string_length(input));
	joined = dialogue_own(l->d, json_stringn(b.p, b.n));
	buf_free(&b);
	user->text = json_string_value(joined);
	user->n = json_string_length(joined);
	return 0;
}

/* A text under each key.  An empty system prompt is none. */
static int texts(struct turns *l, const struct schema *s, const json_t *row)
{
	struct dialogue *d = l->d;
	int user;

	if (has(row, s->system) && add_key(l, ROLE_SYSTEM, row, s->system))
		return -1;
	if (d->n && !d->turn[0].n)
		d->n = 0;
	user = d->n;
	if (add_key(l, ROLE_USER, row, s->prompt) ||
	    (l->need_answer && add_key(l, ROLE_ASSISTANT, row, s->answer)))
		return -1;
	return has(row, s->input) ? append_input(l, &d->turn[user], row, s->input) : 0;
}

static int role_of(const char *name, enum role *role)
{
	static const char *const names[][3] = {{"system", "user", "assistant"},
	                                       {"system", "human", "gpt"}};

	for (int i = 0; i < 6; i++)
		if (!strcmp(name, names[i / 3][i % 3])) {
			*role = ROLE_SYSTEM + i % 3;
			return 0;
		}
	return -1;
}

/* Turns as an array of objects. */
static int array(struct turns *l, const struct schema *s, const json_t *row)
{
	const json_t *all = json_object_get(row, s->key), *m, *role, *text;
	char where[40];
	enum role r;
	size_t i;

	if (!json_is_array(all))
		return fault(l->fault, "\"%s\" is %s", s->key, all ? "not an array" : "missing");
	json_array_foreach(all, i, m)
	{
		snprintf(where, sizeof where, "%s[%zu]: ", s->key, i);
		if (!json_is_object(m))
			return fault(l->fault, "%snot an object", where);
		if (!(role = text_at(m, s->role, where, l->fault)) ||
		    !(text = text_at(m, s->text, where, l->fault)))
			return -1;
		if (role_of(json_string_value(role), &r))
			return fault(l->fault, "%sunknown role \"%.60s\"", where,
			             json_string_value(role));
		dialogue_add(l->d, r, json_string_value(text), json_string_length(text));
	}
	return 0;
}

/* The first "\n\nHuman:" or "\n\nAssistant:" at or after p, or end, where a NUL is. */
static const char *next_mark(const char *p, const char *end, enum role *role, size_t *n)
{
	for (; (p = strstr(p, "\n\n")); p++) {
		for (int i = 0; i < 2; i++) {
			const char *mark = i ? assistant : human;

			*n = strlen(mark);
			if ((size_t)(end - p) >= *n && !memcmp(p, mark, *n)) {
				*role = i ? ROLE_ASSISTANT : ROLE_USER;
				return p;
			}
		}
	}
	return end;
}

/* HH's dialogue: each turn behind its mark and, mostly, one space. */
static int dialogue(struct turns *l, const json_t *text)
{
	const char *p = json_string_value(text), *end = p + json_string_length(text), *next;
	enum role role = ROLE_USER, after = ROLE_USER;
	size_t n = 0;

	if (next_mark(p, end, &role, &n) != p || p == end)
		return fault(l->fault, "the dialogue does not begin with \"\\n\\nHuman:\"");
	for (; p < end; p = next, role = after) {
		p += n;
		p += p < end && *p == ' ';
		next = next_mark(p, end, &after, &n);
		dialogue_add(l->d, role, p, next - p);
	}
	return 0;
}

static int hh(struct turns *l, const struct schema *s, const json_t *row)
{
	const char *key = json_object_get(row, s->prompt) ? s->prompt : s->answer;
	const json_t *text = text_at(row, key, "", l->fault);
	const struct turn *last;

	if (!text)
		return -1;
	if (key == s->prompt && strncmp(json_string_value(text), human, strlen(human)))
		return texts(l, s, row);
	if (dialogue(l, text))
		return -1;
	if (key == s->answer)
		return 0;
	last = &l->d->turn[l->d->n - 1];
	l->d->n -= last->role == ROLE_ASSISTANT && !last->n;
	return l->need_answer ? add_key(l, ROLE_ASSISTANT, row, s->answer) : 0;
}

/* NULL: no schema is named, and the row has no schema's key. */
static const struct schema *schema_of(const char *name, const json_t *row)
{
	for (const struct schema *s = schemas; s->name; s++)
		if (name ? !strcmp(s->name, name) : json_object_get(row, s->key) != NULL)
			return s;
	assert(!name); /* the options offer no other */
	return NULL;
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

static int read_turns(struct turns *l, const struct schema_opts *o, const json_t *row)
{
	const struct schema *s = schema_of(o->schema, row);

	if (o->text)
		return add_key(l, ROLE_TEXT, row, o->text);
	if (o->prompt_key)
		return texts(l, &(struct schema){.prompt = o->prompt_key, .answer = o->answer_key},
		             row);
	if (!s)
		return unknown(row, l->fault);
	return (s->role ? array : s->dialogue ? hh : texts)(l, s, row);
}

static int is_empty(const struct turn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strchr(" \t\r\n", t->text[i]))
			return 0;
	return 1;
}

int schema_turns(const struct schema_opts *o, const json_t *row, int need_answer,
                 struct dialogue *d, struct fault *f)
{
	struct turns l = {d, need_answer, f};
	struct turn *last;

	if (read_turns(&l, o, row))
		return SCHEMA_BAD;
	last = d->n ? &d->turn[d->n - 1] : NULL;
	if (!last)
		return fault(f, "no turns");
	if (need_answer && last->role != ROLE_TEXT && last->role != ROLE_ASSISTANT)
		return fault(f, "the last turn is not the assistant's");
	if (need_answer && is_empty(last)) {
		fault(f, "empty %s", last->role == ROLE_TEXT ? "text" : "answer");
		return SCHEMA_EMPTY;
	}
	if (!need_answer && last->role == ROLE_ASSISTANT)
		d->n--;
	if (!d->n || (!need_answer && d->turn[d->n - 1].role == ROLE_SYSTEM))
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
