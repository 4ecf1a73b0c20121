/* SPDX-License-Identifier: MIT */
/* judge.c - any bytes as a line that a command answers to seal-eval judge; what is taken is a
 * verdict, and chances that add up to 1. */
#include "../../lib/eval/judge.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#include "../../lib/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void check(const struct choices *c, const json_t *answer)
{
	const char *verdict = json_text(answer, "verdict", NULL);
	json_t *p = json_object_get(answer, "p"), *v;
	const char *name;
	double sum = 0;

	assert(!verdict || choices_find(c, verdict) >= 0);
	json_object_foreach(p, name, v)
	{
		assert(choices_find(c, name) >= 0);
		sum += json_number_value(v);
	}
	assert(!json_is_object(p) || fabs(sum - 1) < 1e-5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct question q[2] = {{0}};
	struct judge j = {0};
	char *line = xstrndup((const char *)data, n);
	struct fault f;
	long which;

	choices_parse(&j.choices, "safe,unsafe, safe,a\\,b");
	if (!answer_read(&j, q, 2, line, n, &which, &f)) {
		assert(which >= 0 && which < 2 && json_is_object(q[which].answer));
		check(&j.choices, q[which].answer);
	}
	for (int i = 0; i < 2; i++)
		question_end(&q[i]);
	choices_free(&j.choices);
	free(line);
	return 0;
}
