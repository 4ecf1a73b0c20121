/* SPDX-License-Identifier: MIT */
/* template_vars.c - a dialogue as the variables that a chat template is given.
 *
 * They are what transformers' apply_chat_template is called with: messages as objects with all
 * their keys, tools, documents, and variables of the row's own.
 */
#include <ctype.h>
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

int chat_spells(const char *source, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = source; (p = strstr(p, word)); p++)
		if (p > source && strchr(".'\"", p[-1]) && !isalnum((unsigned char)p[n]) &&
		    p[n] != '_')
			return 1;
	return 0;
}

/* A value that a template may write has to be whole. */
static int check_value(const char *key, const json_t *v, struct fault *f)
{
	const char *why = json_unread_in(v);

	return why ? fault(f, "\"%.60s\", which the chat template is given, %s", key, why) : 0;
}

int chat_check(const struct dialogue *d, const char *source, struct fault *f)
{
	static const char *const own[] = {"messages", "tools", "documents"};
	const char *key;
	json_t *v;

	if (check_value("tools", d->tools, f) || check_value("documents", d->documents, f) ||
	    check_value("chat_template_kwargs", d->variables, f))
		return -1;
	for (int i = 0; i < 3; i++)
		if (json_object_get(d->variables, own[i]))
			return fault(f, "\"chat_template_kwargs\" has \"%s\", which the row has",
			             own[i]);
	for (int i = 0; i < d->n; i++)
		json_object_foreach((json_t *)d->turn[i].message, key, v)
		{
			if (json_unread_in(v) && chat_spells(source, key))
				return check_value(key, v, f);
		}
	return 0;
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
		if (json_is_null(v) || json_unread_in(v))
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
