/* SPDX-License-Identifier: MIT */
/* several.c - see several.h. */
#include "several.h"

#include <math.h>
#include <stdlib.h>

#include "../base/hash.h"
#include "../base/memory.h"

/* The place of a row that file k scores: the first file's rows are new, those of the others are
 * looked up. */
static long place_of(struct several *s, int k, const struct scored *r)
{
	uint32_t *at = places_find(s->at, hash_bytes(r->id.p, r->id.n));
	struct several_row *row;

	if (!*at && k)
		die("%s: lacks the row %s of %s:%ld", s->name[0], r->id.p, s->name[k], r->line);
	if (!*at) {
		*at = s->n + 1;
		s->row = xgrow(s->row, s->n, &s->room, sizeof *s->row);
		s->row[s->n++] =
			(struct several_row){.id = xstrdup(r->id.p),
		                             .hash = r->hash,
		                             .line = isnan(r->value[1]) ? 0 : (long)r->value[1]};
	}
	row = &s->row[*at - 1];
	if (row->files > k)
		die("%s:%ld: the row %s is scored twice", s->name[k], r->line, r->id.p);
	if (row->hash != r->hash)
		die("%s:%ld: the row %s has another hash than in %s: another data set", s->name[k],
		    r->line, r->id.p, s->name[0]);
	row->files++;
	return *at - 1;
}

static void read_file(struct several *s, int k, const char *path, const struct formula *f)
{
	const struct formula line = formula_option("line", "line");
	const struct scores_want want[SCORES_FORMULAS] = {{f, 0}, {&line, 1}};
	struct scores *scores = scores_open(path, want);
	long room = s->n;
	struct scored *r;

	s->name[k] = xstrdup(scores_name(scores));
	s->score[k] = xalloc(room * sizeof *s->score[k]);
	while (scores_next(scores, &r)) {
		long i = place_of(s, k, r);

		s->score[k] = xgrow(s->score[k], i, &room, sizeof *s->score[k]);
		s->score[k][i] = r->value[0];
	}
	scores_close(scores);
	for (long i = 0; i < s->n; i++)
		if (s->row[i].files == k)
			die("%s: lacks the row %s of %s", s->name[k], s->row[i].id, s->name[0]);
}

void several_read(struct several *s, char *const paths[], int n, const struct formula *f)
{
	*s = (struct several){.files = n, .at = places_new()};
	s->name = xzalloc(n, sizeof *s->name);
	s->score = xzalloc(n, sizeof *s->score);
	for (int k = 0; k < n; k++)
		read_file(s, k, paths[k], f);
}

void several_close(struct several *s)
{
	for (int k = 0; k < s->files; k++) {
		free(s->name[k]);
		free(s->score[k]);
	}
	for (long i = 0; i < s->n; i++)
		free(s->row[i].id);
	free(s->name);
	free(s->score);
	free(s->row);
	places_free(s->at);
}
