/* SPDX-License-Identifier: MIT */
/* detect.h - how well scores tell unsafe rows from safe ones. */
#ifndef SEAL_DETECT_H
#define SEAL_DETECT_H

#include "../base/opt.h"
#include "../format/jsonl.h"

struct detect_opts {
	const char *scores, *by, *label_key, *unsafe, *group, *keep;
};
extern const struct opt detect_options[];
#define DETECT_DEFAULTS                                                                 \
	{                                                                               \
		.by = "score", .label_key = "label", .unsafe = "unsafe", .keep = "80%", \
	}

/* Reads the rows (none: stdin), whose label is `unsafe` or another, and which may be a part
 * of the scored ones.  The result object (owned) has auroc (unsafe lower), the share of
 * unsafe rows kept, rho = Spearman(score, last) among safe rows. */
json_t *evaluate_detect(char *const paths[], int n, const struct detect_opts *);

#endif
