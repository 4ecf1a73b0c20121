/* SPDX-License-Identifier: MIT */
/* dedupe.c - groups of rows that say the same, or nearly; see dedupe.h.
 *
 * Equal rows have equal turns: the same roles and texts, byte for byte, after JSON's escapes and
 * whatever keys the schema puts them under; and what else a turn says (calls of tools, parts that
 * are no text) and what stands beside the turns is the same value.  Lengths are hashed, too, and
 * hashes of 64 bits stand for rows: among 10 million some two are taken for equal that are not
 * with a chance of 3e-6.
 *
 * Of rows with different turns, near ones are searched as minhash.h says.  A shingle's kind is
 * the role of its turn, and rows are near when each role's shingles are: an answer that refuses
 * a hundred questions in the same words makes no duplicates of them, nor does a long system
 * prompt that all rows share.  Since |A and B| >= J |A or B| of each role gives the same of all
 * together, the bands see one set of all roles.
 *
 * One band at a time, rows are sorted by the band's hash, then by place.  Those of one hash are
 * compared: shingle by shingle, with the LOOK_BACK rows before, so that no set of rows takes more
 * than linear time.  Groups are what is connected by such pairs (union-find, the earliest row is
 * a group's root).  Threads make hashes of rows, and nothing else, so they change nothing.
 *
 * Memory holds of a row 4 bytes and, while rows are read, 14 to 21 to find equal ones; for near
 * ones 28 and 4 for each band, which is 104 at 0.8.  Shingles lie in a scratch file, of 4 bytes
 * each.
 * A million rows of 120 words took 54 s of one processor (with --dedupe id 15 s, which is reading
 * them), and 207 MB in all (54 MB).
 */
#include "dedupe.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../base/num.h"
#include "../format/scratch.h"
#include "../rows/places.h"
#include "minhash.h"

enum { CHUNK = 2048, LOOK_BACK = 100 };

/* A text of a row. */
struct text_part {
	int kind; /* its turn's role, or one of below */
	size_t n;
};
enum { PART_TOOLS = ROLE_TEXT + 1, PART_DOCUMENTS, PART_VARIABLES };

struct dedupe {
	const struct schema_opts *schema;
	double alike;
	long rows, room;
	uint32_t *first;     /* [rows] the first row of equal turns */
	struct places *said; /* by the hash of a row's turns: that row, from 1 */

	/* For near ones: of each row that is the first to say what it says, in order. */
	long n, row_room, at_room, band_room;
	uint32_t *row;  /* [n] */
	size_t *at;     /* [n + 1] where its shingles begin, counted in shingles */
	uint32_t *band; /* [n][bands.n] hashes */
	struct bands bands;
	FILE *aside;
	struct shingles chunk[CHUNK]; /* of the last `held` rows, which have no bands yet */
	int held;

	/* The row at hand: texts, one behind the other. */
	struct text_part *part; /* [parts] */
	long parts, part_room;
	struct buf text;
	struct dialogue dialogue; /* to work in, as is lower */
	struct buf lower;
};

enum dedupe_how dedupe_how(const char *option, double *alike)
{
	char *end;

	*alike = 0;
	if (!option)
		return DEDUPE_NOT;
	if (!strcmp(option, "id"))
		return DEDUPE_ID;
	if (!strcmp(option, "exact"))
		return DEDUPE_EXACT;
	*alike = 0.8;
	if (!strcmp(option, "near"))
		return DEDUPE_NEAR;
	if (strncmp(option, "near=", 5))
		die_usage("--dedupe: '%s' is not one of id|exact|near|near=J", option);
	*alike = strtod(option + 5, &end);
	if (end == option + 5 || *end || !(*alike >= 0.1 && *alike <= 1))
		die_usage("--dedupe: '%s': J is a number from 0.1 to 1", option);
	return DEDUPE_NEAR;
}

struct dedupe *dedupe_open(const struct schema_opts *schema, double alike)
{
	struct dedupe *d = xzalloc(1, sizeof *d);

	d->schema = schema;
	d->alike = alike;
	d->said = places_new();
	if (alike) {
		d->bands = bands_for(alike);
		d->aside = scratch_open();
		d->at = xzalloc(d->at_room = 1, sizeof *d->at);
	}
	return d;
}

static void add_part(struct dedupe *d, int kind, const char *text, size_t n)
{
	d->part = xgrow(d->part, d->parts, &d->part_room, sizeof *d->part);
	d->part[d->parts++] = (struct text_part){kind, n};
	buf_add(&d->text, text, n);
}

/* A value as text that does not depend on the order of keys. */
static void add_value(struct dedupe *d, int kind, const json_t *value)
{
	char *text = json_dumps(value, JSON_COMPACT | JSON_SORT_KEYS | JSON_ENCODE_ANY);

	if (!text)
		die("out of memory");
	add_part(d, kind, text, strlen(text));
	free(text);
}

/* What a turn's object says besides its role and its text, such as calls of tools. */
static void add_rest(struct dedupe *d, const struct turn *t)
{
	static const char *const told[] = {"role", "from", "content", "value"};
	json_t *rest = json_object();
	const char *key;
	json_t *value;

	json_object_foreach((json_t *)t->message, key, value)
	{
		int known = json_is_null(value);

		for (int i = 0; i < 4; i++)
			known |= json_is_string(value) && !strcmp(key, told[i]);
		if (!known)
			json_object_set(rest, key, value);
	}
	if (json_object_size(rest))
		add_value(d, t->role, rest);
	json_decref(rest);
}

/* Reads a row's turns with its answer, or where it has none those of its prompt; -1: a fault. */
static int read_parts(struct dedupe *d, const json_t *row, struct fault *f)
{
	struct dialogue *l = &d->dialogue;
	struct fault why;

	d->text.n = d->parts = 0;
	dialogue_clear(l);
	if (schema_turns(d->schema, row, 1, l, f)) {
		dialogue_clear(l);
		if (schema_turns(d->schema, row, 0, l, &why))
			return -1;
	}
	for (int i = 0; i < l->n; i++) {
		add_part(d, l->turn[i].role, l->turn[i].text, l->turn[i].n);
		if (l->turn[i].message)
			add_rest(d, &l->turn[i]);
	}
	if (l->tools)
		add_value(d, PART_TOOLS, l->tools);
	if (l->documents)
		add_value(d, PART_DOCUMENTS, l->documents);
	if (l->variables)
		add_value(d, PART_VARIABLES, l->variables);
	return 0;
}

static uint64_t hash_of_parts(const struct dedupe *d)
{
	struct hash *h = hash_new();
	uint64_t hash;

	for (long i = 0; i < d->parts; i++)
		hash_add(h, (uint64_t[]){d->part[i].kind, d->part[i].n}, 2 * sizeof hash);
	hash_add(h, d->text.p, d->text.n);
	hash = hash_value(h);
	hash_free(h);
	return hash;
}

/* Sorts the shingles of the rows at hand, hashes their bands, and puts them aside. */
static void settle(struct dedupe *d)
{
	const struct bands b = d->bands;
	size_t end = d->at[d->n - d->held];

#pragma omp parallel for schedule(dynamic, 16)
	for (int i = 0; i < d->held; i++) {
		uint32_t least[MINHASH_MOST], *band = d->band + (d->n - d->held + i) * b.n;

		shingles_sort(&d->chunk[i]);
		minhash(&d->chunk[i], least, b.n * b.rows);
		for (int k = 0; k < b.n; k++)
			band[k] = (uint32_t)hash_bytes(least + k * b.rows, b.rows * sizeof *least);
	}
	for (int i = 0; i < d->held; i++) {
		scratch_write(d->aside, d->chunk[i].p, d->chunk[i].n * sizeof *d->chunk[i].p);
		d->at[d->n - d->held + i + 1] = end += d->chunk[i].n;
	}
	d->held = 0;
}

/* The row at hand says what none before it did. */
static void add(struct dedupe *d)
{
	struct shingles *s = &d->chunk[d->held++];
	const char *text = d->text.p;

	s->n = 0;
	for (long i = 0; i < d->parts; text += d->part[i++].n)
		shingles_of_text(s, text, d->part[i].n, d->part[i].kind, &d->lower);
	d->row = xgrow(d->row, d->n, &d->row_room, sizeof *d->row);
	d->at = xgrow(d->at, d->n + 1, &d->at_room, sizeof *d->at);
	d->band = xgrow(d->band, d->n, &d->band_room, d->bands.n * sizeof *d->band);
	d->row[d->n++] = (uint32_t)d->rows;
	if (d->held == CHUNK)
		settle(d);
}

int dedupe_row(struct dedupe *d, const json_t *row, struct fault *f)
{
	uint32_t *said;

	if (read_parts(d, row, f))
		return -1;
	said = places_find(d->said, hash_of_parts(d));
	d->first = xgrow(d->first, d->rows, &d->room, sizeof *d->first);
	if (!*said) {
		*said = (uint32_t)d->rows + 1;
		if (d->alike)
			add(d);
	}
	d->first[d->rows++] = *said - 1;
	return 0;
}

/* The root of a row's group; the way there becomes shorter. */
static uint32_t root(uint32_t up[], uint32_t i)
{
	while (up[i] != i)
		i = up[i] = up[up[i]];
	return i;
}

static void join(uint32_t up[], uint32_t a, uint32_t b)
{
	a = root(up, a);
	b = root(up, b);
	if (a < b)
		up[b] = a;
	else
		up[a] = b;
}

/* Reads the shingles of the i-th that was added. */
static void fetch(const struct dedupe *d, uint32_t i, struct shingles *s)
{
	s->n = (long)(d->at[i + 1] - d->at[i]);
	if (s->n > s->room)
		s->p = xrealloc(s->p, (s->room = 2 * s->n) * sizeof *s->p);
	scratch_read_at(d->aside, s->p, s->n * sizeof *s->p, d->at[i] * sizeof *s->p);
}

/* Compares those of one hash, ascending: joins which are near. */
static void compare(const struct dedupe *d, const uint64_t same[], long n, uint32_t up[])
{
	struct shingles a = {0}, b = {0};

	for (long i = 1; i < n; i++) {
		uint32_t x = (uint32_t)same[i], xn = (uint32_t)(d->at[x + 1] - d->at[x]);
		int here = 0;

		for (long j = i - 1; j >= 0 && j >= i - LOOK_BACK; j--) {
			uint32_t y = (uint32_t)same[j], yn = (uint32_t)(d->at[y + 1] - d->at[y]);

			if (root(up, d->row[x]) == root(up, d->row[y]) ||
			    fmin(xn, yn) < d->alike * fmax(xn, yn) - 1e-9)
				continue;
			if (!here++)
				fetch(d, x, &a);
			fetch(d, y, &b);
			if (shingles_alike(a.p, a.n, b.p, b.n, d->alike))
				join(up, d->row[x], d->row[y]);
		}
	}
	shingles_free(&a);
	shingles_free(&b);
}

static void join_near(struct dedupe *d, uint32_t up[])
{
	uint64_t *sorted = xalloc((d->n + 1) * sizeof *sorted);

	settle(d);
	scratch_rewind(d->aside);
	for (int k = 0; k < d->bands.n; k++) {
		for (long i = 0; i < d->n; i++)
			sorted[i] = (uint64_t)d->band[i * d->bands.n + k] << 32 | (uint64_t)i;
		qsort(sorted, d->n, sizeof *sorted, u64_order);
		for (long i = 0, end; i < d->n; i = end) {
			for (end = i + 1; end < d->n && sorted[end] >> 32 == sorted[i] >> 32; end++)
				;
			compare(d, sorted + i, end - i, up);
		}
	}
	free(sorted);
}

uint32_t *dedupe_keepers(struct dedupe *d, const double score[])
{
	uint32_t *up = xalloc((d->rows + 1) * sizeof *up);
	uint32_t *keeper = xalloc((d->rows + 1) * sizeof *keeper);

	places_free(d->said);
	d->said = NULL;
	for (long i = 0; i < d->rows; i++) {
		keeper[i] = (uint32_t)i;
		up[i] = d->first[i];
	}
	if (d->n)
		join_near(d, up);
	for (long i = 0; i < d->rows; i++) {
		uint32_t r = root(up, (uint32_t)i), best = keeper[r];

		if (score[i] > score[best] || (isnan(score[best]) && !isnan(score[i])))
			keeper[r] = (uint32_t)i;
	}
	for (long i = 0; i < d->rows; i++)
		keeper[i] = keeper[root(up, (uint32_t)i)];
	free(up);
	return keeper;
}

int dedupe_equal(const struct dedupe *d, uint32_t a, uint32_t b)
{
	return d->first[a] == d->first[b];
}

void dedupe_close(struct dedupe *d)
{
	if (!d)
		return;
	for (int i = 0; i < CHUNK; i++)
		shingles_free(&d->chunk[i]);
	if (d->aside)
		fclose(d->aside);
	places_free(d->said);
	free(d->first);
	free(d->row);
	free(d->at);
	free(d->band);
	free(d->part);
	buf_free(&d->text);
	dialogue_free(&d->dialogue);
	buf_free(&d->lower);
	free(d);
}
