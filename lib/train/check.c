/* SPDX-License-Identifier: MIT */
/* check.c - see check.h. */
#include "check.h"

#include <stdlib.h>
#include <string.h>

#include "../text/tokenizer.h"

/* transformers computes such rows too, so they are no error. */
static void warn_long(const struct tokens *d, const char *name, long context)
{
	long over = 0;

	if (!context || d->longest <= context)
		return;
	for (long i = 0; i < d->rows; i++)
		over += tokens_length(d, i) > context;
	warn("%s: %ld of %ld rows are longer than the %ld positions that the model was made for "
	     "(up to %ld tokens)",
	     name, over, d->rows, context, d->longest);
}

/* Where the model has a tokenizer, the tokens must be of that one. */
static void check_fingerprint(const struct tokens *d, const char *name, const char *model_path,
                              const struct config *c)
{
	struct tokenizer *t;
	char hex[17];

	if (!tokenizer_exists(model_path))
		return;
	t = tokenizer_open(model_path);
	tokenizer_fingerprint(t, (int32_t)c->vocab, hex);
	if (strcmp(hex, d->fingerprint))
		die("%s was made with another tokenizer (%s) than the model's (%s)", name,
		    d->fingerprint, hex);
	tokenizer_close(t);
}

void check_tokens(const struct tokens *d, const char *name, const char *model_path,
                  const struct config *c)
{
	warn_long(d, name, c->context);
	check_fingerprint(d, name, model_path, c);
	tokens_check_ids(d, name, c->vocab);
}

void check_same_template(const struct tokens *d, const char *name, const struct tokens *rows)
{
	if (strcmp(d->template, rows->template))
		warn("%s has the template \"%s\", the rows have \"%s\"", name, d->template,
		     rows->template);
}
