/* SPDX-License-Identifier: MIT */
/* row_list.c - reads rows, remembers who they are, and writes their scores; see row_list.h. */
#include "row_list.h"

#include <stdlib.h>
#include <string.h>

#include "../base/memory.h"
#include "../rows/row.h"
#include "score.h"

void row_list_add(struct row_list *l, const char *id, uint64_t hash, long line)
{
	l->row = xgrow(l->row, l->n, &l->room, sizeof *l->row);
	l->row[l->n++] = (struct row_name){hash, l->ids.n, line};
	buf_add(&l->ids, id, strlen(id) + 1);
}

void row_list_read(struct row_list *l, const struct score_run *run)
{
	const struct fate_opts *opts = &run->o->fate;
	struct fates *fates = fates_open(opts);
	struct rows *rows = rows_open(run->paths, run->n, fates, opts, 0);
	struct row row;

	while (rows_next(rows, &row)) {
		row_list_add(l, row.id, row.hash, row.line);
		fate_kept(fates, row.id, row.line);
	}
	rows_close(rows);
	fates_close(fates, 0);
}

void row_list_write(struct row_list *l, struct score_run *run, double (*score)(void *ctx, long i),
                    void *ctx)
{
	struct share share = share_of(run, l->n);
	struct scores_out *out =
		scores_create(run->out, run->header, run->columns, &run->score, l->n, share);

	for (long i = 0; i < l->n; i++) {
		const struct row_name *row = &l->row[i];
		const char *id = l->ids.p + row->id;
		double value = score(ctx, i);

		if (i >= share.first && i < share.end)
			scores_add(out, id, strlen(id), row->hash, row->line, &value);
	}
	scores_finish(out);
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
