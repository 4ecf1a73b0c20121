/* SPDX-License-Identifier: MIT */
/* template_vars.c - a dialogue as the variables that a chat template is given.
 *
 * They are what transformers' apply_chat_template is called with: messages as objects with all
 * their keys, tools, documents, and variables of the row's own.
 */
#include <strings.h>

#include "template_in.h"

static int is_text(const json_t *v, const char *want)
{
	return json_is_string(v) && !strcasecmp(json_string_value(v), want);
}

/* A turn's content: its parts where the template asks for parts, its text else; NULL: as it is. */
static json_t *content_of(const struct turn *t, int parts)
{
	const json_t *own = json_object_get(t->message, "content");
	json_t *text = json_stringn(t->text, t->n);

	if (parts && !json_is_array(own) && (own || !t->message))
		return json_pack("[{s:s, s:o}]", "type", "text", "text", text);
	if (!t->message || json_object_get(t->message, "value") || (json_is_array(own) && !parts))
		return text;
	json_decref(text);
	return NULL;
}

/* Somewhere in it is a value that JSON or a text cannot hold; NULL: there is none. */
static const char *unread_in(const json_t *v)
{
	const char *why = json_why_unread(v), *key;
	json_t *item;
	size_t i;

	json_array_foreach(v, i, item) { why = why ? why : unread_in(item); }
	json_object_foreach((json_t *)v, key, item) { why = why ? why : unread_in(item); }
	return why;
}

int chat_check(const struct dialogue *d, const char *source, struct fault *f)
{
	const json_t *beside[] = {d->tools, d->documents, d->variables};
	const char *why = NULL, *key;
	json_t *v;

	for (int i = 0; i < 3; i++)
		why = why ? why : unread_in(beside[i]);
	for (int i = 0; i < d->n; i++)
		json_object_foreach((json_t *)d->turn[i].message, key, v)
		{
			if (!why && strstr(source, key))
				why = unread_in(v);
		}
	return why ? fault(f, "what the chat template is given %s", why) : 0;
}

/* As transformers has it, the one that is there stands under both names. */
static void alias_reasoning(json_t *m)
{
	static const char *const names[] = {"reasoning_content", "thinking", "reasoning"};
	json_t *v = NULL;

	for (int i = 0; i < 3 && !v; i++)
		v = json_object_get(m, names[i]);
	if (!v)
		return;
	json_object_set(m, "reasoning_content", v);
	if (!json_object_get(m, "thinking"))
		json_object_set(m, "thinking", v);
}

/* Roles have one spelling; a developer's turn is called so where the template knows the word.
 * Null is left out, as transformers does, and so are values that could not be read, of keys that
 * the template has no word for. */
json_t *chat_message(const struct turn *t, int parts, int developer)
{
	static const char *const roles[] = {"system", "user", "assistant", "tool"};
	static const char *const not_for_templates[] = {"weight", "train", "training", "loss",
	                                                "masked", "from",  "value"};
	json_t *m = t->message ? json_copy((json_t *)t->message) : json_object();
	json_t *content = content_of(t, parts);
	const char *role = roles[t->role], *key;
	json_t *v;
	void *next;

	if (developer && is_text(json_object_get(m, "role"), "developer"))
		role = "developer";
	if (content)
		json_object_set_new(m, "content", content);
	json_object_set_new(m, "role", json_string(role));
	for (int i = 0; i < 7; i++)
		json_object_del(m, not_for_templates[i]);
	json_object_foreach_safe(m, next, key, v)
	{
		if (json_is_null(v) || unread_in(v))
			json_object_del(m, key);
	}
	alias_reasoning(m);
	return m;
}

static json_t *or_null(const json_t *v) { return v ? json_incref((json_t *)v) : json_null(); }

json_t *chat_beside(const struct dialogue *d)
{
	json_t *v = d->variables ? json_copy((json_t *)d->variables) : json_object();

	json_object_del(v, "add_generation_prompt"); /* what is asked for is not the row's */
	json_object_set_new(v, "tools", or_null(d->tools));
	json_object_set_new(v, "documents", or_null(d->documents));
	return v;
}
