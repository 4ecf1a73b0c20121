/* SPDX-License-Identifier: MIT */
/* scores_read.c - reads a scores file; see scores.h.
 *
 * A line is first taken for plain: texts without escapes in ASCII, numbers and nulls, and no value
 * that holds others.  Every line that seal-score writes is plain (but for odd ids), and reading it
 * takes a fifth of the time that a JSON library does.  Any other line goes to that library.
 */
#include "scores.h"

#include <ctype.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

json_t *scores_header(const char *text, size_t n, struct fault *f)
{
	json_t *h = json_parse(text, n, f);

	if (!h)
		return NULL;
	if (strcmp(json_text(h, "seal", ""), "scores"))
		fault(f, "not a scores file (no {\"seal\":\"scores\"} at its head)");
	else if (json_long(h, "rows", -1) < 0)
		fault(f, "\"rows\" is not a count");
	else
		return h;
	json_decref(h);
	return NULL;
}

/* null is NaN. */
static void set(struct scores_cell *cell, double value)
{
	cell->seen = cell->here = 1;
	cell->value = cell->f32 ? (float)value : value;
}

/* The column of this name, or NULL. */
static struct scores_cell *cell_of(struct scores_cell cell[], int cells, const char *key, size_t n)
{
	for (int k = 0; k < cells; k++)
		if (!strncmp(cell[k].name, key, n) && !cell[k].name[n])
			return &cell[k];
	return NULL;
}

/* No column has been read yet of this row. */
static void begin(struct scored *row, struct scores_cell cell[], int cells)
{
	row->id.n = 0;
	for (int k = 0; k < cells; k++) {
		cell[k].value = NAN;
		cell[k].here = 0;
	}
}

/* Each plain_... reads what begins at p and returns where it ends; NULL: it is something else.
 * This one a text without escapes, in ASCII. */
static const char *plain_text(const char *p, const char **text, size_t *n)
{
	if (*p++ != '"')
		return NULL;
	*text = p;
	while (*p >= ' ' && *p < 127 && *p != '"' && *p != '\\')
		p++;
	*n = p - *text;
	return *p == '"' ? p + 1 : NULL;
}

static const char *digits(const char *p)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	while (isdigit((unsigned char)*p))
		p++;
	return p;
}

/* null or a number that a double holds, in JSON's grammar, which is narrower than strtod's. */
static const char *plain_number(const char *p, double *x)
{
	const char *from = p;

	*x = NAN;
	if (!strncmp(p, "null", 4))
		return p + 4;
	p += *p == '-';
	p = *p == '0' ? p + 1 : digits(p);
	if (p && *p == '.')
		p = digits(p + 1);
	if (p && (*p == 'e' || *p == 'E')) {
		p++;
		p = digits(p + (*p == '-' || *p == '+'));
	}
	if (p)
		*x = strtod(from, NULL);
	return p && isfinite(*x) ? p : NULL;
}

/* What was read of a plain line so far. */
struct plain {
	struct scores_cell *cell;
	int cells;
	struct text {
		const char *p; /* NULL: not there yet */
		size_t n;
	} id, hash;
};

/* One "key":value, of which neither key nor value was there before. */
static const char *plain_pair(struct plain *l, const char *p)
{
	struct text key, value, *to = NULL;
	struct scores_cell *cell;
	double x;

	p = plain_text(p, &key.p, &key.n);
	if (!p || *p++ != ':')
		return NULL;
	cell = cell_of(l->cell, l->cells, key.p, key.n);
	if (cell || *p != '"') {
		p = plain_number(p, &x);
		if (cell && cell->here)
			return NULL;
		if (cell && p)
			set(cell, x);
		return p;
	}
	p = plain_text(p, &value.p, &value.n);
	if (key.n == 2 && !memcmp(key.p, "id", 2))
		to = &l->id;
	if (key.n == 4 && !memcmp(key.p, "hash", 4))
		to = &l->hash;
	if (to && to->p)
		return NULL;
	if (to)
		*to = value;
	return p;
}

/* -1: the line is not plain. */
static int plain_row(struct scored *row, struct scores_cell cell[], int cells, const char *p)
{
	struct plain l = {cell, cells, {NULL, 0}, {NULL, 0}};
	char hex[17] = "";

	begin(row, cell, cells);
	if (*p != '{')
		return -1;
	do
		p = plain_pair(&l, p + 1);
	while (p && *p == ',');
	if (!p || strcmp(p, "}") || !l.id.p || !l.hash.p || l.hash.n != 16)
		return -1;
	memcpy(hex, l.hash.p, 16);
	if (hash_parse(hex, &row->hash))
		return -1;
	buf_add(&row->id, l.id.p, l.id.n);
	return 0;
}

/* Any other line, as JSON. */
static int json_row(struct scored *row, struct scores_cell cell[], int cells, const json_t *o,
                    struct fault *f)
{
	const json_t *id = json_object_get(o, "id");
	const char *hash = json_text(o, "hash", NULL);

	begin(row, cell, cells);
	if (!json_is_object(o))
		return fault(f, "not an object");
	if (!json_is_string(id))
		return fault(f, "\"id\" is not a text");
	if (!hash || hash_parse(hash, &row->hash))
		return fault(f, "\"hash\" is not 16 hexadecimal digits");
	for (int k = 0; k < cells; k++) {
		const json_t *v = json_object_get(o, cell[k].name);

		if (v && !json_is_null(v) && !json_is_number(v))
			return fault(f, "\"%s\" is neither a number nor null", cell[k].name);
		if (v)
			set(&cell[k], json_is_null(v) ? NAN : json_number_value(v));
	}
	buf_add(&row->id, json_string_value(id), json_string_length(id));
	return 0;
}

int scores_row(struct scored *row, struct scores_cell cell[], int cells, const char *text, size_t n,
               struct fault *f)
{
	json_t *o;
	int bad;

	if (strlen(text) == n && !plain_row(row, cell, cells, text))
		return 0;
	o = json_parse(text, n, f);
	bad = !o || json_row(row, cell, cells, o, f) ? -1 : 0;
	json_decref(o);
	return bad;
}

struct scores {
	struct zin *in;
	json_t *header;
	long rows; /* that the header promises */
	struct scores_want want[SCORES_FORMULAS];
	struct scores_cell cell[SCORES_FORMULAS * FORMULA_COLUMNS];
	int cells;
	int at[SCORES_FORMULAS][FORMULA_COLUMNS]; /* which cell is the formula's i-th column */
	struct scored row;
};

/* Asks for the columns of formula `which`; what the header says of them is noted. */
static void add_cells(struct scores *s, int which)
{
	const struct formula *f = s->want[which].formula;
	const json_t *all = json_object_get(s->header, "columns"), *one;
	size_t k;

	for (int i = 0; f && i < f->columns; i++) {
		struct scores_cell *c =
			cell_of(s->cell, s->cells, f->column[i], strlen(f->column[i]));

		if (!c)
			*(c = &s->cell[s->cells++]) = (struct scores_cell){.name = f->column[i]};
		s->at[which][i] = c - s->cell;
		json_array_foreach(all, k, one)
		{
			if (strcmp(json_text(one, "name", ""), c->name))
				continue;
			c->seen = 1;
			c->f32 = !strcmp(json_text(one, "type", ""), "f32");
		}
	}
}

struct scores *scores_open(const char *path, const struct scores_want *want)
{
	struct scores *s = xzalloc(1, sizeof *s);
	struct fault f;
	size_t n, raw;
	char *text;

	s->in = zin_open_text(path);
	text = zin_line(s->in, &n, &raw);
	if (!text)
		die("%s: empty, not a scores file", scores_name(s));
	s->header = scores_header(text, n, &f);
	if (!s->header)
		die("%s:1: %s", scores_name(s), f.text);
	s->rows = json_long(s->header, "rows", 0);
	s->row.line = 1;
	for (int w = 0; w < SCORES_FORMULAS && want[w].formula; w++) {
		s->want[w] = want[w];
		add_cells(s, w);
	}
	return s;
}

const char *scores_name(const struct scores *s) { return zin_name(s->in); }

/* At the end of the file: what was asked for must have been there. */
static void check_end(const struct scores *s)
{
	long n = s->row.line - 1;

	if (n < s->rows)
		die("%s: cut short: %ld of %ld rows", scores_name(s), n, s->rows);
	for (int w = 0; n && w < SCORES_FORMULAS && s->want[w].formula; w++)
		for (int i = 0; i < s->want[w].formula->columns; i++)
			if (!s->cell[s->at[w][i]].seen && !s->want[w].optional)
				die("%s: no row has a column \"%s\"", scores_name(s),
				    s->want[w].formula->column[i]);
}

int scores_next(struct scores *s, struct scored **row)
{
	struct scored *r = &s->row;
	struct fault f;
	size_t n, raw;
	char *text = zin_line(s->in, &n, &raw);

	if (!text) {
		check_end(s);
		return 0;
	}
	if (r->line > s->rows)
		die("%s:%ld: more rows than the %ld that the header promises", scores_name(s),
		    r->line + 1, s->rows);
	r->line++;
	if (scores_row(r, s->cell, s->cells, text, n, &f))
		die("%s:%ld: %s", scores_name(s), r->line, f.text);
	for (int w = 0; w < SCORES_FORMULAS && s->want[w].formula; w++) {
		double operand[FORMULA_COLUMNS];

		for (int i = 0; i < s->want[w].formula->columns; i++)
			operand[i] = s->cell[s->at[w][i]].value;
		r->value[w] = formula_value(s->want[w].formula, operand);
	}
	*row = r;
	return 1;
}

void scores_close(struct scores *s)
{
	zin_close(s->in);
	json_decref(s->header);
	buf_free(&s->row.id);
	free(s);
}
