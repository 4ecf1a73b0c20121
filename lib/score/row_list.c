/* SPDX-License-Identifier: MIT */
/* row_list.c - see row_list.h. */
#include "row_list.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../rows/row.h"

void row_list_add(struct row_list *l, const char *id, uint64_t hash, long line)
{
	if (l->n == l->room) {
		l->room = l->room * 3 / 2 + 1024;
		l->row = xrealloc(l->row, l->room * sizeof *l->row);
	}
	l->row[l->n++] = (struct row_name){hash, l->ids.n, line};
	buf_add(&l->ids, id, strlen(id) + 1);
}

void row_list_read(struct row_list *l, char *const paths[], int n, const struct fate_opts *opts)
{
	struct fates *fates = fates_open(opts);
	struct rows *rows = rows_open(paths, n, fates, opts, 0);
	struct row row;

	while (rows_next(rows, &row)) {
		row_list_add(l, row.id, row.hash, row.line);
		fate_kept(fates, row.id, row.line);
	}
	rows_close(rows);
	fates_close(fates, 0);
}

void row_list_write(const struct row_list *l, long i, struct scores_out *out, double score)
{
	const struct row_name *row = &l->row[i];
	const char *id = l->ids.p + row->id;

	scores_add(out, id, strlen(id), row->hash, row->line, &score);
}

void row_list_free(struct row_list *l)
{
	free(l->row);
	buf_free(&l->ids);
}

const struct column *score_column(void)
{
	static const struct column columns[] = {
		{"score", COLUMN_F64, "the method's one number: higher, rather keep the row"},
		{0},
	};

	return columns;
}
