/* SPDX-License-Identifier: MIT */
/* import.c - scores from a selector that was trained elsewhere and saved by torch.save
 * (../format/pt.h).
 *
 * Its logits are the scores of the rows, in their order; where no rows are given, of rows whose
 * ids are the line numbers.
 */
#include <math.h>
#include <stdio.h>

#include "../base/hash.h"
#include "../format/pt.h"
#include "row_list.h"
#include "score.h"

static struct {
	const char *file;
} import;

static const struct opt options[] = {
	{"selector", 0, OPT_TEXT, 0, "FILE.pt", "logits that torch.save wrote", 0, 0},
	{0},
};

static const struct opt_group groups[] = {{"Import (--method import)", options, &import}, {0}};

static void check(const struct score_opts *o, int chosen)
{
	(void)o;
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
	row_list_read(rows, run);
	if (rows->n != t->n)
		warn("%s has %ld values, %s has %ld rows: where rows were left out before the "
		     "selector was trained, values stand beside the wrong rows",
		     import.file, t->n, run->n > 1 ? "the input" : run->paths[0], rows->n);
}

static double logit(void *selector, long i)
{
	const struct pt *t = selector;

	return i < t->n ? pt_value(t, i) : NAN;
}

static void run(struct score_run *run)
{
	struct row_list rows = {0};
	struct fault f;
	struct pt t;
	size_t bytes;
	const void *map = zio_map(import.file, &bytes);

	if (pt_parse(&t, map, bytes, &f))
		die("%s: %s", import.file, f.text);
	name_rows(&rows, run, &t);
	json_object_set_new(run->header, "selector", json_hash(hash_bytes(map, bytes)));
	row_list_write(&rows, run, logit, &t);
	zio_unmap(map, bytes);
}

const struct method method_import = {
	.name = "import",
	.what = "a selector trained elsewhere",
	.score = "score",
	.options = groups,
	.columns = score_column,
	.check = check,
	.run = run,
};
