/* SPDX-License-Identifier: MIT */
/* row.c - a line of rows: JSON, schemas, and templates over its turns. */
#include <string.h>

#include "../../lib/base/buf.h"
#include "../../lib/rows/schema.h"
#include "../../lib/text/template.h"

static void pieces(const struct schema_opts *o, const json_t *row, int need)
{
	static const char *const names[] = {"chatml", "seal", "none", " {}  {} ", "llama2", "llama3", "mistral-v3", "phi3"};
	static struct turn turn[TURNS];
	static struct piece piece[PIECES];
	struct buf own = {0};
	struct fault f;
	size_t bytes;
	int n;

	if (!schema_turns(o, row, need, turn, &n, &own, &f)) {
		schema_instruction(turn, n, &bytes);
		for (int i = 0; i < 8; i++) {
			struct template *t = template_open(names[i], NULL, NULL, &f);

			if (template_pieces(t, turn, n, i % 2, piece) > PIECES)
				__builtin_trap();
			template_close(t);
		}
	}
	buf_free(&own);
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
