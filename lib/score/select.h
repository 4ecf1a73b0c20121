/* SPDX-License-Identifier: MIT */
/* select.h - seal-select: the rows worth keeping, the very bytes read. */
#ifndef SEAL_SELECT_H
#define SEAL_SELECT_H

#include "../base/opt.h"
#include "../format/zio.h"
#include "../rows/fate.h"
#include "../rows/schema.h"

/* At most one of keep, threshold, top, bottom is given, and without dedupe and mix exactly one; of
 * the others texts are NULL, counts 0. */
struct select_opts {
	const char *scores;    /* a file; with dedupe or mix it may be NULL */
	const char *by;        /* the score's formula */
	const char *keep;      /* "80%" or a count: so many of the best rows; or "auto" */
	const char *by_group;  /* a row's key: keep counts for the rows of each of its values */
	const char *threshold; /* a number: the least score */
	long top, bottom;      /* so many of the best, or of the worst, in their order */
	const char *add;       /* a file of rows that are written after them, or NULL */
	const char *dedupe;    /* id, exact, near or near=J, or NULL */
	int mix;               /* paths are FILE:SHARE, and keep a count or NULL */
	long seed;             /* decides which rows are mixed where no scores do */
	int invert, annotate;
	long threads; /* 0: one a core */
	struct schema_opts schema;
	struct zstd_opts packing;
};
#define SELECT_DEFAULTS        \
	{                      \
		.by = "score", \
	}
extern const struct opt select_options[];

/* Reads the rows of n files (0: of stdin) and writes those that are picked to output (NULL:
 * stdout), in the order in which they were read, or with top and bottom by their rank.  No byte
 * goes out before every check is done. */
void select_rows(char *const paths[], int n, const struct select_opts *, const struct fate_opts *,
                 const char *output);

#endif
