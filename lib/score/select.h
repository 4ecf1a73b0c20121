/* SPDX-License-Identifier: MIT */
/* select.h - seal-select: the rows worth keeping, the very bytes read. */
#ifndef SEAL_SELECT_H
#define SEAL_SELECT_H

#include "../base/opt.h"
#include "../format/zio.h"
#include "../rows/fate.h"

/* Exactly one of keep, threshold, top, bottom is given (NULL or 0: not); by_group, a
 * row's key, may go with keep, which then counts for the rows of each of its values. */
struct select_opts {
	const char *scores, *by, *keep, *threshold, *add, *by_group;
	long top, bottom;
	int invert, annotate, dedupe;
	struct zstd_opts packing;
};
#define SELECT_DEFAULTS        \
	{                      \
		.by = "score", \
	}
extern const struct opt select_options[];

/* Reads the rows (paths: n names, none means stdin), puts them aside in a file without a
 * name, since a share counts them all and no byte goes out before every check is done, and
 * writes those that are picked to `output` (NULL: stdout). */
void select_rows(char *const paths[], int n, const struct select_opts *, const struct fate_opts *,
                 const char *output);

#endif
