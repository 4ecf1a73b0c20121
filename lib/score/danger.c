/* SPDX-License-Identifier: MIT */
/* danger.c - see danger.h. */
#include "danger.h"

#include <string.h>

#include "../base/die.h"

void danger_alike(const struct tokens *data, const struct tokens *t, const char *name,
                  const char *what)
{
	if (strcmp(t->fingerprint, data->fingerprint))
		die("%s was made with another tokenizer (%s) than the rows (%s)", name,
		    t->fingerprint, data->fingerprint);
	if (strcmp(t->template, data->template))
		die("%s has the template \"%s\", the rows have \"%s\"", name, t->template,
		    data->template);
	if (t->rows < DANGER_LEAST)
		die("%s: %ld %s rows; at least %d are needed", name, t->rows, what, DANGER_LEAST);
}

void danger_check(const struct tokens *data, const struct tokens *safe, const char *safe_name,
                  const struct tokens *danger, const char *danger_name)
{
	danger_alike(data, safe, safe_name, "trusted");
	if (danger)
		danger_alike(data, danger, danger_name, "bad");
	if (data->rows < DANGER_LEAST)
		die("%ld rows to be scored; a fit needs at least %d", data->rows, DANGER_LEAST);
}
