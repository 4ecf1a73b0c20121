/* SPDX-License-Identifier: MIT */
/* schema_beside.c - what a row holds beside its turns: tools, documents, variables.
 *
 * They go to the model's own chat template as they are.  Only what is spelled otherwise than
 * OpenAI's "tools" is written so: a list in a text, and the older "functions".
 */
#include <string.h>

#include "schema_in.h"

/* {"type":"function","function": f}, where f is not of that shape already; owned. */
static json_t *wrapped(json_t *f)
{
	if (json_object_get(f, "function") || !json_object_get(f, "name"))
		return json_incref(f);
	return json_pack("{s:s, s:O}", "type", "function", "function", f);
}

/* The list under a key; a list that a text spells is made.  *list NULL: there is none, or an
 * empty one. */
static int list_at(struct turns *l, const json_t *row, const char *key, const json_t **list)
{
	const json_t *v = json_object_get(row, key);
	struct fault why;

	*list = NULL;
	if (!schema_holds(row, key))
		return 0;
	if (json_is_string(v)) {
		json_t *made = json_parse(json_string_value(v), json_string_length(v), &why);

		if (!made)
			return fault(l->fault,
			             "\"%s\" is neither an array nor text that spells "
			             "one: %s",
			             key, why.text);
		v = dialogue_own(l->d, made);
	}
	if (schema_objects(v, key, "", l->fault))
		return -1;
	*list = json_array_size(v) ? v : NULL;
	return 0;
}

static int tools(struct turns *l, const json_t *row)
{
	const json_t *functions;
	struct dialogue *d = l->d;
	json_t *made;

	if (list_at(l, row, "tools", &d->tools) || list_at(l, row, "functions", &functions))
		return -1;
	if (functions && d->tools)
		return fault(l->fault, "both \"tools\" and \"functions\"");
	if (json_is_string(json_object_get(row, "tools")))
		functions = d->tools;
	if (!functions)
		return 0;
	made = json_array();
	for (size_t i = 0; i < json_array_size(functions); i++)
		json_array_append_new(made, wrapped(json_array_get(functions, i)));
	d->tools = dialogue_own(d, made);
	return 0;
}

int schema_seen(const json_t *object, const char *where, struct fault *f)
{
	static const char *const seen[] = {"images", "image", "videos", "video", "audios", "audio"};

	for (int i = 0; i < 6; i++)
		if (schema_holds(object, seen[i]))
			return fault(f, "%s\"%s\": only text is read", where, seen[i]);
	return 0;
}

int schema_beside(struct turns *l, const json_t *row)
{
	const json_t *variables = json_object_get(row, "chat_template_kwargs");

	if (schema_seen(row, "", l->fault))
		return -1;
	if (variables && !json_is_null(variables) && !json_is_object(variables))
		return fault(l->fault, "\"chat_template_kwargs\" is not an object");
	l->d->variables = json_object_size(variables) ? variables : NULL;
	return tools(l, row) ? -1 : list_at(l, row, "documents", &l->d->documents);
}
