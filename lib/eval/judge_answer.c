/* SPDX-License-Identifier: MIT */
/* judge_answer.c - a line of what a command answers: {"id":...} and one of
 *
 *   "text"     what a judge wrote; its choice is the one that it begins with
 *   "choice"   one of the choices; anything else, null too, is none of them
 *   "p"        an object of choices' chances, which need not add up to 1
 */
#include <stdlib.h>

#include "../base/memory.h"
#include "judge.h"

/* Sets p[names], and returns the likeliest of them; -1 with a fault. */
static int chances(const struct choices *c, json_t *o, double p[], struct fault *f)
{
	const char *name;
	json_t *v;
	int best = 0;

	json_object_foreach(o, name, v)
	{
		int i = choices_find(c, name);
		double x = json_number_value(v);

		if (i < 0)
			return fault(f, "\"p\" has '%.40s', which is none of the choices", name);
		if (!json_is_number(v) || !(x >= 0 && x <= 1e30))
			return fault(f, "\"p\" of '%.40s' is not a number from 0 to 1e30", name);
		p[i] = x;
		best = p[i] > p[best] ? i : best;
	}
	return p[best] > 0 ? best : fault(f, "\"p\" has no number above 0");
}

/* What the object says; owned, or NULL with a fault. */
static json_t *answer_of(const struct choices *c, const json_t *o, struct fault *f)
{
	const json_t *text = json_object_get(o, "text"), *choice = json_object_get(o, "choice");
	json_t *p = json_object_get(o, "p"), *answer = NULL;

	if (!text + !choice + !p != 2) {
		fault(f, "it has not one of \"text\", \"choice\" and \"p\"");
	} else if (json_is_object(p)) {
		double *chance = xzalloc(c->names, sizeof *chance);
		int best = chances(c, p, chance, f);

		answer = best < 0 ? NULL : verdict_chances(c, best, chance);
		free(chance);
	} else if (json_is_string(text)) {
		answer = verdict_choice(c, choices_begin(c, json_string_value(text)));
	} else if (json_is_string(choice) || json_is_null(choice)) {
		const char *name = json_string_value(choice);

		answer = verdict_choice(c, name ? choices_find(c, name) : -1);
	} else {
		fault(f, "\"text\" or \"choice\" is no text, or \"p\" no object");
	}
	return answer;
}

int answer_read(const struct judge *j, struct question q[], long n, const char *line, size_t bytes,
                long *which, struct fault *f)
{
	struct fault why;
	json_t *o = json_parse(line, bytes, &why), *id = json_object_get(o, "id");
	long i = json_is_integer(id) ? (long)json_integer_value(id) : 0;
	int quoted = (int)(bytes < 80 ? bytes : 80);

	*which = i - 1;
	if (!json_is_object(o))
		fault(f, "a line that is no JSON object: %.*s", quoted, line);
	else if (i < 1 || i > n)
		fault(f, "a line whose \"id\" was not asked: %.*s", quoted, line);
	else if (q[i - 1].answer)
		fault(f, "a second answer to \"id\" %ld: %.*s", i, quoted, line);
	else if (!(q[i - 1].answer = answer_of(&j->choices, o, &why)))
		fault(f, "of the line %.*s: %s", quoted, line, why.text);
	else
		quoted = -1;
	json_decref(o);
	return quoted < 0 ? 0 : -1;
}
