/* SPDX-License-Identifier: MIT */
/* jinja.h - renders a model's own chat template, in Jinja, as transformers' apply_chat_template.
 *
 * The template is a program of others, and a row is text of others.  The program sees the
 * variables it is given and nothing else; its steps, output, memory and depth are bounded; and
 * each byte of what it writes is marked with where it came from, so that a row whose text spells
 * <|im_end|> does not end its turn.  What transformers refuses is refused; what we do not know
 * of Jinja is refused by its name.  How it works: the heads of jinja_eval.c and jinja_scope.c.
 */
#ifndef SEAL_JINJA_H
#define SEAL_JINJA_H

#include <time.h>

#include "../base/buf.h"
#include "../format/jsonl.h"

/* A compiled template.  It is constant: several threads may render it at once. */
struct jinja;

/* NULL with a fault, "line 3: the filter 'foo' is not known". */
struct jinja *jinja_open(const char *source, size_t n, struct fault *);
void jinja_close(struct jinja *);
/* Whether the template names this variable or function that it does not define itself
 * ("tools", "strftime_now"); "generation": whether it has {% generation %} blocks. */
int jinja_uses(const struct jinja *, const char *name);

/* What a byte of the output is. */
enum {
	JINJA_DATA = 1, /* it comes from the row; else from the template or its own variables */
	JINJA_GENERATED = 2, /* it stands in a {% generation %} block */
};

/* How much one rendering may take; 0: the default. */
struct jinja_limits {
	long steps, bytes, memory; /* bytes: of the output */
	int depth;                 /* of calls and of values in values */
};

/* The output, and its marks: a byte of JINJA_* for each byte of the text. */
struct jinja_text {
	struct buf text, mark;
};

/* trusted: an object of the variables of the template's own side (bos_token,
 * add_generation_prompt); data: an object of the row's (messages, tools, documents); either may
 * be NULL, and where both have a name it is the row's.  A text of the data under the key "role"
 * that is of [a-z_] alone is trusted: templates write '<|' + message.role + '|>'.
 * now: what strftime_now formats; NULL: it is undefined, and calling it is a fault.
 * Replaces what was in *out.  -1 with a fault, and nothing in *out: for raise_exception that is
 * its message alone, for all else "line 3: ...". */
int jinja_render(const struct jinja *, const json_t *trusted, const json_t *data,
                 const struct tm *now, const struct jinja_limits *, struct jinja_text *out,
                 struct fault *);
void jinja_text_free(struct jinja_text *);

#endif
