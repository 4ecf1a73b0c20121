/* SPDX-License-Identifier: MIT */
/* peft.c - adapter_config.json, for a model of each family. */
#include "../../lib/format/jsonl.h"
#include "../../lib/model/peft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	struct fault f = {""};
	json_t *j = json_parse_python((const char *)p, n, &f);

	for (const struct family *m = families(); j && m->name; m++) {
		struct config c = {.family = m, .layers = 3};
		char *targets = peft_targets(&c, j, &f);

		assert(targets ? *targets && json_long(j, "r", 0) > 0 && json_number(j, "lora_alpha", 0) > 0 : *f.text);
		free(targets);
	}
	json_decref(j);
	return 0;
}
