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

static size_t trimmed(const char **text, size_t n)
{
	for (; n && strchr(" \t\r\n", **text); n--)
		++*text;
	while (n && strchr(" \t\r\n", (*text)[n - 1]))
		n--;
	return n;
}

static int is_word(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

/* The part stands in the text, and not inside a word: "no" is not said by "know". */
static int says(const struct buf *text, const char *part, size_t n)
{
	const char *at = text->p, *end = text->p + text->n;

	n = trimmed(&part, n);
	if (!n)
		return 1;
	for (; (at = memmem(at, end - at, part, n)); at++)
		if (!(at > text->p && is_word(at[-1]) && is_word(at[0])) &&
		    !(at + n < end && is_word(at[n - 1]) && is_word(at[n])))
			return 1;
	return 0;
}

/* All texts and numbers in the value stand in this text. */
static int within(const json_t *v, const struct buf *text)
{
	struct buf number = {0};
	const char *key;
	json_t *of;
	size_t i;
	int said;

	if (json_is_string(v))
		return says(text, json_string_value(v), json_string_length(v));
	if (json_is_number(v)) {
		json_put(&number, v);
		said = says(text, number.p, number.n);
		buf_free(&number);
		return said;
	}
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

/* Whatever other keys that mean the same as this one hold is a part of what is taken: of the
 * assistant's turns from `from` on, or of all others. */
static int agree(struct turns *l, const json_t *row, const char *const keys[], const char *key,
                 int answers, int from)
{
	struct buf taken = {0};
	const struct turn *t;

	buf_str(&taken, "");
	for (int i = from; i < l->d->n; i++) {
		t = &l->d->turn[i];
		if ((t->role == ROLE_ASSISTANT) != answers)
			continue;
		buf_add(&taken, t->text, t->n);
		buf_str(&taken, "\n");
	}
	for (; *keys; keys++)
		if (strcmp(*keys, key) && !within(json_object_get(row, *keys), &taken))
			break;
	buf_free(&taken);
	return *keys ? fault(l->fault,
	                     "\"%s\" and \"%s\" say different things, and only one is used "
	                     "(--schema names it)",
	                     key, *keys)
	             : 0;
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
	schema_add(l, ROLE_USER, with_input(l, v, input));
	return 0;
}

/* White space at the ends does not matter. */
static int same_text(const struct turn *a, const struct turn *b)
{
	const char *x = a->text, *y = b->text;
	size_t n = trimmed(&x, a->n);

	return n == trimmed(&y, b->n) && !memcmp(x, y, n);
}

static int same_turns(const struct turn a[], const struct turn b[], int n)
{
	for (int i = 0; i < n; i++)
		if (a[i].role != b[i].role || !same_text(&a[i], &b[i]))
			return 0;
	return 1;
}

/* A dialogue of n turns begins with the prompt: with the same turns, and where the prompt is a
 * text, a system's turn may stand before it.  An empty text is the beginning of all. */
static int begins_with(const struct turn dialogue[], int n, const struct turn prompt[], int prompts)
{
	if (prompts == 1 && prompt->role == ROLE_USER && !prompt->message) {
		if (!prompt->n)
			return 1;
		while (n && dialogue->role == ROLE_SYSTEM)
			dialogue++, n--;
	}
	return n >= prompts && same_turns(dialogue, prompt, prompts);
}

/* The turns from `n` on begin with a user's or a system's: they are the whole dialogue, of which
 * the prompt is the beginning, or they follow an answer. */
static int whole(struct turns *l, int n, const char *key)
{
	struct dialogue *d = l->d;

	if (!n)
		return 0;
	if (begins_with(d->turn + n, d->n - n, d->turn, n)) {
		memmove(d->turn, d->turn + n, (d->n - n) * sizeof *d->turn);
		d->n -= n;
		return 0;
	}
	if (d->turn[n].role == ROLE_SYSTEM || d->turn[n - 1].role == ROLE_USER)
		return fault(l->fault, "\"%s\" neither answers the prompt nor begins with it", key);
	return 0;
}

/* An answer that is a turn, or several. */
static int answer_turns(struct turns *l, const json_t *v, const char *key)
{
	char where[80];

	if (json_is_array(v))
		return schema_messages(l, v, key);
	snprintf(where, sizeof where, "%.60s: ", key);
	l->calls = NULL;
	return schema_message(l, v, where);
}

int schema_answer(struct turns *l, const json_t *row, const struct pair *p)
{
	const json_t *v = json_object_get(row, p->answer);
	struct dialogue *d = l->d;
	int n = d->n, hh = p->hh && (is_dialogue(v) || (!p->prompt && json_is_string(v)));

	if (hh || json_is_array(v) || (json_is_object(v) && !json_why_unread(v))) {
		if (hh ? dialogue(l, v) : answer_turns(l, v, p->answer))
			return -1;
		if (d->n > n && d->turn[n].role != ROLE_ASSISTANT && d->turn[n].role != ROLE_TOOL) {
			if (whole(l, n, p->answer))
				return -1;
			n = 0;
		} else if (!l->need_answer) {
			d->n = n;
		}
	} else if (l->need_answer || !p->prompt) {
		if (!(v = schema_text(row, p->answer, "", l->fault)))
			return -1;
		schema_add(l, ROLE_ASSISTANT, v);
	}
	return p->recognised && l->need_answer ? agree(l, row, answering, p->answer, 1, n) : 0;
}

int schema_pair(struct turns *l, const json_t *row, const struct pair *p)
{
	if (history(l, row) || (p->prompt && prompt(l, row, p)) ||
	    (p->answer && schema_answer(l, row, p)))
		return -1;
	return p->recognised ? agree(l, row, asking, p->prompt ? p->prompt : p->answer, 0, 0) : 0;
}
