/* SPDX-License-Identifier: MIT */
/* peft.c - adapter_config.json, on names of several families' modules. */
#include "../../lib/format/jsonl.h"
#include "../../lib/model/peft.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static const char *const name[] = {"lm_head", "model.embed_tokens", "model.layers.0.self_attn.q_proj",
	                                   "gpt_neox.layers.11.mlp.dense_4h_to_h",
	                                   "model.language_model.layers.2.mlp.gate_proj"};
	struct fault f = {""};
	json_t *j = json_parse_python((const char *)p, n, &f);

	struct peft *a = j ? peft_parse(j, &f) : NULL;

	assert(a || *f.text);
	for (size_t i = 0; a && i < sizeof name / sizeof *name; i++) {
		struct lora_form form = {0};
		int rc = peft_form(a, name[i], i > 1, &form, &f);

		assert(rc < 0 ? *f.text != 0 : !rc || (form.rank > 0 && form.scale >= 0));
	}
	if (a)
		peft_free(a);
	json_decref(j);
	return 0;
}
