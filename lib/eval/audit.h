/* SPDX-License-Identifier: MIT */
/* audit.h - how far scores follow the order in which training visited the rows. */
#ifndef SEAL_AUDIT_H
#define SEAL_AUDIT_H

#include "../base/opt.h"
#include "../format/jsonl.h"

struct audit_opts {
	const char *by, *order; /* the score's formula; a file of ids */
};
extern const struct opt audit_options[];
#define AUDIT_DEFAULTS        \
	{                     \
		"score", NULL \
	}

/* Of the scores in path (NULL: stdin): {"n","rho","chance","tenths":[{"n","mean","kept"}]}, owned.
 * rho is Spearman(score, last visit) over the n rows that have both; chance = 3/sqrt(n), which
 * |rho| of scores that know nothing of the order passes one time in 370; for each tenth of the
 * epoch, by last visit, how many rows, their mean score, and the share of them among the best
 * 80 %.  The last visits are the scores' own, or the line of the row's id in the file `order`,
 * where the last mention counts. */
json_t *evaluate_audit(const char *path, const struct audit_opts *);

#endif
