/* SPDX-License-Identifier: MIT */
/* template_written.c - does a chat template write all that a row says?
 *
 * A template may have no place for a tool's turn, a second system prompt, calls of tools, or
 * reasoning, and then nothing in its text tells that they were there.  Nor can they be looked for
 * in the text, where other words may be equal to them.  So the dialogue is written a second time,
 * with words in the place of its texts and names that stand nowhere else: a word that is missing
 * then is a text that was left out.
 */
#include <stdio.h>

#include "template_in.h"

/* Whether there is something to look for: a text of white space is mostly trimmed away. */
static int says(const json_t *v)
{
	const char *s = json_string_value(v);

	return s && s[strspn(s, " \t\r\n")];
}

static void put_word(json_t *object, const char *key, int turn, const char *what, size_t part)
{
	char word[64];

	snprintf(word, sizeof word, "sealword%d%s%zu", turn, what, part);
	json_object_set_new(object, key, json_string(word));
}

/* The object that has the name of a tool or of a call. */
static json_t *named(json_t *o)
{
	json_t *function = json_object_get(o, "function");

	return function ? function : o;
}

static void name_all(json_t *list, int turn, const char *what)
{
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o) put_word(named(o), "name", turn, what, i);
}

void written_words(json_t *messages, json_t *tools)
{
	static const char *const thoughts[] = {"reasoning_content", "reasoning", "thinking"};
	size_t i, k;
	json_t *m, *part;

	name_all(tools, -1, "tool");
	json_array_foreach(messages, i, m)
	{
		json_t *content = json_object_get(m, "content");

		if (says(content))
			put_word(m, "content", (int)i, "text", 0);
		json_array_foreach(content, k, part)
		{
			if (says(json_object_get(part, "text")))
				put_word(part, "text", (int)i, "text", k);
		}
		name_all(json_object_get(m, "tool_calls"), (int)i, "call");
		for (int t = 0; t < 3; t++)
			if (json_object_get(m, thoughts[t]))
				put_word(m, thoughts[t], (int)i, "thought", 0);
	}
}

static int has(const struct buf *text, const json_t *word)
{
	const char *s = json_string_value(word);

	return !s || memmem(text->p, text->n, s, strlen(s));
}

static int has_names(const struct buf *text, json_t *list)
{
	size_t i;
	json_t *o;

	json_array_foreach(list, i, o)
	{
		if (!has(text, json_object_get(named(o), "name")))
			return 0;
	}
	return 1;
}

/* White space was left as it is, and is not looked for. */
static int has_content(const struct buf *text, const json_t *content)
{
	size_t i;
	json_t *part;

	json_array_foreach(content, i, part)
	{
		if (says(json_object_get(part, "text")) &&
		    !has(text, json_object_get(part, "text")))
			return 0;
	}
	return !says(content) || has(text, content);
}

int written_check(const struct buf *text, const json_t *messages, const json_t *tools,
                  const int trained[], const char **left_out, struct fault *f)
{
	static const char *const lost[] =
		{"the text of a system turn, for which the chat template has no place,",
	         "the text of a user's turn, for which the chat template has no place,",
	         "the text of an earlier answer, for which the chat template has no place,",
	         "the text of a tool's turn, for which the chat template has no place,"};
	size_t i;
	json_t *m;

	if (!has_names(text, (json_t *)tools))
		return fault(f, "the chat template does not write \"tools\"");
	json_array_foreach(messages, i, m)
	{
		const char *role = json_text(m, "role", "");

		if (!has_names(text, json_object_get(m, "tool_calls")))
			return fault(f, "the chat template does not write \"tool_calls\"");
		if (trained[i] && !has(text, json_object_get(m, "reasoning_content")))
			return fault(f, "the chat template does not write \"reasoning_content\"");
		if (has_content(text, json_object_get(m, "content")))
			continue;
		if (trained[i])
			return fault(f, "the chat template does not write an answer's text");
		*left_out = lost[*role == 'u' ? 1 : *role == 'a' ? 2 : *role == 't' ? 3 : 0];
	}
	return 0;
}
