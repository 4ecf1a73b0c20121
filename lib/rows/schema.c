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
	struct turn *turn; /* [TURNS_MOST] */
	int n;
	int need_answer;
	struct buf *own; /* text that no value of the row holds as it is */
	struct fault *fault;
};

static int add(struct turns *l, enum role role, const char *text, size_t n)
{
	if (l->n == TURNS_MOST)
		return fault(l->fault, "more than %d turns", TURNS_MOST);
	l->turn[l->n++] = (struct turn){role, text, n};
	return 0;
}

/* object[key] as text; where: "" or "messages[2]: ". */
static const json_t *text_at(const json_t *object, const char *key, const char *where,
                             struct fault *f)
{
	const json_t *v = json_object_get(object, key);
	const char *why = json_why_unread(v);

	if (!v)
		fault(f, "%s\"%.60s\" is missing", where, key);
	else if (!json_is_string(v))
		fault(f, "%s\"%.60s\" %s", where, key, why ? why : "is not text");
	return json_is_string(v) ? v : NULL;
}

static int add_key(struct turns *l, enum role role, const json_t *row, const char *key)
{
	const json_t *v = text_at(row, key, "", l->fault);

	return v ? add(l, role, json_string_value(v), json_string_length(v)) : -1;
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
	const json_t *input = text_at(row, key, "", l->fault);
	size_t at = l->own->n;

	if (!input)
		return -1;
	if (!json_string_length(input))
		return 0;
	buf_add(l->own, user->text, user->n);
	buf_str(l->own, "\n");
	buf_add(l->own, json_string_value(input), json_string_length(input));
	user->text = l->own->p + at;
	user->n = l->own->n - at;
	return 0;
}

/* A text under each key.  An empty system prompt is none. */
static int texts(struct turns *l, const struct schema *s, const json_t *row)
{
	struct turn *user;

	if (has(row, s->system) && add_key(l, ROLE_SYSTEM, row, s->system))
		return -1;
	if (l->n && !l->turn[0].n)
		l->n = 0;
	user = &l->turn[l->n];
	if (add_key(l, ROLE_USER, row, s->prompt) ||
	    (l->need_answer && add_key(l, ROLE_ASSISTANT, row, s->answer)))
		return -1;
	return has(row, s->input) ? append_input(l, user, row, s->input) : 0;
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
		if (add(l, r, json_string_value(text), json_string_length(text)))
			return -1;
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
		if (add(l, role, p, next - p))
			return -1;
	}
	return 0;
}

static int hh(struct turns *l, const struct schema *s, const json_t *row)
{
	const char *key = json_object_get(row, s->prompt) ? s->prompt : s->answer;
	const json_t *text = text_at(row, key, "", l->fault);

	if (!text)
		return -1;
	if (key == s->prompt && strncmp(json_string_value(text), human, strlen(human)))
		return texts(l, s, row);
	if (dialogue(l, text))
		return -1;
	if (key == s->answer)
		return 0;
	l->n -= l->turn[l->n - 1].role == ROLE_ASSISTANT && !l->turn[l->n - 1].n;
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
                 struct turn turn[TURNS_MOST], int *n, struct buf *own, struct fault *f)
{
	struct turns l = {turn, 0, need_answer, own, f};
	struct turn *last;

	if (read_turns(&l, o, row))
		return SCHEMA_BAD;
	last = l.n ? &turn[l.n - 1] : NULL;
	if (!last)
		return fault(f, "no turns");
	if (need_answer && last->role != ROLE_TEXT && last->role != ROLE_ASSISTANT)
		return fault(f, "the last turn is not the assistant's");
	if (need_answer && is_empty(last)) {
		fault(f, "empty %s", last->role == ROLE_TEXT ? "text" : "answer");
		return SCHEMA_EMPTY;
	}
	if (!need_answer && last->role == ROLE_ASSISTANT)
		l.n--;
	if (!l.n || (!need_answer && turn[l.n - 1].role == ROLE_SYSTEM))
		return fault(f, "no prompt");
	*n = l.n;
	return 0;
}

const char *schema_instruction(const struct turn turn[], int n, size_t *bytes)
{
	for (int i = n - 1; i >= 0; i--)
		if (turn[i].role == ROLE_USER || turn[i].role == ROLE_TEXT) {
			*bytes = turn[i].n;
			return turn[i].text;
		}
	*bytes = 0;
	return "";
}
