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

#define WHOLE "parts of a turn cannot be trained"

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

/* A part is trained as its turn is. */
static int whole_part(struct turns *l, const json_t *part, const char *where)
{
	static const char *const marks[] = {"weight",     "train",        "training",
	                                    "loss",       "train_detail", "training_detail",
	                                    "loss_scale", "masked"};

	for (int i = 0; i < 8; i++)
		if (schema_holds(part, marks[i]))
			return fault(l->fault, "%s\"%s\" in a part of the content: " WHOLE, where,
			             marks[i]);
	return 0;
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
		if (json_why_unread(part))
			fault(l->fault, "%sa part of the content %s", where, json_why_unread(part));
		else if (!type)
			fault(l->fault, "%sa part of the content has no \"type\"", where);
		else if (strcmp(type, "text"))
			fault(l->fault, "%sa part of type %.40s", where, type);
		else if (!whole_part(l, part, where))
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
	static const char *const keys[] = {"content", "value"};
	const json_t *v[2] = {NULL, NULL};

	if (!schema_has(m, keys[0]) && !schema_has(m, keys[1])) {
		if (calls)
			return dialogue_own(l->d, json_string(""));
		return schema_text(m, key_of(m, keys[0], keys[1]), where, l->fault);
	}
	for (int i = 0; i < 2; i++) {
		const json_t *at = json_object_get(m, keys[i]);

		if (!schema_has(m, keys[i]))
			continue;
		v[i] = json_is_array(at) ? joined(l, at, where)
		                         : schema_text(m, keys[i], where, l->fault);
		if (!v[i])
			return NULL;
	}
	if (v[0] && v[1] && !json_equal(v[0], v[1])) {
		fault(l->fault, "%s\"content\" and \"value\" differ", where);
		return NULL;
	}
	return v[0] ? v[0] : v[1];
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

/* A mark of training: 1, 0, -1 where the object has no such key, and -2 with a fault. */
static int mark_of(const json_t *m, const char *key, const char *where, struct fault *f)
{
	const json_t *v = json_object_get(m, key);
	double x = json_is_boolean(v) ? json_is_true(v) : json_double(v);

	if (!schema_holds(m, key))
		return -1;
	if ((json_is_boolean(v) || json_is_number(v)) && (x == 0 || x == 1))
		return x == 1;
	fault(f, "%s\"%s\" is neither 0 nor 1, false nor true", where, key);
	return -2;
}

/* *said: 1 to be trained, 0 not, -1 where the object, a turn or a row, does not say.  A row's loss
 * that is no flag is what somebody measured. */
static int training_of(struct turns *l, const json_t *m, const char *where, int row, int *said)
{
	static const char *const keys[] = {"weight", "train", "training", "loss"};
	const int n = row && !json_is_boolean(json_object_get(m, "loss")) ? 3 : 4;
	static const char *const parts[] = {"train_detail", "training_detail", "loss_scale"};
	int mark = mark_of(m, "masked", where, l->fault);

	if (mark < -1)
		return -1;
	*said = mark == 1 ? 0 : -1;
	for (int i = 0; i < n; i++) {
		if ((mark = mark_of(m, keys[i], where, l->fault)) < -1)
			return -1;
		if (mark < 0)
			continue;
		if (*said >= 0 && *said != mark)
			return fault(l->fault, "%s\"%s\" contradicts another key", where, keys[i]);
		*said = mark;
	}
	for (int i = 0; i < 3; i++)
		if (schema_holds(m, parts[i]))
			return fault(l->fault, "%s\"%s\": " WHOLE, where, parts[i]);
	return 0;
}

int schema_marks(struct turns *l, const json_t *row)
{
	static const char *const unwanted[] = {"label", "kto_tag"};
	int said;

	if (!l->need_answer)
		return 0;
	for (int i = 0; i < 2; i++)
		if (json_is_false(json_object_get(row, unwanted[i])))
			return fault(l->fault,
			             "\"%s\":false marks an unwanted answer, which would be "
			             "trained: leave out such rows (jq 'select(.%s != false)'), "
			             "or the key",
			             unwanted[i], unwanted[i]);
	if (training_of(l, row, "", 1, &said))
		return -1;
	for (int i = 0; i < l->d->n && !said; i++)
		l->d->turn[i].untrained = 1;
	return 0;
}

/* The keys of a turn whose text is calls that are not read here: reasoning_content, say. */
static json_t *other_keys(const json_t *m)
{
	static const char *const read[] = {"role",       "from",   "content",      "value",
	                                   "tool_calls", "weight", "train",        "training",
	                                   "loss",       "masked", "function_call"};
	json_t *other = json_copy((json_t *)m);

	for (size_t i = 0; i < sizeof read / sizeof *read; i++)
		json_object_del(other, read[i]);
	return other;
}

/* A turn whose text is calls alone.  Several in a row are one turn with several calls, where those
 * behind the first say nothing else. */
static int add_calls(struct turns *l, const json_t *m, const char *where, int untrained)
{
	struct dialogue *d = l->d;
	const json_t *text;
	json_t *calls, *other, *made;

	if (schema_holds(m, "tool_calls") || schema_holds(m, "function_call"))
		return fault(l->fault, "%scalls of tools both as text and as \"%s\"", where,
		             schema_holds(m, "tool_calls") ? "tool_calls" : "function_call");
	if (!(text = content_of(l, m, where, 0)) || !(calls = calls_in(text, where, l->fault)))
		return -1;
	other = dialogue_own(d, other_keys(m));
	if (l->calls && l->calls_at == d->n - 1 && d->turn[d->n - 1].untrained == untrained &&
	    !json_object_size(other)) {
		json_array_extend(l->calls, calls);
		json_decref(calls);
		return 0;
	}
	dialogue_add(d, ROLE_ASSISTANT, "", 0);
	l->calls = calls;
	l->calls_at = d->n - 1;
	d->turn[d->n - 1].untrained = untrained;
	made = json_pack("{s:s, s:s, s:o}", "role", "assistant", "content", "", "tool_calls",
	                 calls);
	json_object_update(made, other);
	d->turn[d->n - 1].message = dialogue_own(d, made);
	return 0;
}

int schema_message(struct turns *l, const json_t *m, const char *where)
{
	const struct spelling *s;
	const json_t *text;
	int calls = 0, trained;
	struct turn *t;

	if (json_why_unread(m))
		return fault(l->fault, "%sit %s", where, json_why_unread(m));
	if (!json_is_object(m))
		return fault(l->fault, "%snot an object", where);
	if (schema_seen(m, where, l->fault))
		return -1;
	if (!(s = role_of(l, m, where)) || training_of(l, m, where, 0, &trained))
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
