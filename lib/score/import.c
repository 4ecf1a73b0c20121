/* SPDX-License-Identifier: MIT */
/* import.c - scores from a selector that was trained elsewhere and saved by torch.save
 * (../format/pt.h): its logits are the scores of the rows, in their order, or of rows whose
 * ids are the line numbers where no rows are given. */
#include <math.h>
#include <stdio.h>

#include "../base/hash.h"
#include "../format/pt.h"
#include "method.h"
#include "row_list.h"
#include "score.h"

static struct {
	const char *file;
} import;

static const struct opt options[] = {
	{"selector", 0, OPT_TEXT, 0, "FILE.pt", "logits that torch.save wrote", 0, 0},
	{0},
};

static void check(const struct score_opts *o, int operands, int chosen)
{
	(void)o, (void)operands;
	if (import.file && !chosen)
		die_usage("--selector is for --method import");
	if (!import.file && chosen)
		die_usage("--method import needs --selector FILE.pt");
}

static void name_rows(struct row_list *rows, const struct score_run *run, const struct pt *t)
{
	char id[24];

	for (long i = 1; !run->n && i <= t->n; i++) {
		snprintf(id, sizeof id, "%ld", i);
		row_list_add(rows, id, 0, i);
	}
	if (!run->n)
		return;
	row_list_read(rows, run->paths, run->n, &run->o->fate);
	if (rows->n != t->n)
		warn("%s has %ld values, %s has %ld rows: where rows were left out before the "
		     "selector was trained, values stand beside the wrong rows",
		     import.file, t->n, run->n > 1 ? "the input" : run->paths[0], rows->n);
}

static void run(struct score_run *run)
{
	struct row_list rows = {0};
	struct scores_out *out;
	struct fault f;
	struct pt t;
	size_t bytes;
	const void *map = zio_map(import.file, &bytes);
	char hex[17];

	if (pt_parse(&t, map, bytes, &f))
		die("%s: %s", import.file, f.text);
	name_rows(&rows, run, &t);
	hash_hex(hash_bytes(map, bytes), hex);
	json_object_set_new(run->header, "selector", json_string(hex));
	out = scores_create(run->out, run->header, score_column(), &run->score, rows.n);
	for (long i = 0; i < rows.n; i++)
		row_list_write(&rows, i, out, i < t.n ? pt_value(&t, i) : NAN);
	scores_finish(out);
	row_list_free(&rows);
	zio_unmap(map, bytes);
}

static const struct opt_group groups[] = {{"Import (--method import)", options, &import}, {0}};

const struct method method_import = {
	.name = "import",
	.what = "a selector trained elsewhere",
	.score = "score",
	.options = groups,
	.columns = score_column,
	.check = check,
	.run = run,
};
