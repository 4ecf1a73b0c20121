/* SPDX-License-Identifier: MIT */
/* tokenizer_normalize.c - the normaliser's steps: text put before, text replaced, and the
 * normal forms of Unicode. */
#include "tokenizer_in.h"

#include <string.h>

void replace_text(struct buf *out, struct view s, const char *from, const char *to)
{
	size_t n = strlen(from), m = strlen(to);
	const char *hit;

	buf_need(out, s.n);
	while ((hit = text_find(s, from, n))) {
		size_t before = hit - s.p;

		buf_add(out, s.p, before);
		buf_add(out, to, m);
		s.p += before + n;
		s.n -= before + n;
	}
	buf_add(out, s.p, s.n);
}

struct view tokenizer_normalize(const struct tokenizer *t, struct buf work[2], struct view s,
                                int prefix)
{
	int turn = 0;

	for (int i = 0; i < t->norms && s.n; i++) {
		const struct norm_step *step = &t->norm[i];
		struct buf *out = &work[turn];

		out->n = 0;
		if (step->kind == NORM_PREPEND) {
			if (!prefix)
				continue;
			buf_str(out, step->to);
			buf_add(out, s.p, s.n);
		} else if (step->kind == NORM_REPLACE) {
			replace_text(out, s, step->from, step->to);
		} else {
			if (unicode_is_plain(step->form, s.p, s.n))
				continue;
			unicode_normalize(step->form, s.p, s.n, out);
		}
		s = (struct view){out->p, out->n};
		turn = !turn;
	}
	return s;
}
