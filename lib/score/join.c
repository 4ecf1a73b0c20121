/* SPDX-License-Identifier: MIT */
/* join.c - rows joined with their scores; see join.h. */
#include "join.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../base/hash.h"
#include "../rows/places.h"

/* Reads the next score. */
static void advance(struct join *j)
{
	if (!scores_next(j->scores, &j->next))
		j->next = NULL;
}

struct join *join_open(const char *path, const struct scores_want *want)
{
	struct join *j = xzalloc(1, sizeof *j);

	while (j->formulas < SCORES_FORMULAS && want[j->formulas].formula)
		j->formulas++;
	if (!path)
		return j;
	j->scores = scores_open(path, want);
	j->name = xstrdup(scores_name(j->scores));
	advance(j);
	return j;
}

static void grow(struct join *j)
{
	j->room = j->room * 3 / 2 + 1024;
	for (int f = 0; f < j->formulas; f++)
		j->value[f] = xrealloc(j->value[f], j->room * sizeof **j->value);
	j->hash = xrealloc(j->hash, j->room * sizeof *j->hash);
	j->key = xrealloc(j->key, j->room * sizeof *j->key);
	j->scored = xrealloc(j->scored, j->room);
}

/* The score at hand is this row's. */
static void take(struct join *j, long row)
{
	if (j->next->hash != j->hash[row])
		die("%s:%ld: the row %s that was scored has another hash: another data set",
		    j->name, j->next->line, j->next->id.p);
	for (int f = 0; f < j->formulas; f++)
		j->value[f][row] = j->next->value[f];
	j->scored[row] = 1;
	j->found++;
	advance(j);
}

void join_row(struct join *j, const char *id, size_t id_n, uint64_t hash)
{
	long row = j->n++;

	if (row == UINT32_MAX - 1)
		die("too many rows");
	if (j->n > j->room)
		grow(j);
	for (int f = 0; f < j->formulas; f++)
		j->value[f][row] = NAN;
	j->hash[row] = hash;
	j->key[row] = hash_bytes(id, id_n);
	j->scored[row] = 0;
	if (j->next && j->next->id.n == id_n && !memcmp(j->next->id.p, id, id_n))
		take(j, row);
}

/* Finds the rows of the scores that are left, by the hashes of their ids. */
static void look_up(struct join *j, int all)
{
	struct places *rows = places_new();

	for (long i = 0; i < j->n; i++)
		*places_find(rows, j->key[i]) = i + 1;
	while (j->next) {
		const struct scored *s = j->next;
		const uint32_t *at = places_look(rows, hash_bytes(s->id.p, s->id.n));

		if (!at && all)
			die("%s:%ld: the row %s that was scored is not there: another data set",
			    j->name, s->line, s->id.p);
		if (at && j->scored[*at - 1])
			die("%s:%ld: the row %s is scored twice", j->name, s->line, s->id.p);
		if (at)
			take(j, *at - 1);
		else
			advance(j);
	}
	places_free(rows);
}

void join_end(struct join *j, int all)
{
	if (j->next)
		look_up(j, all);
	if (j->scores)
		scores_close(j->scores);
	j->scores = NULL;
	free(j->key);
	j->key = NULL;
}

void join_close(struct join *j)
{
	if (j->scores)
		scores_close(j->scores);
	for (int f = 0; f < j->formulas; f++)
		free(j->value[f]);
	free(j->hash);
	free(j->key);
	free(j->scored);
	free((char *)j->name);
	free(j);
}

/* A column of all rows of the tokens. */
static float *values(const char *path, const char *column, const struct tokens *d)
{
	const struct formula f = formula_option(column, column);
	struct join *j = join_open(path, (struct scores_want[SCORES_FORMULAS]){{&f, 0}});
	float *w = xalloc(d->rows * sizeof *w);
	char id[128];

	for (long i = 0; i < d->rows; i++) {
		struct tokens_row r = tokens_row(d, i);

		join_row(j, r.id, r.id_n, r.hash);
	}
	join_end(j, 0);
	for (long i = 0; i < d->rows; i++) {
		tokens_id(d, i, id, sizeof id);
		if (!j->scored[i])
			die("%s: the row %s has no score", j->name, id);
		if (isnan(j->value[0][i]))
			die("%s: the %s of row %s is null", j->name, column, id);
		w[i] = (float)j->value[0][i];
		if (!isfinite(w[i]))
			die("%s: the %s of row %s is too large", j->name, column, id);
	}
	join_close(j);
	return w;
}

float *score_weights(const char *path, const struct tokens *d) { return values(path, "weight", d); }

float *score_values(const char *path, const struct tokens *d) { return values(path, "score", d); }
