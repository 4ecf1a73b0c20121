/* SPDX-License-Identifier: MIT */
/* dialogue.c - see dialogue.h. */
#include "dialogue.h"

#include <stdlib.h>

#include "../base/memory.h"

const json_t *turn_calls(const struct turn *t)
{
	const json_t *calls = json_object_get(t->message, "tool_calls");

	return json_array_size(calls) ? calls : NULL;
}

void dialogue_add(struct dialogue *d, enum role role, const char *text, size_t n)
{
	d->turn = xgrow(d->turn, d->n, &d->cap, sizeof *d->turn);
	d->turn[d->n++] = (struct turn){.role = role, .text = text, .n = n};
}

json_t *dialogue_own(struct dialogue *d, json_t *v)
{
	if (!d->made)
		d->made = json_array();
	json_array_append_new(d->made, v);
	return v;
}

void dialogue_clear(struct dialogue *d)
{
	json_decref(d->made);
	*d = (struct dialogue){.turn = d->turn, .cap = d->cap};
}

void dialogue_free(struct dialogue *d)
{
	json_decref(d->made);
	free(d->turn);
	*d = (struct dialogue){0};
}
