/* SPDX-License-Identifier: MIT */
/* row.c - a line of rows: JSON, schemas, and templates over its turns. */
#include <stdlib.h>
#include <string.h>

#include "../../lib/rows/schema.h"
#include "../../lib/text/template.h"

/* Two special tokens, and no words. */
static const struct tokenizer *tiny(void)
{
	static const char json[] = "{\"model\":{\"vocab\":{\"a\":0},\"merges\":[]},\"added_tokens\":["
	                           "{\"content\":\"<|im_start|>\",\"special\":true},{\"content\":\"<|im_end|>\",\"special\":true}]}";
	static struct tokenizer *tok;
	struct fault f;

	return tok ? tok : (tok = tokenizer_parse(json, sizeof json - 1, &f));
}

/* Reads all that a dialogue points to; ends the run where a promise of schema.h is broken. */
static void read_whole(const struct dialogue *d, int need)
{
	const json_t *beside[] = {d->tools, d->documents, d->variables};
	struct buf b = {0};

	for (int i = 0; i < d->n; i++) {
		buf_add(&b, d->turn[i].text, d->turn[i].n);
		if (d->turn[i].message)
			json_put(&b, d->turn[i].message);
		if (turn_calls(&d->turn[i]) && d->turn[i].role != ROLE_ASSISTANT)
			abort();
	}
	for (int i = 0; i < 3; i++)
		if (beside[i])
			json_put(&b, beside[i]);
	if (d->n < 1 || (need && d->turn[d->n - 1].role != ROLE_ASSISTANT && d->turn[d->n - 1].role != ROLE_TEXT) ||
	    (!need && d->turn[d->n - 1].role == ROLE_ASSISTANT))
		abort();
	buf_free(&b);
}

static void pieces(const struct schema_opts *o, const json_t *row, int need)
{
	static const char *const names[] = {"alpaca", "seal", "none", " {}  {} ", "llama2", "merlinite",
	                                    "t/gold/chat/chatml.jinja", "t/gold/chat/bars.jinja"};
	struct dialogue d = {0};
	struct pieces made = {0};
	struct fault f;
	size_t bytes;

	if (!schema_turns(o, row, need, &d, &f)) {
		read_whole(&d, need);
		schema_instruction(&d, &bytes);
		for (int i = 0; i < 8; i++) {
			struct template_opts o = {.name = names[i]};
			struct template *t = template_open(&o, tiny(), &f);

			template_pieces(t, &d, i % 2, &made, &f);
			template_close(t);
		}
	}
	dialogue_free(&d);
	pieces_free(&made);
}

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	const struct schema_opts opts[] = {
		{0}, {.schema = "alpaca"}, {.schema = "hh"}, {.schema = "messages"},
		{.schema = "sharegpt"}, {.schema = "orca"}, {.schema = "prompt"},
		{.prompt_key = "a", .answer_key = "b"}, {.text = "a"},
	};
	struct fault f;
	json_t *row = json_parse((const char *)data, n, &f);

	for (int i = 0; row && json_is_object(row) && i < 9; i++)
		for (int need = 0; need < 2; need++)
			pieces(&opts[i], row, need);
	json_decref(row);
	return 0;
}
