/* SPDX-License-Identifier: MIT */
/* danger.c - see danger.h.  Bad rows that were written by another template would be told from the
 * others by the template. */
#include "danger.h"

#include <string.h>

void danger_check(const struct setup *s, const char *name)
{
	const struct tokens *bad = s->danger;

	if (strcmp(bad->fingerprint, s->data->fingerprint))
		die("%s was made with another tokenizer (%s) than the rows (%s)", name,
		    bad->fingerprint, s->data->fingerprint);
	if (strcmp(bad->template, s->data->template))
		die("%s has the template \"%s\", the rows have \"%s\"", name, bad->template,
		    s->data->template);
	if (bad->rows < DANGER_LEAST)
		die("%s: %ld bad rows; at least %d are needed", name, bad->rows, DANGER_LEAST);
}
