/* SPDX-License-Identifier: MIT */
/* judge_choices.c - the answers that a judge may give; see judge.h. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "judge.h"

static const char blank[] = " \t\r\n";

/* One choice, up to a comma or the end; returns where the next begins, or NULL. */
static const char *cut(const char *p, struct buf *text)
{
	static const char named[] = "n\nt\t,,\\\\";

	text->n = 0;
	buf_str(text, "");
	for (; *p && *p != ','; p++) {
		const char *is = named;

		if (*p != '\\') {
			buf_add(text, p, 1);
			continue;
		}
		p++;
		while (*is && *is != *p)
			is += 2;
		if (!*is)
			die_usage("--choices: a backslash stands before n, t, a comma or a "
			          "backslash");
		buf_add(text, is + 1, 1);
	}
	return *p ? p + 1 : NULL;
}

int choices_find(const struct choices *c, const char *name)
{
	for (int i = 0; i < c->names; i++)
		if (!strcmp(c->name[i], name))
			return i;
	return -1;
}

static void add(struct choices *c, const struct buf *text)
{
	size_t from = strspn(text->p, blank), to = text->n;
	struct choice_text *t;
	char *name;

	while (to > from && strchr(blank, text->p[to - 1]))
		to--;
	if (from == to)
		die_usage("--choices: one of them is empty");
	name = xstrndup(text->p + from, to - from);
	c->as = xrealloc(c->as, (c->n + 1) * sizeof *c->as);
	t = &c->as[c->n++];
	*t = (struct choice_text){xstrndup(text->p, text->n), text->n, choices_find(c, name)};
	if (t->name >= 0) {
		free(name);
		return;
	}
	if (json_array_append_new(c->list, json_string(name)))
		die_usage("--choices: the value is not UTF-8");
	t->name = c->names;
	c->name = xrealloc(c->name, (c->names + 1) * sizeof *c->name);
	c->name[c->names++] = name;
}

void choices_parse(struct choices *c, const char *list)
{
	struct buf text = {0};

	*c = (struct choices){.list = json_array()};
	while (list) {
		list = cut(list, &text);
		add(c, &text);
	}
	buf_free(&text);
	if (c->names < 2)
		die_usage("--choices: there must be two");
}

void choices_free(struct choices *c)
{
	for (int i = 0; i < c->n; i++)
		free(c->as[i].text);
	for (int i = 0; i < c->names; i++)
		free(c->name[i]);
	free(c->as);
	free(c->name);
	json_decref(c->list);
}

int choices_begin(const struct choices *c, const char *text)
{
	size_t longest = 0;
	int found = -1;

	text += strspn(text, blank);
	for (int i = 0; i < c->names; i++) {
		size_t n = strlen(c->name[i]);

		if (n > longest && !strncmp(text, c->name[i], n) &&
		    !isalnum((unsigned char)text[n])) {
			longest = n;
			found = i;
		}
	}
	return found;
}

static json_t *answer(const struct choices *c, int choice, json_t *p, json_t *mass)
{
	return json_pack("{s:o, s:o, s:o}", "verdict",
	                 choice < 0 ? json_null() : json_string(c->name[choice]), "p", p, "mass",
	                 mass);
}

json_t *verdict_choice(const struct choices *c, int choice)
{
	return answer(c, choice, json_null(), json_null());
}

json_t *verdict_chances(const struct choices *c, int choice, const double p[])
{
	json_t *all = json_object();
	double mass = 0;

	for (int i = 0; i < c->names; i++)
		mass += p[i];
	for (int i = 0; i < c->names; i++)
		json_object_set_new(all, c->name[i], json_float((float)(p[i] / mass)));
	return answer(c, choice, all, json_float((float)mass));
}
