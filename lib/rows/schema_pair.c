/* SPDX-License-Identifier: MIT */
/* schema_pair.c - a prompt and its answer, each text or a list of turns, and what goes before. */
#include <string.h>

#include "schema_in.h"

static const char human[] = "\n\nHuman:", assistant[] = "\n\nAssistant:";

/* Keys that hold a prompt or a part of it, and such that hold an answer. */
static const char *const asking[] = {"prompt",  "instruction", "query",   "question",
                                     "input",   "context",     "article", "passage",
                                     "choices", "options",     NULL};
static const char *const answering[] = {"completion", "response", "output", NULL};

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

static int is_dialogue(const json_t *text)
{
	return json_is_string(text) && !strncmp(json_string_value(text), human, strlen(human));
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

/* "history": [[prompt, answer], ...], or turns. */
static int history(struct turns *l, const json_t *row)
{
	const json_t *all = json_object_get(row, "history"), *v;
	size_t i;

	if (!schema_holds(row, "history"))
		return 0;
	if (!json_is_array(all))
		return fault(l->fault, "\"history\" is not an array");
	if (json_is_object(json_array_get(all, 0)))
		return schema_messages(l, all, "history");
	json_array_foreach(all, i, v)
	{
		const json_t *prompt = json_array_get(v, 0), *answer = json_array_get(v, 1);

		if (json_array_size(v) != 2 || !json_is_string(prompt) || !json_is_string(answer))
			return fault(l->fault, "history[%zu] is not a prompt and its answer", i);
		schema_add(l, ROLE_USER, prompt);
		schema_add(l, ROLE_ASSISTANT, answer);
	}
	return 0;
}

/* What the model is asked to work on, or NULL: Alpaca calls it input, Dolly context. */
static int find_input(struct turns *l, const json_t *row, const json_t **input)
{
	static const char *const keys[] = {"input", "context"};

	*input = NULL;
	for (int i = 0; i < 2 && !json_string_length(*input); i++)
		if (schema_has(row, keys[i]) && !(*input = schema_text(row, keys[i], "", l->fault)))
			return -1;
	return 0;
}

/* ... stands behind the instruction. */
static const json_t *with_input(struct turns *l, const json_t *text, const json_t *input)
{
	struct buf b = {0};

	if (!json_string_length(input))
		return text;
	if (!json_string_length(text))
		return input;
	buf_add(&b, json_string_value(text), json_string_length(text));
	buf_str(&b, "\n");
	buf_add(&b, json_string_value(input), json_string_length(input));
	text = dialogue_own(l->d, json_stringn(b.p, b.n));
	buf_free(&b);
	return text;
}

/* All text in the value stands in this text. */
static int within(const json_t *v, const char *text)
{
	const char *key;
	json_t *of;
	size_t i;

	if (json_is_string(v))
		return strstr(text, json_string_value(v)) != NULL;
	for (i = 0; i < json_array_size(v); i++)
		if (!within(json_array_get(v, i), text))
			return 0;
	json_object_foreach((json_t *)v, key, of)
	{
		if (!within(of, text))
			return 0;
	}
	return 1;
}

/* What other keys that mean the same hold is a part of the text that is taken, or holds it. */
static int agree(struct turns *l, const json_t *row, const char *const keys[], const char *key,
                 const json_t *text)
{
	const char *taken = json_string_value(text);

	for (; *keys; keys++) {
		const json_t *other = json_object_get(row, *keys);
		const char *whole = json_string_value(other);

		if (!within(other, taken) && !(whole && *taken && strstr(whole, taken)))
			return fault(l->fault,
			             "\"%s\" and \"%s\" say different things, and only one is used "
			             "(--schema names it)",
			             key, *keys);
	}
	return 0;
}

static int prompt(struct turns *l, const json_t *row, const struct pair *p)
{
	const json_t *v = json_object_get(row, p->prompt), *input = NULL;
	struct dialogue *d = l->d;

	if (json_is_array(v))
		return schema_messages(l, v, p->prompt);
	if (!(v = schema_text(row, p->prompt, "", l->fault)))
		return -1;
	if (p->hh && is_dialogue(v)) {
		if (dialogue(l, v))
			return -1;
		d->n -= d->turn[d->n - 1].role == ROLE_ASSISTANT && !d->turn[d->n - 1].n;
		return 0;
	}
	if (p->input && find_input(l, row, &input))
		return -1;
	l->asked = with_input(l, v, input);
	schema_add(l, ROLE_USER, l->asked);
	return 0;
}

static int same_turns(const struct turn a[], const struct turn b[], int n)
{
	for (int i = 0; i < n; i++)
		if (a[i].role != b[i].role || a[i].n != b[i].n ||
		    memcmp(a[i].text, b[i].text, a[i].n))
			return 0;
	return 1;
}

/* The turns from `n` on begin with a user's or a system's: they are the whole dialogue, where a
 * prompt that is text stands for its beginning, and a prompt of turns is its beginning. */
static int whole(struct turns *l, int n, const char *key)
{
	struct dialogue *d = l->d;
	int text = n == 1 && !d->turn[0].message;

	if (!n)
		return 0;
	if (text || (d->n - n >= n && same_turns(d->turn, d->turn + n, n))) {
		memmove(d->turn, d->turn + n, (d->n - n) * sizeof *d->turn);
		d->n -= n;
		l->asked = NULL;
		return 0;
	}
	if (d->turn[n].role == ROLE_SYSTEM || d->turn[n - 1].role == ROLE_USER)
		return fault(l->fault, "\"%s\" neither answers the prompt nor begins with it", key);
	return 0;
}

int schema_answer(struct turns *l, const json_t *row, const struct pair *p)
{
	const json_t *v = json_object_get(row, p->answer);
	struct dialogue *d = l->d;
	char where[80];
	int n = d->n;

	if (p->hh && (is_dialogue(v) || (!p->prompt && json_is_string(v)))) {
		d->n = 0;
		l->asked = NULL;
		return dialogue(l, v);
	}
	if (json_is_array(v) || (json_is_object(v) && !json_why_unread(v))) {
		snprintf(where, sizeof where, "%.60s: ", p->answer);
		l->calls = NULL;
		if (json_is_array(v) ? schema_messages(l, v, p->answer)
		                     : schema_message(l, v, where))
			return -1;
		if (d->n > n && d->turn[n].role != ROLE_ASSISTANT && d->turn[n].role != ROLE_TOOL)
			return whole(l, n, p->answer);
		d->n = l->need_answer ? d->n : n;
		return 0;
	}
	if (!l->need_answer && p->prompt)
		return 0;
	if (!(v = schema_text(row, p->answer, "", l->fault)))
		return -1;
	schema_add(l, ROLE_ASSISTANT, v);
	return p->recognised ? agree(l, row, answering, p->answer, v) : 0;
}

int schema_pair(struct turns *l, const json_t *row, const struct pair *p)
{
	if (history(l, row) || (p->prompt && prompt(l, row, p)) ||
	    (p->answer && schema_answer(l, row, p)))
		return -1;
	return p->recognised && l->asked ? agree(l, row, asking, p->prompt, l->asked) : 0;
}
