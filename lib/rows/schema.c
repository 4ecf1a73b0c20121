/* SPDX-License-Identifier: MIT */
/* schema.c - see schema.h.
 *
 * A schema is a row of a table: its name, the key by which it is recognised, and a function
 * that reads its turns.  Adding one takes such a row, its name among the choices of --schema,
 * and a paragraph in seal-rows(5): CONTRIBUTING.md has an example.
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

	if (!v)
		fault(f, "%s\"%.60s\" is missing", where, key);
	else if (!json_is_string(v))
		fault(f, "%s\"%.60s\" is not text", where, key);
	return json_is_string(v) ? v : NULL;
}

static int add_key(struct turns *l, enum role role, const json_t *row, const char *key)
{
	const json_t *v = text_at(row, key, "", l->fault);

	return v ? add(l, role, json_string_value(v), json_string_length(v)) : -1;
}

/* A prompt key and an answer key, the latter only where an answer is needed. */
static int pair(struct turns *l, const json_t *row, const char *prompt, const char *answer)
{
	if (add_key(l, ROLE_USER, row, prompt))
		return -1;
	return l->need_answer ? add_key(l, ROLE_ASSISTANT, row, answer) : 0;
}

static int prompt(struct turns *l, const json_t *row)
{
	return pair(l, row, "prompt", "completion");
}

static int role_of(const char *name, enum role *role)
{
	static const struct {
		const char *name;
		enum role role;
	} names[] = {
		{"system", ROLE_SYSTEM}, {"user", ROLE_USER},     {"assistant", ROLE_ASSISTANT},
		{"human", ROLE_USER},    {"gpt", ROLE_ASSISTANT},
	};

	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		if (!strcmp(name, names[i].name)) {
			*role = names[i].role;
			return 0;
		}
	return -1;
}

/* Turns as an array of objects: the key that holds it, and those of a turn's role and text. */
static int array(struct turns *l, const json_t *row, const char *key, const char *role_key,
                 const char *text_key)
{
	const json_t *all = json_object_get(row, key), *m, *role, *text;
	char where[40];
	enum role r;
	size_t i;

	if (!json_is_array(all))
		return fault(l->fault, "\"%s\" is %s", key, all ? "not an array" : "missing");
	json_array_foreach(all, i, m)
	{
		snprintf(where, sizeof where, "%s[%zu]: ", key, i);
		if (!json_is_object(m))
			return fault(l->fault, "%snot an object", where);
		if (!(role = text_at(m, role_key, where, l->fault)) ||
		    !(text = text_at(m, text_key, where, l->fault)))
			return -1;
		if (role_of(json_string_value(role), &r))
			return fault(l->fault, "%sunknown role \"%.60s\"", where,
			             json_string_value(role));
		if (add(l, r, json_string_value(text), json_string_length(text)))
			return -1;
	}
	return 0;
}

static int messages(struct turns *l, const json_t *row)
{
	return array(l, row, "messages", "role", "content");
}

static int sharegpt(struct turns *l, const json_t *row)
{
	return array(l, row, "conversations", "from", "value");
}

/* An empty system prompt is none. */
static int orca(struct turns *l, const json_t *row)
{
	const json_t *system = json_object_get(row, "system_prompt");

	if (system && !json_is_null(system) && add_key(l, ROLE_SYSTEM, row, "system_prompt"))
		return -1;
	if (l->n && !l->turn[0].n)
		l->n = 0;
	return pair(l, row, "question", "response");
}

static int alpaca(struct turns *l, const json_t *row)
{
	const json_t *input = json_object_get(row, "input");
	struct buf *own = l->own;
	size_t at = own->n;

	if (pair(l, row, "instruction", "output"))
		return -1;
	if (!input || json_is_null(input))
		return 0;
	if (!(input = text_at(row, "input", "", l->fault)))
		return -1;
	if (!json_string_length(input))
		return 0;
	buf_add(own, l->turn[0].text, l->turn[0].n);
	buf_str(own, "\n");
	buf_add(own, json_string_value(input), json_string_length(input));
	l->turn[0].text = own->p + at;
	l->turn[0].n = own->n - at;
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

static int hh(struct turns *l, const json_t *row)
{
	const json_t *prompt = json_object_get(row, "prompt"), *chosen;

	if (!prompt) {
		chosen = text_at(row, "chosen", "", l->fault);
		return chosen ? dialogue(l, chosen) : -1;
	}
	if (!(prompt = text_at(row, "prompt", "", l->fault)))
		return -1;
	if (strncmp(json_string_value(prompt), human, strlen(human)))
		return pair(l, row, "prompt", "chosen");
	if (dialogue(l, prompt))
		return -1;
	l->n -= l->turn[l->n - 1].role == ROLE_ASSISTANT && !l->turn[l->n - 1].n;
	return l->need_answer ? add_key(l, ROLE_ASSISTANT, row, "chosen") : 0;
}

/* A row that has a schema's key is of that schema; of the first such one, if of several. */
static const struct schema {
	const char *name, *key;
	int (*read)(struct turns *, const json_t *row); /* -1 with a fault */
} schemas[] = {
	{"messages", "messages", messages},
	{"sharegpt", "conversations", sharegpt},
	{"hh", "chosen", hh},
	{"alpaca", "instruction", alpaca},
	{"orca", "system_prompt", orca},
	{"prompt", "prompt", prompt},
	{0},
};

static const struct schema *named(const char *name)
{
	const struct schema *s = schemas;

	while (s->name && strcmp(s->name, name))
		s++;
	assert(s->name); /* the options offer no other */
	return s;
}

static const struct schema *recognise(const json_t *row)
{
	for (const struct schema *s = schemas; s->name; s++)
		if (json_object_get(row, s->key))
			return s;
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
	const struct schema *s;

	if (o->text)
		return add_key(l, ROLE_TEXT, row, o->text);
	if (o->prompt_key)
		return pair(l, row, o->prompt_key, o->answer_key);
	s = o->schema ? named(o->schema) : recognise(row);
	return s ? s->read(l, row) : unknown(row, l->fault);
}

static int is_empty(const struct turn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strchr(" \t\r\n", t->text[i]))
			return 0;
	return 1;
}

/* A fault that is a class of its own among the fates. */
static int empty(const char *what, struct fault *f)
{
	fault(f, "empty %s", what);
	return SCHEMA_EMPTY;
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
	if (last->role == ROLE_TEXT) {
		if (need_answer && is_empty(last))
			return empty("text", f);
	} else if (need_answer) {
		if (last->role != ROLE_ASSISTANT)
			return fault(f, "the last turn is not the assistant's");
		if (is_empty(last))
			return empty("answer", f);
	} else if (last->role == ROLE_ASSISTANT) {
		l.n--;
	}
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
