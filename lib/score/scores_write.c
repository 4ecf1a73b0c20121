/* SPDX-License-Identifier: MIT */
/* scores_write.c - writes a scores file; see scores.h. */
#include "scores.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "../base/hash.h"
#include "../base/memory.h"

struct scores_out {
	struct zout *out;
	const struct column *column;
	const struct formula *score;
	int operand[FORMULA_COLUMNS]; /* which column is the formula's i-th */
	long left;                    /* rows that are still to come */
	struct buf line;
};

/* The place of a column in the list, or -1. */
static int find(const struct column column[], const char *name)
{
	for (int k = 0; column[k].name; k++)
		if (!strcmp(column[k].name, name))
			return k;
	return -1;
}

const char *columns_lack(const struct column column[], const struct formula *f)
{
	for (int i = 0; i < f->columns; i++)
		if (find(column, f->column[i]) < 0)
			return f->column[i];
	return NULL;
}

static const char *const type_name[] = {"f32", "f64", "count"};

/* What the header says of the columns; owned. */
static json_t *described(const struct column column[])
{
	json_t *all = json_array();

	for (; column->name; column++)
		json_array_append_new(all, json_pack("{s:s, s:s, s:s}", "name", column->name,
		                                     "type", type_name[column->type], "meaning",
		                                     column->meaning));
	return all;
}

struct scores_out *scores_create(struct zout *out, const json_t *header,
                                 const struct column column[], const struct formula *score,
                                 long rows, struct share share)
{
	struct scores_out *s = xzalloc(1, sizeof *s);
	json_t *first = json_pack("{s:s, s:I, s:O, s:s, s:o}", "seal", "scores", "rows",
	                          (json_int_t)rows, "method", json_object_get(header, "method"),
	                          "score", score->text, "columns", described(column));

	assert(!columns_lack(column, score));
	*s = (struct scores_out){out, column, score, .left = share.end - share.first};
	for (int i = 0; i < score->columns; i++)
		s->operand[i] = find(column, score->column[i]);
	json_object_update_missing(first, (json_t *)header);
	if (share.head)
		json_write_line(out, first);
	json_decref(first);
	return s;
}

static void put(struct buf *b, enum column_type type, double x)
{
	if (type == COLUMN_F64 || !isfinite(x))
		json_put_real(b, x);
	else
		buf_fmt(b, type == COLUMN_F32 ? "%.9g" : "%.0f", x);
}

void scores_add(struct scores_out *s, const char *id, size_t id_n, uint64_t hash, long line,
                const double value[])
{
	double operand[FORMULA_COLUMNS];
	struct buf *b = &s->line;
	char hex[17];

	assert(s->left > 0);
	s->left--;
	for (int i = 0; i < s->score->columns; i++)
		operand[i] = value[s->operand[i]];
	hash_hex(hash, hex);
	b->n = 0;
	buf_str(b, "{\"id\":");
	json_put_text(b, id, id_n);
	buf_fmt(b, ",\"hash\":\"%s\",\"line\":%ld,\"score\":", hex, line);
	put(b, COLUMN_F64, formula_value(s->score, operand));
	for (int k = 0; s->column[k].name; k++) {
		if (!strcmp(s->column[k].name, "score"))
			continue;
		buf_fmt(b, ",\"%s\":", s->column[k].name);
		put(b, s->column[k].type, value[k]);
	}
	buf_str(b, "}\n");
	zout_write(s->out, b->p, b->n);
}

void scores_finish(struct scores_out *s)
{
	assert(!s->left);
	buf_free(&s->line);
	free(s);
}
