/* SPDX-License-Identifier: MIT */
/* schema_message.c - a turn that is an object: who speaks, what is said, which tools are called,
 * and whether it is to be trained.
 *
 * The names are those that OpenAI's API, ShareGPT, and the formats of axolotl, LLaMA-Factory,
 * ms-swift and Mistral document.
 */
#include <string.h>
#include <strings.h>

#include "schema_in.h"

/* Names of roles, in any case of letters. */
static const struct spelling {
	const char *name;
	enum role role;
	int calls; /* the text is JSON: calls of tools */
} spellings[] = {
	/* clang-format off */
	{"system", ROLE_SYSTEM, 0}, {"developer", ROLE_SYSTEM, 0},
	{"user", ROLE_USER, 0}, {"human", ROLE_USER, 0}, {"prompter", ROLE_USER, 0},
	{"assistant", ROLE_ASSISTANT, 0}, {"gpt", ROLE_ASSISTANT, 0},
	{"chatgpt", ROLE_ASSISTANT, 0}, {"model", ROLE_ASSISTANT, 0}, {"bot", ROLE_ASSISTANT, 0},
	{"chatbot", ROLE_ASSISTANT, 0}, {"ai", ROLE_ASSISTANT, 0}, {"bing", ROLE_ASSISTANT, 0},
	{"bard", ROLE_ASSISTANT, 0},
	{"function_call", ROLE_ASSISTANT, 1}, {"tool_call", ROLE_ASSISTANT, 1},
	{"tool", ROLE_TOOL, 0}, {"function", ROLE_TOOL, 0}, {"observation", ROLE_TOOL, 0},
	{"ipython", ROLE_TOOL, 0}, {"tool_response", ROLE_TOOL, 0},
	/* clang-format on */
};

static const struct spelling *spelling_of(const json_t *role)
{
	const char *name = json_string_value(role);

	for (size_t i = 0; name && i < sizeof spellings / sizeof *spellings; i++)
		if (!strcasecmp(name, spellings[i].name))
			return &spellings[i];
	return NULL;
}

/* The one of two keys that the turn has; of none, the one that goes with its other key. */
static const char *key_of(const json_t *m, const char *key, const char *sharegpt)
{
	int is_sharegpt = !json_object_get(m, "role") && !json_object_get(m, "content");

	if (schema_has(m, key))
		return key;
	if (schema_has(m, sharegpt))
		return sharegpt;
	return json_object_get(m, key) || !is_sharegpt ? key : sharegpt;
}

static const struct spelling *role_of(struct turns *l, const json_t *m, const char *where)
{
	const json_t *role = schema_text(m, key_of(m, "role", "from"), where, l->fault);
	const struct spelling *s = spelling_of(role), *from;

	if (role && !s)
		fault(l->fault, "%sunknown role \"%.60s\"", where, json_string_value(role));
	from = s ? spelling_of(json_object_get(m, "from")) : NULL;
	if (!from || from->role == s->role)
		return s;
	fault(l->fault, "%s\"role\" and \"from\" differ", where);
	return NULL;
}

/* The texts of all parts, with nothing between. */
static const json_t *joined(struct turns *l, const json_t *parts, const char *where)
{
	const json_t *part, *text;
	struct buf b = {0};
	size_t i;

	buf_str(&b, "");
	json_array_foreach(parts, i, part)
	{
		const char *type = json_text(part, "type", NULL);

		text = NULL;
		if (!type)
			fault(l->fault, "%sa part of the content has no \"type\"", where);
		else if (strcmp(type, "text"))
			fault(l->fault, "%sa part of type %.40s", where, type);
		else
			text = schema_text(part, "text", where, l->fault);
		if (!text)
			break;
		buf_add(&b, json_string_value(text), json_string_length(text));
	}
	text = i < json_array_size(parts) ? NULL : dialogue_own(l->d, json_stringn(b.p, b.n));
	buf_free(&b);
	return text;
}

/* What is said; beside calls of tools that may be nothing. */
static const json_t *content_of(struct turns *l, const json_t *m, const char *where, int calls)
{
	const char *key = key_of(m, "content", "value");
	const json_t *v = json_object_get(m, key), *other = json_object_get(m, "value");

	if (json_is_string(v) && json_is_string(other) && !json_equal(v, other)) {
		fault(l->fault, "%s\"content\" and \"value\" differ", where);
		return NULL;
	}
	if (json_is_array(v))
		return joined(l, v, where);
	if (calls && (!v || json_is_null(v)))
		return dialogue_own(l->d, json_string(""));
	return schema_text(m, key, where, l->fault);
}

json_t *schema_call(const json_t *call, const char *where, struct fault *f)
{
	const json_t *name = json_object_get(call, "name"), *v = json_object_get(call, "arguments");

	if (!json_is_string(name) || !(json_is_object(v) || json_is_string(v))) {
		fault(f, "%sa function_call is not {\"name\",\"arguments\"}", where);
		return NULL;
	}
	return json_pack("{s:s, s:{s:O, s:O}}", "type", "function", "function", "name", name,
	                 "arguments", v);
}

/* The calls that a text spells: an object {"name","arguments"}, or a list of such; owned. */
static json_t *calls_in(const json_t *text, const char *where, struct fault *f)
{
	json_t *all, *v, *made = json_array(), *call;
	struct fault why;
	size_t i;

	if (!(all = json_parse(json_string_value(text), json_string_length(text), &why))) {
		fault(f, "%sa function_call is not JSON: %s", where, why.text);
		json_decref(made);
		return NULL;
	}
	if (!json_is_array(all))
		all = json_pack("[o]", all);
	json_array_foreach(all, i, v)
	{
		if (!(call = schema_call(v, where, f)))
			break;
		json_array_append_new(made, call);
	}
	if (i == json_array_size(all) && !i)
		fault(f, "%sa function_call that calls nothing", where);
	if (!i || i < json_array_size(all)) {
		json_decref(made);
		made = NULL;
	}
	json_decref(all);
	return made;
}

/* "tool_calls", or OpenAI's older "function_call", which is written as such.  *message: the turn
 * with what it calls; *calls: it calls something. */
static int calls_of(struct turns *l, const json_t **message, const char *where, int *calls)
{
	const json_t *m = *message, *list = json_object_get(m, "tool_calls");
	json_t *call, *made;

	if (schema_has(m, "tool_calls") && schema_objects(list, "tool_calls", where, l->fault))
		return -1;
	*calls = json_array_size(list) > 0;
	if (!schema_has(m, "function_call"))
		return 0;
	if (*calls)
		return fault(l->fault, "%sboth \"tool_calls\" and \"function_call\"", where);
	if (!(call = schema_call(json_object_get(m, "function_call"), where, l->fault)))
		return -1;
	made = dialogue_own(l->d, json_copy((json_t *)m));
	json_object_del(made, "function_call");
	json_object_set_new(made, "tool_calls", json_pack("[o]", call));
	*message = made;
	*calls = 1;
	return 0;
}

/* *said: 1 to be trained, 0 not, -1 where the turn does not say. */
static int training_of(struct turns *l, const json_t *m, const char *where, int *said)
{
	static const char *const keys[] = {"weight", "train", "training", "loss"};
	static const char *const parts[] = {"train_detail", "training_detail", "loss_scale"};

	*said = json_is_true(json_object_get(m, "masked")) ? 0 : -1;
	for (int i = 0; i < 4; i++) {
		const json_t *v = json_object_get(m, keys[i]);
		double x = json_is_boolean(v) ? json_is_true(v) : json_double(v);

		if (!v || json_is_null(v))
			continue;
		if (!(json_is_boolean(v) || json_is_number(v)) || (x != 0 && x != 1))
			return fault(l->fault, "%s\"%s\" is neither 0 nor 1, false nor true", where,
			             keys[i]);
		if (*said >= 0 && *said != x)
			return fault(l->fault, "%s\"%s\" contradicts another key", where, keys[i]);
		*said = x == 1;
	}
	for (int i = 0; i < 3; i++)
		if (schema_holds(m, parts[i]))
			return fault(l->fault, "%s\"%s\": parts of a turn cannot be trained", where,
			             parts[i]);
	return 0;
}

/* A turn whose text is calls alone.  Several in a row are one turn with several calls. */
static int add_calls(struct turns *l, const json_t *m, const char *where, int untrained)
{
	const json_t *text = schema_text(m, key_of(m, "content", "value"), where, l->fault);
	json_t *calls = text ? calls_in(text, where, l->fault) : NULL;
	struct dialogue *d = l->d;

	if (!calls)
		return -1;
	if (l->calls && l->calls_at == d->n - 1 && d->turn[d->n - 1].untrained == untrained) {
		json_array_extend(l->calls, calls);
		json_decref(calls);
		return 0;
	}
	dialogue_add(d, ROLE_ASSISTANT, "", 0);
	l->calls = calls;
	l->calls_at = d->n - 1;
	d->turn[d->n - 1].untrained = untrained;
	d->turn[d->n - 1].message =
		dialogue_own(d, json_pack("{s:s, s:s, s:o}", "role", "assistant", "content", "",
	                                  "tool_calls", calls));
	return 0;
}

int schema_message(struct turns *l, const json_t *m, const char *where)
{
	const struct spelling *s;
	const json_t *text;
	int calls = 0, trained;
	struct turn *t;

	if (!json_is_object(m) || json_why_unread(m))
		return fault(l->fault, "%snot an object", where);
	if (!(s = role_of(l, m, where)) || training_of(l, m, where, &trained))
		return -1;
	if (s->role != ROLE_ASSISTANT && trained == 1)
		return fault(l->fault, "%sonly the assistant's turns can be trained", where);
	if (s->calls)
		return add_calls(l, m, where, trained == 0);
	if (calls_of(l, &m, where, &calls))
		return -1;
	if (calls && s->role != ROLE_ASSISTANT)
		return fault(l->fault, "%s\"tool_calls\" in a turn that is not the assistant's",
		             where);
	if (!(text = content_of(l, m, where, calls)))
		return -1;
	schema_add(l, s->role, text);
	t = &l->d->turn[l->d->n - 1];
	t->message = m;
	t->untrained = trained == 0;
	return 0;
}

int schema_messages(struct turns *l, const json_t *list, const char *key)
{
	const json_t *m;
	char where[80];
	size_t i;

	l->calls = NULL;
	json_array_foreach(list, i, m)
	{
		snprintf(where, sizeof where, "%.40s[%zu]: ", key, i);
		if (schema_message(l, m, where))
			return -1;
	}
	return 0;
}
