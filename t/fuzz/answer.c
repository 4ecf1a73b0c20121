/* SPDX-License-Identifier: MIT */
/* answer.c - an output of a model, of which the number, the choice and the text are read. */
#include <math.h>
#include <stdlib.h>

#include "../../lib/base/memory.h"
#include "../../lib/eval/answer.h"

int LLVMFuzzerTestOneInput(const unsigned char *data, size_t n)
{
	char *text = xstrndup((const char *)data, n);
	json_t *number = answer_number(text), *choice = answer_choice(text, "ABCD");
	json_t *whole = answer_text(text);

	if (number && !isfinite(json_real_value(number)))
		abort();
	json_decref(number);
	json_decref(choice);
	json_decref(whole);
	free(text);
	return 0;
}
