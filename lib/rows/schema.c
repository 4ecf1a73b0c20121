/* SPDX-License-Identifier: MIT */
/* schema.c - see schema.h. */
#include "schema.h"

#include <string.h>

static const char human[] = "\n\nHuman:", assistant[] = "\n\nAssistant:";

struct list {
	struct turn *turn;
	int n;
	struct fault *fault;
};

static int add(struct list *l, enum role role, const char *text, size_t n)
{
	if (l->n == TURNS)
		return fault(l->fault, "more than %d turns", TURNS);
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

static int add_key(struct list *l, enum role role, const json_t *row, const char *key)
{
	const json_t *v = text_at(row, key, "", l->fault);

	return v ? add(l, role, json_string_value(v), json_string_length(v)) : -1;
}

/* A prompt key and an answer key, the latter only where an answer is needed. */
static int pair(struct list *l, const json_t *row, const char *prompt, const char *answer, int need)
{
	if (add_key(l, ROLE_USER, row, prompt))
		return -1;
	return need ? add_key(l, ROLE_ASSISTANT, row, answer) : 0;
}

/* Turns as an array of objects: which key holds it, and which hold role and text. */
struct array {
	const char *key, *role, *text;
};

static const struct array messages = {"messages", "role", "content"};
static const struct array sharegpt = {"conversations", "from", "value"};

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

static int array(struct list *l, const json_t *row, const struct array *a)
{
	const json_t *all = json_object_get(row, a->key), *m, *role, *content;
	char where[40];
	enum role r;
	size_t i;

	if (!json_is_array(all))
		return fault(l->fault, "\"%s\" is %s", a->key, all ? "not an array" : "missing");
	json_array_foreach(all, i, m)
	{
		snprintf(where, sizeof where, "%s[%zu]: ", a->key, i);
		if (!json_is_object(m))
			return fault(l->fault, "%snot an object", where);
		if (!(role = text_at(m, a->role, where, l->fault)) ||
		    !(content = text_at(m, a->text, where, l->fault)))
			return -1;
		if (role_of(json_string_value(role), &r))
			return fault(l->fault, "%sunknown role \"%.60s\"", where,
			             json_string_value(role));
		if (add(l, r, json_string_value(content), json_string_length(content)))
			return -1;
	}
	return 0;
}

/* An empty system prompt is none. */
static int orca(struct list *l, const json_t *row, int need)
{
	const json_t *system = json_object_get(row, "system_prompt");

	if (system && !json_is_null(system) && add_key(l, ROLE_SYSTEM, row, "system_prompt"))
		return -1;
	if (l->n && !l->turn[0].n)
		l->n = 0;
	return pair(l, row, "question", "response", need);
}

static int alpaca(struct list *l, const json_t *row, int need, struct buf *own)
{
	const json_t *input = json_object_get(row, "input");
	size_t at = own->n;

	if (pair(l, row, "instruction", "output", need))
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
static int dialogue(struct list *l, const json_t *text)
{
	const char *p = json_string_value(text), *end = p + json_string_length(text), *next;
	enum role role = ROLE_USER, after = ROLE_USER;
	size_t n;

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

static int hh(struct list *l, const json_t *row, int need)
{
	const json_t *prompt = json_object_get(row, "prompt"), *chosen;

	if (!prompt) {
		chosen = text_at(row, "chosen", "", l->fault);
		return chosen ? dialogue(l, chosen) : -1;
	}
	if (!(prompt = text_at(row, "prompt", "", l->fault)))
		return -1;
	if (strncmp(json_string_value(prompt), human, strlen(human)))
		return pair(l, row, "prompt", "chosen", need);
	if (dialogue(l, prompt))
		return -1;
	l->n -= l->turn[l->n - 1].role == ROLE_ASSISTANT && !l->turn[l->n - 1].n;
	return need ? add_key(l, ROLE_ASSISTANT, row, "chosen") : 0;
}

/* The schema that the row's keys speak of, or NULL. */
static const char *recognise(const json_t *row)
{
	static const char *const key_of[][2] = {
		{"messages", "messages"},  {"conversations", "sharegpt"}, {"chosen", "hh"},
		{"instruction", "alpaca"}, {"system_prompt", "orca"},     {"prompt", "prompt"},
	};

	for (size_t i = 0; i < sizeof key_of / sizeof *key_of; i++)
		if (json_object_get(row, key_of[i][0]))
			return key_of[i][1];
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

static int read_turns(struct list *l, const struct schema_opts *o, const json_t *row, int need,
                      struct buf *own)
{
	const char *schema = o->schema ? o->schema : recognise(row);

	if (o->text)
		return add_key(l, ROLE_TEXT, row, o->text);
	if (o->prompt_key)
		return pair(l, row, o->prompt_key, o->answer_key, need);
	if (!schema)
		return unknown(row, l->fault);
	if (!strcmp(schema, "messages"))
		return array(l, row, &messages);
	if (!strcmp(schema, "sharegpt"))
		return array(l, row, &sharegpt);
	if (!strcmp(schema, "orca"))
		return orca(l, row, need);
	if (!strcmp(schema, "alpaca"))
		return alpaca(l, row, need, own);
	if (!strcmp(schema, "hh"))
		return hh(l, row, need);
	return pair(l, row, "prompt", "completion", need);
}

static int is_empty(const struct turn *t)
{
	for (size_t i = 0; i < t->n; i++)
		if (!strchr(" \t\r\n", t->text[i]))
			return 0;
	return 1;
}

int schema_turns(const struct schema_opts *o, const json_t *row, int need_answer,
                 struct turn turn[TURNS], int *n, struct buf *own, struct fault *f)
{
	struct list l = {turn, 0, f};
	struct turn *last;

	if (read_turns(&l, o, row, need_answer, own))
		return -1;
	last = l.n ? &turn[l.n - 1] : NULL;
	if (!last)
		return fault(f, "no turns");
	if (last->role == ROLE_TEXT) {
		if (need_answer && is_empty(last))
			return fault(f, "empty text");
	} else if (need_answer) {
		if (last->role != ROLE_ASSISTANT)
			return fault(f, "the last turn is not the assistant's");
		if (is_empty(last))
			return fault(f, "empty answer");
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
