/* SPDX-License-Identifier: MIT */
/* config.c - any bytes as a model's config.json. */
#include "config.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
	static struct config c;
	struct fault f = {""};
	json_t *j = json_parse_python((const char *)p, n, &f);

	if (j && !config_hf(&c, j, &f))
		check_config(&c);
	else
		assert(*f.text);
	json_decref(j);
	return 0;
}
