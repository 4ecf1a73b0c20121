/* SPDX-License-Identifier: MIT */
/* method.c - the table of the methods that --method chooses among; see method.h. */
#include "method.h"

#include <string.h>

/* clang-format off */
const struct method *const methods[] = {
	&method_bilevel,
	&method_state,
	&method_contrast,
	&method_refusal,
	&method_gradient,
	&method_words,
	&method_safe_loss,
	&method_loss,
	&method_random,
	&method_dsir,
	&method_combine,
	&method_import,
	NULL,
};
/* clang-format on */

const struct method *method_of(const char *name)
{
	for (int k = 0; methods[k]; k++)
		if (!strcmp(methods[k]->name, name))
			return methods[k];
	return NULL;
}
