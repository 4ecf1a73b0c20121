/* SPDX-License-Identifier: MIT */
/* row.c - a line of rows: JSON, schemas, and templates over its turns. */
#include <string.h>

#include "../../lib/rows/schema.h"
#include "../../lib/text/template.h"

static void pieces(const struct schema_opts *o, const json_t *row, int need)
{
	static const char *const names[] = {"chatml", "seal", "none", " {}  {} ", "llama2", "llama3", "mistral-v3", "phi3"};
	struct dialogue d = {0};
	struct pieces made = {0};
	struct fault f;
	size_t bytes;

	if (!schema_turns(o, row, need, &d, &f)) {
		schema_instruction(&d, &bytes);
		for (int i = 0; i < 8; i++) {
			struct template *t = template_open(names[i], NULL, NULL, &f);

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
		{.schema = "sharegpt"}, {.schema = "orca"},
		{.prompt_key = "a", .answer_key = "b"}, {.text = "a"},
	};
	struct fault f;
	json_t *row = json_parse((const char *)data, n, &f);

	for (int i = 0; row && json_is_object(row) && i < 8; i++)
		for (int need = 0; need < 2; need++)
			pieces(&opts[i], row, need);
	json_decref(row);
	return 0;
}
