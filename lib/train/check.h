/* SPDX-License-Identifier: MIT */
/* check.h - whether a token stream and a model go together. */
#ifndef SEAL_CHECK_H
#define SEAL_CHECK_H

#include "../model/config.h"
#include "../rows/tokens.h"

/* Dies when the tokens are not of the model's own tokenizer, where it has one, or when the
 * model has no such token; warns of rows that are longer than the model's context. */
void check_tokens(const struct tokens *, const char *name, const char *model_path,
                  const struct config *);
/* Warns when safe or validation rows stand in another template than the rows. */
void check_same_template(const struct tokens *, const char *name, const struct tokens *rows);

#endif
