/* SPDX-License-Identifier: MIT */
/* generate_ends.c - the tokens that end an answer.
 *
 * The tokenizer has its end token, and GGUF's metadata more; a folder's generation_config.json
 * has eos_token_id, an id or a list, and where that is silent config.json has it: of the whole
 * model, or of its text_config.  As transformers does, answers end at each of these.
 */
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../base/memory.h"
#include "../format/jsonl.h"
#include "generate.h"

/* Appends the ids of the object's eos_token_id; 0 when it says nothing. */
static int add_ids(struct ids *ends, const json_t *o, const char *path)
{
	const json_t *v = json_object_get(o, "eos_token_id"), *id;
	size_t i, n = json_is_array(v) ? json_array_size(v) : 1;

	if (!v || json_is_null(v))
		return 0;
	for (i = 0; i < n; i++) {
		id = json_is_array(v) ? json_array_get(v, i) : v;
		if (!json_is_integer(id) ||
		    json_integer_value(id) != (int32_t)json_integer_value(id))
			die("%s: \"eos_token_id\" is neither an id nor a list of ids", path);
		ids_add(ends, (int32_t)json_integer_value(id));
	}
	return n > 0;
}

static int add_file(struct ids *ends, const char *folder, const char *name)
{
	char *path = xprintf("%s/%s", folder, name);
	json_t *j = access(path, F_OK) ? NULL : json_read_file(path);
	int said = add_ids(ends, j, path) || add_ids(ends, json_object_get(j, "text_config"), path);

	json_decref(j);
	free(path);
	return said;
}

void generate_ends(struct ids *ends, const struct tokenizer *t, const char *model)
{
	struct stat st;
	int n;
	const int32_t *id = tokenizer_ends(t, &n);

	for (int i = 0; i < n; i++)
		ids_add(ends, id[i]);
	if (!stat(model, &st) && S_ISDIR(st.st_mode) &&
	    !add_file(ends, model, "generation_config.json"))
		add_file(ends, model, "config.json");
}
