/* SPDX-License-Identifier: MIT */
/* import.c - see import.h. */
#include "import.h"

#include <math.h>
#include <stdlib.h>

#include "../base/hash.h"
#include "../base/memory.h"
#include "../rows/row.h"
#include "../format/pt.h"

#define AT(field) offsetof(struct import_opts, field)

const struct opt import_options[] = {
	{"import", 0, OPT_TEXT, AT(file), "FILE.pt",
         "a selector's logits, saved by torch.save, are the scores", 0, 0},
	{"rows", 0, OPT_TEXT, AT(rows), "ROWS", "the rows that it was trained on, in their order",
         0, 0},
	{0},
};

struct list {
	struct score *row;
	long n, cap;
};

static void add(struct list *l, const char *id, uint64_t hash, long line, const struct pt *t)
{
	if (l->n == l->cap) {
		l->cap = l->cap * 3 / 2 + 1024;
		l->row = xrealloc(l->row, l->cap * sizeof *l->row);
	}
	l->row[l->n] = (struct score){
		.id = xstrdup(id),
		.hash = hash,
		.line = line,
		.score = l->n < t->n ? pt_value(t, l->n) : NAN,
		.weight = NAN,
		.visits = -1,
		.last = -1,
		.loss_base = NAN,
		.loss = NAN,
		.loss_hat = NAN,
	};
	l->n++;
}

static void add_rows(struct list *l, const struct import_opts *o, const struct fate_opts *opts,
                     const struct pt *t)
{
	char *path[] = {(char *)o->rows};
	struct fates *fates = fates_open(opts);
	struct rows *rows = rows_open(path, 1, fates, opts, 0);
	struct row row;

	while (rows_next(rows, &row)) {
		add(l, row.id, row.hash, row.line, t);
		fate_kept(fates, row.id, row.line);
	}
	rows_close(rows);
	fates_close(fates, 0);
	if (l->n != t->n)
		warn("%s has %ld values, %s has %ld rows: where rows were left out before the "
		     "selector was trained, "
		     "values stand beside the wrong rows",
		     o->file, t->n, o->rows, l->n);
}

static void add_lines(struct list *l, const struct pt *t)
{
	char id[24];

	for (long i = 1; i <= t->n; i++) {
		snprintf(id, sizeof id, "%ld", i);
		add(l, id, 0, i, t);
	}
}

void score_import(const struct import_opts *o, const struct fate_opts *opts, struct zout *out)
{
	struct list l = {0};
	struct fault f;
	struct pt t;
	size_t bytes;
	const void *map = zio_map(o->file, &bytes);
	json_t *header = json_pack("{s:s}", "method", "import");
	char hex[17];

	if (pt_parse(&t, map, bytes, &f))
		die("%s: %s", o->file, f.text);
	if (o->rows)
		add_rows(&l, o, opts, &t);
	else
		add_lines(&l, &t);
	hash_hex(hash_bytes(map, bytes), hex);
	json_object_set_new(header, "selector", json_string(hex));
	scores_write(out, header, l.row, l.n);
	for (long i = 0; i < l.n; i++)
		free(l.row[i].id);
	free(l.row);
	json_decref(header);
	zio_unmap(map, bytes);
}
